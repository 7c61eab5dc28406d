#include "store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace inference::store {

Result<FileLock> FileLock::Acquire(const std::string& path) {
  FileLock lock(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.fd_ < 0) {
    const int error = errno;
    const bool full = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
    return Status(full ? Code::kResourceExhausted : Code::kPermissionDenied,
                  "cannot open " + path + ": " + std::strerror(error));
  }
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) == 0) return lock;
  const int error = errno;
  if (error == EWOULDBLOCK) return Status(Code::kUnavailable, path + ": another process has it");
  return Status(Code::kInternal, "cannot lock " + path + ": " + std::strerror(error));
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace inference::store
