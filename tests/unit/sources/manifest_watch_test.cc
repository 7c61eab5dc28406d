#include "sources/manifest_watch.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "recording_sink.h"

namespace inference::sources {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string Set(const std::string& name, int endpoints = 1) {
  std::string text =
      "---\napiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\nmetadata: {name: " + name +
      "}\nspec:\n  endpoints:\n";
  for (int i = 0; i < endpoints; ++i) {
    text +=
        "  - {name: e" + std::to_string(i) + ", address: 10.0.0." + std::to_string(i + 1) + "}\n";
  }
  return text;
}

class Fixture {
 public:
  Fixture() {
    std::string name = fs::temp_directory_path() / "watch_test.XXXXXX";
    root_ = mkdtemp(name.data());
    fs::create_directory(root_ / "d");
    options_.base_dir = root_;
    options_.paths = {"d"};
    options_.debounce = 20ms;
    options_.rescan = 1h;  // only events count, unless a test says otherwise
  }
  ~Fixture() {
    watch_.reset();
    fs::remove_all(root_);
  }

  void Write(const std::string& file, const std::string& text) {
    std::ofstream(root_ / file) << text;
  }
  void Rename(const std::string& from, const std::string& to) {
    fs::rename(root_ / from, root_ / to);
  }
  void Remove(const std::string& file) { fs::remove_all(root_ / file); }

  void Start() {
    watch_ = std::make_unique<ManifestWatch>(options_, sink_);
    REQUIRE(watch_->Start().ok());
    // The first reading is told in any case.
    REQUIRE(sink_.WaitManifests([](const auto&) { return true; }));
  }

  // The sorted names of the sets in the last good telling.
  bool WaitNames(const std::string& names) {
    return sink_.WaitManifests([&](const RecordingSink::Manifests& m) {
      std::string have;
      for (const auto& set : m.set.endpoint_sets) have += set.meta.name + " ";
      return !api::HasErrors(m.diagnostics) && have == names;
    });
  }
  bool WaitError(const std::string& part) {
    return sink_.WaitManifests([&](const RecordingSink::Manifests& m) {
      for (const auto& d : m.diagnostics) {
        if (d.severity == api::Severity::kError && d.ToString().find(part) != std::string::npos) {
          return true;
        }
      }
      return false;
    });
  }

