#include "store/manifest_store.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <random>

#include "support/temp_dir.h"

namespace inference::store {
namespace {

ObjectKey Pool(const std::string& name) {
  return {"inference.networking.k8s.io", "InferencePool", "llm", name};
}
Change Put(const std::string& name, const std::string& text) {
  return {Pool(name), text};
}
Change Delete(const std::string& name) {
  return {Pool(name), std::nullopt};
}
const Author kAlice{"alice", "apply", "test"};
const base::WallTime kNow{std::chrono::seconds(1'700'000'000)};

std::unique_ptr<ManifestStore> OpenIn(const testing::TempDir& dir, int64_t keep = 1000) {
  auto store = ManifestStore::Open(dir / "state.db", keep);
  REQUIRE(store.ok());
  return std::move(*store);
}

std::map<std::string, std::string> Texts(const Result<std::vector<StoredObject>>& objects) {
  REQUIRE(objects.ok());
  std::map<std::string, std::string> out;
  for (const StoredObject& object : *objects) out[object.key.name] = object.text;
  return out;
}

using State = std::map<std::string, std::string>;

TEST_CASE("what is committed is there, also after the file is opened again") {
  const testing::TempDir dir;
  {
    auto store = OpenIn(dir);
    CHECK(*store->generation() == 0);
    CHECK(*store->Commit({Put("a", "1"), Put("b", "2")}, kAlice, kNow) == 1);
    CHECK(*store->Commit({Put("a", "3"), Delete("b")}, kAlice, kNow) == 2);
  }
  auto store = OpenIn(dir);
  CHECK(*store->generation() == 2);
  CHECK(Texts(store->Objects()) == State{{"a", "3"}});
  CHECK(Texts(store->ObjectsAt(1)) == State{{"a", "1"}, {"b", "2"}});
  CHECK(Texts(store->ObjectsAt(0)).empty());
  CHECK(store->ObjectsAt(3).status().code() == Code::kNotFound);
}

TEST_CASE("a commit that changes nothing makes no generation") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  CHECK(*store->Commit({Put("a", "1")}, kAlice, kNow) == 1);
  CHECK(*store->Commit({Put("a", "1"), Delete("never there")}, kAlice, kNow) == 1);
  CHECK(store->History(10)->size() == 1);
}

TEST_CASE("compare-and-set: another generation than expected changes nothing") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  REQUIRE(store->Commit({Put("a", "1")}, kAlice, kNow, 0).ok());
  const auto refused = store->Commit({Put("a", "2")}, kAlice, kNow, 0);
  CHECK(refused.status().code() == Code::kFailedPrecondition);
  CHECK(refused.status().message().find("generation 1, not 0") != std::string::npos);
  CHECK(Texts(store->Objects()) == State{{"a", "1"}});
  CHECK(*store->Commit({Put("a", "2")}, kAlice, kNow, 1) == 2);
}

TEST_CASE("the history says who did what, the newest first") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  REQUIRE(store->Commit({Put("a", "1"), Put("b", "1")}, kAlice, kNow).ok());
  REQUIRE(store
              ->Commit({Put("a", "2"), Delete("b"), Put("c", "1")},
                       {"bob", "delete", "b is broken"}, kNow + std::chrono::hours(1))
              .ok());
  const auto history = store->History(10);
  REQUIRE(history.ok());
  REQUIRE(history->size() == 2);
  const Revision& last = history->front();
  CHECK(last.generation == 2);
  CHECK(last.author.who == "bob");
  CHECK(last.author.reason == "b is broken");
  CHECK(last.at == kNow + std::chrono::hours(1));
  using What = Revision::Item::What;
  REQUIRE(last.items.size() == 3);
  CHECK(last.items[0].what == What::kChanged);
  CHECK(last.items[1].what == What::kDeleted);
  CHECK(last.items[2].what == What::kCreated);
  CHECK(store->History(1)->size() == 1);
}

TEST_CASE("an object that is put twice in one commit has its last text") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  CHECK(*store->Commit({Put("a", "1"), Put("a", "2")}, kAlice, kNow) == 1);
  CHECK(Texts(store->Objects()) == State{{"a", "2"}});
  CHECK(*store->Commit({Delete("a"), Put("a", "2")}, kAlice, kNow) == 2);
  CHECK(Texts(store->ObjectsAt(1)) == State{{"a", "2"}});
}

TEST_CASE("old generations are forgotten, the present state is not") {
  const testing::TempDir dir;
  auto store = OpenIn(dir, 3);
  REQUIRE(store->Commit({Put("keep", "x")}, kAlice, kNow).ok());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(store->Commit({Put("a", std::to_string(i))}, kAlice, kNow).ok());
  }
  CHECK(store->History(100)->size() == 3);
  CHECK(Texts(store->Objects()) == State{{"keep", "x"}, {"a", "9"}});
  CHECK(Texts(store->ObjectsAt(9)) == State{{"keep", "x"}, {"a", "7"}});
  CHECK(store->ObjectsAt(8).status().code() == Code::kNotFound);
  CHECK(store->History(100)->back().items.front().what == Revision::Item::What::kChanged);
}

TEST_CASE("property: ChangesTo leads back to any earlier state") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  std::mt19937 random(7);
  std::vector<State> states{{}};
  for (int i = 0; i < 60; ++i) {
    std::vector<Change> changes;
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      const std::string name(1, static_cast<char>('a' + random() % 6));
      changes.push_back(random() % 3 == 0 ? Delete(name) : Put(name, std::to_string(random() % 5)));
    }
    const int64_t generation = *store->Commit(changes, kAlice, kNow);
    if (generation == static_cast<int64_t>(states.size()))
      states.push_back(Texts(store->Objects()));
    REQUIRE(generation == static_cast<int64_t>(states.size()) - 1);
  }
  for (int i = 0; i < 30; ++i) {
    const auto to = static_cast<int64_t>(random() % states.size());
    REQUIRE(store->Commit(*store->ChangesTo(to), kAlice, kNow).ok());
    CHECK(Texts(store->Objects()) == states[static_cast<size_t>(to)]);
  }
}

TEST_CASE("the file is for its owner alone") {
  const testing::TempDir dir;
  auto store = OpenIn(dir);
  struct stat info{};
  REQUIRE(stat((dir / "state.db").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("a file that is no database, and one from the future, are refused and kept") {
  const testing::TempDir dir;
  const std::string path = dir / "state.db";
  SECTION("no database") {
    const std::string text(4096, 'x');
    std::ofstream(path) << text;
    const auto store = ManifestStore::Open(path);
    REQUIRE_FALSE(store.ok());
    CHECK(store.status().message().find(path) != std::string::npos);
    std::ifstream in(path);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == text);
  }
  SECTION("a newer schema") {
    {
      auto database = Database::Open(path);
      REQUIRE(database.ok());
      REQUIRE(database->Execute("PRAGMA user_version=99").ok());
    }
    const auto store = ManifestStore::Open(path);
    REQUIRE_FALSE(store.ok());
    CHECK(store.status().code() == Code::kFailedPrecondition);
  }
  SECTION("a folder that is not there") {
    const auto store = ManifestStore::Open(dir / "no/such/state.db");
    REQUIRE_FALSE(store.ok());
    CHECK(store.status().code() == Code::kPermissionDenied);
  }
}

}  // namespace
}  // namespace inference::store
