#include "inferencectl/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>

#include "base/text.h"

namespace inference::ctl {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

Status Failure(const std::string& path, std::string_view what, int error) {
  return {error == EACCES || error == EPERM || error == EROFS ? Code::kPermissionDenied
                                                              : Code::kUnavailable,
          fmt::format("{} {}: {}", what, base::Printable(path, 400),
                      std::generic_category().message(error))};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// A pipe or a device is no file to be replaced.
Status WriteThrough(const std::string& path, std::string_view text) {
  const Descriptor file{open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY)};
  if (file.fd < 0 || !WriteAll(file.fd, text)) return Failure(path, "cannot write", errno);
  return Status::Ok();
}

Status Replace(const std::string& target, std::string_view text, mode_t mode,
               const struct stat* old) {
  const size_t slash = target.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  std::string draft = folder + (folder.ends_with('/') ? "" : "/") + "." +
                      target.substr(slash == std::string::npos ? 0 : slash + 1) + ".XXXXXX";
  const Descriptor file{mkostemp(draft.data(), O_CLOEXEC)};
  if (file.fd < 0) return Failure(target, "cannot write a file beside", errno);
  bool good = WriteAll(file.fd, text);
  if (good && old != nullptr && (old->st_uid != geteuid() || old->st_gid != getegid())) {
    // Before the mode, which a change of owner may reduce.
    good = fchown(file.fd, old->st_uid, old->st_gid) == 0 || errno == EPERM;
  }
  good = good && fchmod(file.fd, mode) == 0 && fsync(file.fd) == 0 &&
         rename(draft.c_str(), target.c_str()) == 0;
  if (!good) {
    const int error = errno;
    unlink(draft.c_str());
    return Failure(target, "cannot write", error);
  }
  // The rename itself must survive a power cut as well.
  const Descriptor where{open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (where.fd >= 0) fsync(where.fd);
  return Status::Ok();
}

}  // namespace

Status WriteWhole(const std::string& path, std::string_view text, unsigned mode) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT) return Failure(path, "cannot write", errno);
    return Replace(path, text, mode, nullptr);
  }
  if (S_ISDIR(info.st_mode)) return Failure(path, "cannot write", EISDIR);
  if (!S_ISREG(info.st_mode)) return WriteThrough(path, text);
  return RewriteFile(path, text);
}

Status RewriteFile(const std::string& path, std::string_view text) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return Failure(path, "cannot write", errno);
  if (!S_ISREG(info.st_mode)) {
    return {Code::kInvalidArgument, base::Printable(path, 400) + " is no regular file"};
  }
  if ((info.st_mode & 0222) == 0 || eaccess(path.c_str(), W_OK) != 0) {
    return {Code::kPermissionDenied,
            fmt::format("{} is read-only; it is left as it is", base::Printable(path, 400))};
  }
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr),
                                                           &std::free);
  if (!target) return Failure(path, "cannot write", errno);
  return Replace(target.get(), text, info.st_mode & 07777, &info);
}

}  // namespace inference::ctl
