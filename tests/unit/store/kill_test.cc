#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <random>

#include "store/manifest_store.h"
#include "support/temp_dir.h"

namespace inference::store {
namespace {

// Generation g holds exactly g mod 5 + 1 objects, each with the text "g": half a commit would show.
std::vector<Change> ChangesOf(int64_t generation) {
  std::vector<Change> changes;
  for (int64_t i = 0; i < 5; ++i) {
    Change change{{"group", "Kind", "ns", "object-" + std::to_string(i)}, std::nullopt};
    if (i <= generation % 5) change.text = std::to_string(generation);
    changes.push_back(std::move(change));
  }
  return changes;
}

// Commits as fast as it can, and tells each generation once it was answered for.
[[noreturn]] void Child(const std::string& path, int tell) {
  auto store = ManifestStore::Open(path, 20);
  if (!store.ok()) _exit(3);
  while (true) {
    const int64_t next = *(*store)->generation() + 1;
    const auto done = (*store)->Commit(ChangesOf(next), {"child", "apply", ""}, {}, next - 1);
    if (!done.ok() || *done != next) _exit(4);
    if (write(tell, &next, sizeof next) != sizeof next) _exit(5);
  }
}

// Kills the child at some time after it told `tells` commits; the last one told.
int64_t KillAfter(const std::string& path, int tells, std::chrono::microseconds more) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    Child(path, ends[1]);
  }
  close(ends[1]);
  int64_t told = 0, last = 0;
  for (int i = 0; i < tells && read(ends[0], &told, sizeof told) == sizeof told; ++i) last = told;
  usleep(static_cast<useconds_t>(more.count()));
  kill(pid, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFSIGNALED(status));  // not ended by an error of its own
  while (read(ends[0], &told, sizeof told) == sizeof told) last = told;
  close(ends[0]);
  return last;
}

TEST_CASE("kill -9 at any instant loses nothing that was answered for, and leaves nothing half") {
  const testing::TempDir dir;
  const std::string path = dir / "state.db";
  const char* wanted = std::getenv("INFERENCE_KILLS");
  const int kills = wanted == nullptr ? 2000 : std::atoi(wanted);
  std::mt19937 random(11);
  int64_t told = 0;
  for (int i = 0; i < kills; ++i) {
    const auto tells = static_cast<int>(random() % 3);
    told = std::max(told, KillAfter(path, tells, std::chrono::microseconds(random() % 1500)));
    const auto store = ManifestStore::Open(path, 20);
    REQUIRE(store.ok());
    const int64_t generation = *(*store)->generation();
    // One more than was told may have been written: the answer was on its way.
    REQUIRE(generation >= told);
    REQUIRE(generation <= told + 1);
    told = generation;
    const auto objects = (*store)->Objects();
    REQUIRE(objects.ok());
    if (generation == 0) continue;
    REQUIRE(objects->size() == static_cast<size_t>(generation % 5 + 1));
    for (const StoredObject& object : *objects) {
      REQUIRE(object.text == std::to_string(generation));
      REQUIRE(object.generation == generation);
    }
  }
  CHECK(told > kills);  // each child was told to get something done, on average
}

}  // namespace
}  // namespace inference::store