  fs::path root_;
  ManifestWatch::Options options_;
  RecordingSink sink_;
  std::unique_ptr<ManifestWatch> watch_;
};

TEST_CASE_METHOD(Fixture, "files of a folder are read at the start, in order") {
  Write("d/b.yaml", Set("b"));
  Write("d/a.yaml", Set("a"));
  Start();
  CHECK(WaitNames("a b "));
}

TEST_CASE_METHOD(Fixture, "an editor's rename over the file is seen") {
  Write("d/a.yaml", Set("old"));
  Start();
  Write("d/.a.yaml.swp", Set("new"));
  Rename("d/.a.yaml.swp", "d/a.yaml");
  CHECK(WaitNames("new "));
}

TEST_CASE_METHOD(Fixture, "a write in place is seen, of the same size as well") {
  Write("d/a.yaml", Set("old"));
  Start();
  Write("d/a.yaml", Set("new"));
  CHECK(WaitNames("new "));
}

TEST_CASE_METHOD(Fixture, "files that come and go are seen") {
  Write("d/a.yaml", Set("a"));
  Start();
  Write("d/b.yaml", Set("b"));
  CHECK(WaitNames("a b "));
  Remove("d/a.yaml");
  CHECK(WaitNames("b "));
}

TEST_CASE_METHOD(Fixture, "the link exchange of a mounted ConfigMap is seen, again and again") {
  const auto version = [&](const std::string& name) {
    fs::create_directory(root_ / ("d/..v" + name));
    Write("d/..v" + name + "/pool.yaml", Set(name));
    fs::create_directory_symlink("..v" + name, root_ / "d/..data_tmp");
    Rename("d/..data_tmp", "d/..data");
  };
  version("v1");
  fs::create_symlink("..data/pool.yaml", root_ / "d/pool.yaml");
  Start();
  CHECK(WaitNames("v1 "));
  version("v2");
  CHECK(WaitNames("v2 "));
  Remove("d/..vv1");
  version("v3");
  CHECK(WaitNames("v3 "));
}

TEST_CASE_METHOD(Fixture, "the file behind a link elsewhere is watched") {
  fs::create_directory(root_ / "real");
  Write("real/pool.yaml", Set("one"));
  fs::create_symlink(root_ / "real/pool.yaml", root_ / "d/pool.yaml");
  Start();
  Write("real/pool.yaml", Set("two"));
  CHECK(WaitNames("two "));
}

TEST_CASE_METHOD(Fixture, "a folder behind a link can be exchanged") {
  fs::create_directory(root_ / "v1");
  fs::create_directory(root_ / "v2");
  Write("v1/a.yaml", Set("one"));
  Write("v2/a.yaml", Set("two"));
  fs::create_directory_symlink("v1", root_ / "current");
  options_.paths = {"current"};
  Start();
  CHECK(WaitNames("one "));
  fs::create_directory_symlink("v2", root_ / "next");
  Rename("next", "current");
  CHECK(WaitNames("two "));
  Write("v2/a.yaml", Set("three"));
  CHECK(WaitNames("three "));
}

TEST_CASE_METHOD(Fixture, "a folder that appears later is found, however deep") {
  options_.paths = {"x/y/z"};
  Start();
  CHECK(WaitError("x/y/z"));
  fs::create_directories(root_ / "x/y/z");
  Write("x/y/z/a.yaml", Set("late"));
  CHECK(WaitNames("late "));
  Remove("x");
  CHECK(WaitError("No such file or directory"));
  fs::create_directories(root_ / "x/y/z");
  Write("x/y/z/a.yaml", Set("again"));
  CHECK(WaitNames("again "));
}

TEST_CASE_METHOD(Fixture, "what a glob matches may change") {
  options_.paths = {"rack-*/*.yaml"};
  Start();
  CHECK(WaitError("no file matches"));
  fs::create_directory(root_ / "rack-1");
  Write("rack-1/a.yaml", Set("a"));
  CHECK(WaitNames("a "));
  fs::create_directory(root_ / "rack-2");
  Write("rack-2/b.yaml", Set("b"));
  CHECK(WaitNames("a b "));
}

TEST_CASE_METHOD(Fixture, "a bad file is told with its place, and then the good one") {
  Write("d/a.yaml", Set("a"));
  Start();
  Write("d/a.yaml", "apiVersion: [\n");
  CHECK(WaitError("a.yaml:2:1: error: not valid YAML"));
  Write("d/a.yaml", Set("good"));
  CHECK(WaitNames("good "));
}

TEST_CASE_METHOD(Fixture, "an unreadable file is an error, never left out") {
  Write("d/a.yaml", Set("a"));
  fs::create_symlink("nowhere", root_ / "d/b.yaml");
  Start();
  CHECK(WaitError("b.yaml: error: "));
}

TEST_CASE_METHOD(Fixture, "a burst of writes is told once") {
  options_.debounce = 300ms;
  options_.max_wait = 60s;
  Write("d/a.yaml", Set("a0"));
  Start();
  for (int i = 1; i <= 200; ++i) Write("d/a.yaml", Set("a" + std::to_string(i)));
  CHECK(WaitNames("a200 "));
  CHECK(sink_.manifests_told() == 2);  // the start and the burst
}

TEST_CASE_METHOD(Fixture, "writes that never pause are told all the same") {
  options_.debounce = 1h;
  options_.max_wait = 50ms;
  Write("d/a.yaml", Set("a"));
  Start();
  Write("d/a.yaml", Set("b"));
  CHECK(WaitNames("b "));
}

TEST_CASE_METHOD(Fixture, "touching a file without changing it says nothing; Reload does") {
  Write("d/a.yaml", Set("a"));
  Start();
  Write("d/a.yaml", Set("a"));
  Write("d/notes.txt", "not a manifest");
  Write("d/z.yaml", Set("z"));  // comes after the others
  CHECK(WaitNames("a z "));
  CHECK(sink_.manifests_told() == 2);
  watch_->Reload();
  CHECK(sink_.WaitManifestsTold(3));
  CHECK(sink_.manifests_told() == 3);
}

TEST_CASE_METHOD(Fixture, "what is being written is as it was before until it is closed") {
  Write("d/a.yaml", Set("a"));
  fs::create_directory(root_ / "other");
  Write("other/l.yaml", Set("linked"));
  fs::create_symlink("../other/l.yaml", root_ / "d/l.yaml");
  options_.rescan = 10ms;
  Start();
  const auto names_after_reload = [&](const std::string& names) {
    const size_t told = sink_.manifests_told();
    watch_->Reload();
    return sink_.WaitManifestsTold(told + 1) && WaitNames(names);
  };
  std::ofstream file(root_ / "d/a.yaml");  // as `generate > a.yaml`: empty at once
  std::ofstream behind_a_link(root_ / "other/l.yaml");
  std::ofstream fresh(root_ / "d/b.yaml");
  fresh << Set("half") << std::flush;
  CHECK(names_after_reload("a linked "));
  file << Set("first") << std::flush;
  behind_a_link << Set("first") << std::flush;
  CHECK(names_after_reload("a linked "));
  file << Set("second") << std::flush;
  file.close();
  behind_a_link.close();
  fresh.close();
  CHECK(WaitNames("first second half first "));
}

TEST_CASE_METHOD(Fixture, "a change of an extra file is told too") {
  Write("d/a.yaml", Set("a"));
  Write("picker.yaml", "one");
  options_.extra_files = {"picker.yaml"};
  Start();
  Write("picker.tmp", "two");
  Rename("picker.tmp", "picker.yaml");
  CHECK(sink_.WaitManifestsTold(2));
  CHECK(sink_.manifests_told() == 2);
  CHECK(WaitNames("a "));  // an extra file is no manifest
}

TEST_CASE_METHOD(Fixture, "without events the rescan finds the change") {
  Write("d/a.yaml", Set("a"));
  options_.debounce = 1h;  // events lead to nothing
  options_.max_wait = 1h;
  options_.rescan = 20ms;
  // A hard link elsewhere: writing through it sends no event to the watched folder.
  fs::create_directory(root_ / "elsewhere");
  fs::create_hard_link(root_ / "d/a.yaml", root_ / "elsewhere/a.yaml");
  Start();
  Write("elsewhere/a.yaml", Set("changed"));
  CHECK(WaitNames("changed "));
}

TEST_CASE_METHOD(Fixture, "stopping is possible at any time, more than once") {
  Start();
  watch_->Stop();
  watch_->Stop();
  Write("d/a.yaml", Set("a"));
  CHECK(sink_.manifests_told() == 1);
  ManifestWatch never_started(options_, sink_);
  never_started.Stop();
}

}  // namespace
}  // namespace inference::sources
