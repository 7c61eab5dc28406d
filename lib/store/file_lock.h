#pragma once

#include <string>
#include <utility>

#include "inference/result.h"

namespace inference::store {

/// A lock that one process holds at a time, and loses when it ends in whatever way (flock). Not
/// thread-safe.
class FileLock {
 public:
  /// Makes `path` (mode 0600) when it isn't there; it stays. UNAVAILABLE when another process has
  /// the lock, PERMISSION_DENIED or RESOURCE_EXHAUSTED when the file can't be made.
  static Result<FileLock> Acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace inference::store
