#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <system_error>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/reader.h"

namespace inference::manifest {
namespace {

Status PathError(const std::string& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound
                    : error == EACCES                   ? Code::kPermissionDenied
                                                        : Code::kUnavailable;
  return {code, fmt::format("{}: {}", base::Printable(path, 400),
                            std::generic_category().message(error))};
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

constexpr size_t kMaxFiles = 100'000;

bool IsManifestName(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

using FolderId = std::pair<dev_t, ino_t>;

// `above`: the folders on the way here. A link to one of them is a loop and is not followed.
Status AddFolder(const std::string& folder, Folders folders, std::vector<FolderId>& above,
                 std::vector<std::string>& files) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  struct stat info{};
  if (!dir || fstat(dirfd(dir.get()), &info) != 0) return PathError(folder, errno);
  const FolderId id(info.st_dev, info.st_ino);
  if (std::find(above.begin(), above.end(), id) != above.end()) return Status::Ok();
  above.push_back(id);
  while (const dirent* entry = readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with('.')) continue;
    std::string path = folder + (folder.ends_with('/') ? "" : "/") + entry->d_name;
    // A dangling link stays in the list, so that reading it says what is wrong.
    if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      if (folders == Folders::kFlat) continue;
      if (Status status = AddFolder(path, folders, above, files); !status.ok()) return status;
    } else if (IsManifestName(name)) {
      files.push_back(std::move(path));
    }
    if (files.size() > kMaxFiles) {
      return {Code::kResourceExhausted,
              fmt::format("{}: more than {} files", base::Printable(folder, 400), kMaxFiles)};
    }
  }
  above.pop_back();
  return Status::Ok();
}

Result<std::vector<std::string>> FilesOfFolder(const std::string& folder, Folders folders) {
  std::vector<std::string> files;
  std::vector<FolderId> above;
  Status status = AddFolder(folder, folders, above, files);
  if (!status.ok()) return status;
  std::sort(files.begin(), files.end());
  return files;
}

// glob() takes a folder that it cannot open for one without files, and tells only this function.
thread_local int glob_errno = 0;
int RememberGlobError(const char*, int error) {
  if (error == EMFILE || error == ENFILE) glob_errno = error;
  return 0;
}

Result<std::vector<std::string>> FilesOfGlob(const std::string& pattern) {
  glob_t found{};
  glob_errno = 0;
  const int error = glob(pattern.c_str(), 0, RememberGlobError, &found);
  std::vector<std::string> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (glob_errno != 0) return PathError(pattern, glob_errno);
  if (error == GLOB_NOMATCH) {
    return Status(Code::kNotFound,
                  fmt::format("{}: no file matches", base::Printable(pattern, 400)));
  }
  if (error != 0) {
    return Status(Code::kUnavailable,
                  fmt::format("{}: the folder cannot be searched", base::Printable(pattern, 400)));
  }
  std::erase_if(files, [](const std::string& file) {
    struct stat info{};
    return stat(file.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  });
  return files;
}

Result<std::vector<std::string>> FilesBehind(const std::string& path, Folders folders) {
  struct stat info{};
  // A file whose name happens to look like a pattern is that file.
  if (stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return FilesOfFolder(path, folders);
    return std::vector<std::string>{path};
  }
  if (path.find_first_of("*?[") != std::string::npos) return FilesOfGlob(path);
  return PathError(path, errno);
}

}  // namespace

bool IsOutOfDescriptors(const api::Diagnostic& finding) {
  if (finding.code != api::codes::kUnreadable) return false;
  return finding.message.ends_with(std::generic_category().message(EMFILE)) ||
         finding.message.ends_with(std::generic_category().message(ENFILE));
}

Result<std::string> ReadFile(const std::string& path, const Limits& limits) {
  // O_NONBLOCK: a FIFO must not hold us before we know that it is one.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (file.fd < 0) return PathError(path, errno);
  struct stat info{};
  if (fstat(file.fd, &info) != 0) return PathError(path, errno);
  if (S_ISDIR(info.st_mode)) return PathError(path, EISDIR);
  if (!S_ISREG(info.st_mode)) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: not a regular file", base::Printable(path, 400)));
  }
  const auto too_large = [&] {
    return Status(Code::kResourceExhausted,
                  fmt::format("{}: larger than {} bytes; split it", base::Printable(path, 400),
                              limits.max_bytes));
  };
  if (static_cast<uint64_t>(info.st_size) > limits.max_bytes) return too_large();
  std::string text;
  text.resize(static_cast<size_t>(info.st_size) + 1);  // one more shows that the file has grown
  size_t size = 0;
  while (true) {
    if (size == text.size()) text.resize(text.size() * 2);
    const ssize_t n = read(file.fd, text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return PathError(path, errno);
    if (n == 0) break;
    size += static_cast<size_t>(n);
    if (size > limits.max_bytes) return too_large();
  }
  text.resize(size);
  return text;
}

Result<std::vector<std::string>> ExpandPaths(const std::vector<std::string>& paths,
                                             const std::string& base_dir, Folders folders) {
  std::vector<std::string> files;
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    const bool relative = !path.starts_with('/') && !base_dir.empty();
    Result<std::vector<std::string>> found = FilesBehind(
        relative ? base_dir + (base_dir.ends_with('/') ? "" : "/") + path : path, folders);
    if (!found.ok()) return found.status();
    for (std::string& file : *found) {
      if (seen.insert(file).second) files.push_back(std::move(file));
    }
  }
  return files;
}

}  // namespace inference::manifest
