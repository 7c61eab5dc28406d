#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "api/codes.h"
#include "manifest/reader.h"

namespace inference::manifest {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = fs::temp_directory_path() / "manifest_test.XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name) << text;
  }

 private:
  std::string path_;
};

TEST_CASE("a file's text comes back whole") {
  const Folder folder;
  folder.Write("a.yaml", "a: 1\n");
  folder.Write("empty.yaml", "");
  CHECK(*ReadFile(folder / "a.yaml") == "a: 1\n");
  CHECK(ReadFile(folder / "empty.yaml")->empty());
  fs::create_symlink("a.yaml", folder / "link.yaml");
  CHECK(*ReadFile(folder / "link.yaml") == "a: 1\n");
}

TEST_CASE("what is no regular file of a bearable size is refused at once") {
  const Folder folder;
  CHECK(ReadFile(folder / "none").status().message() ==
        (folder / "none") + ": No such file or directory");
  CHECK(ReadFile(folder / "none").status().code() == Code::kNotFound);
  CHECK_THAT(ReadFile(folder.path()).status().message(), Catch::EndsWith(": Is a directory"));
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK_THAT(ReadFile(folder / "fifo").status().message(), Catch::EndsWith(": not a regular file"));
  CHECK_THAT(ReadFile("/dev/zero").status().message(), Catch::EndsWith(": not a regular file"));
  folder.Write("big.yaml", "");
  fs::resize_file(folder / "big.yaml", 100 << 20);
  CHECK_THAT(ReadFile(folder / "big.yaml").status().message(),
             Catch::Contains("larger than 16777216 bytes"));
  CHECK(ReadFile(folder / "big.yaml", {.max_bytes = 200 << 20}).ok());
  // Files of /proc say that they are empty, and are not.
  CHECK(ReadFile("/proc/self/status")->size() > 100);
  CHECK_FALSE(ReadFile("/proc/self/status", {.max_bytes = 10}).ok());
}

TEST_CASE("folders, globs and files become files, in a stable order") {
  const Folder folder;
  fs::create_directory(folder / "d");
  fs::create_directory(folder / "d/sub.yaml");
  for (const char* name : {"d/b.yaml", "d/a.yml", "d/c.json", "d/.hidden.yaml", "d/notes.txt",
                           "d/a.yaml~", "x1.yaml", "x0.yaml", "odd[1].yaml"}) {
    folder.Write(name, "");
  }
  const auto names = [&](const std::vector<std::string>& paths) {
    const auto files = ExpandPaths(paths, folder.path());
    INFO(files.status().ToString());
    REQUIRE(files.ok());
    std::string out;
    for (const std::string& file : *files) out += fs::path(file).filename().string() + " ";
    return out;
  };
  CHECK(names({"d"}) == "a.yml b.yaml c.json ");
  CHECK(names({"d/"}) == "a.yml b.yaml c.json ");
  CHECK(names({"x*.yaml"}) == "x0.yaml x1.yaml ");
  CHECK(names({"d/notes.txt"}) == "notes.txt ");
  CHECK(names({"odd[1].yaml"}) == "odd[1].yaml ");
  CHECK(names({folder / "d", "x1.yaml", "d", "x?.yaml"}) == "a.yml b.yaml c.json x1.yaml x0.yaml ");
  CHECK(names({}).empty());
  CHECK_FALSE(ExpandPaths({"nope"}, folder.path()).ok());
  CHECK_THAT(ExpandPaths({"nope*.yaml"}, folder.path()).status().message(),
             Catch::EndsWith("nope*.yaml: no file matches"));
}

TEST_CASE("folders in a folder, when asked for; links in a circle end") {
  const Folder folder;
  fs::create_directories(folder / "d/e/f");
  fs::create_directories(folder / "d/.git");
  fs::create_directory(folder / "other");
  for (const char* name :
       {"d/b.yaml", "d/e/a.yml", "d/e/f/c.json", "d/e/f/c.txt", "d/.git/x.yaml", "other/o.yaml"}) {
    folder.Write(name, "");
  }
  fs::create_directory_symlink("..", folder / "d/e/up");
  fs::create_directory_symlink("../../other", folder / "d/e/other");
  const auto relative = [&](Folders folders) {
    const auto files = ExpandPaths({"d"}, folder.path(), folders);
    REQUIRE(files.ok());
    std::string out;
    for (const std::string& file : *files) out += file.substr(folder.path().size() + 1) + " ";
    return out;
  };
  CHECK(relative(Folders::kFlat) == "d/b.yaml ");
  CHECK(relative(Folders::kRecursive) == "d/b.yaml d/e/a.yml d/e/f/c.json d/e/other/o.yaml ");
}

#ifndef __SANITIZE_ADDRESS__  // UndefinedBehaviorSanitizer needs descriptors of its own
TEST_CASE("bug: want of descriptors looked like missing files") {
  const Folder folder;
  folder.Write("a.yaml", "a: 1");
  const auto finding = [](const Status& status) {
    return api::Diagnostic{
        api::Severity::kError, std::string(api::codes::kUnreadable), {}, status.message(), ""};
  };
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const Status read = ReadFile(folder / "a.yaml").status();
  const Status listed = ExpandPaths({folder.path()}, "").status();
  const Status globbed = ExpandPaths({"*.yaml"}, folder.path()).status();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  for (const Status& status : {read, listed, globbed}) {
    INFO(status.ToString());
    CHECK(IsOutOfDescriptors(finding(status)));
  }
  CHECK_FALSE(IsOutOfDescriptors(finding(ReadFile(folder / "none").status())));
}
#endif

TEST_CASE("a link that leads nowhere is not skipped") {
  const Folder folder;
  fs::create_symlink("gone", folder / "a.yaml");
  const auto files = ExpandPaths({folder.path()}, "");
  REQUIRE(files.ok());
  CHECK(files->size() == 1);
}

}  // namespace
}  // namespace inference::manifest
