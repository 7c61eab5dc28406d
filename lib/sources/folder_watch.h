#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "inference/status.h"

namespace inference::sources {

/// inotify over a changing set of folders, and a bell that another thread can ring. Not
/// thread-safe, but for Ring().
class FolderWatch {
 public:
  FolderWatch() = default;
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  /// An error when the kernel gives no descriptor.
  Status Open();

  /// Watches these folders and no others. Returns those that cannot be watched (they exist, but the
  /// kernel refuses), each with the reason.
  std::map<std::string, std::string> SetFolders(const std::set<std::string>& folders);

  struct Woken {
    bool changed = false;  // something happened in a folder
    bool rung = false;
  };
  /// Sleeps until something happens, at most `timeout`.
  Woken Wait(std::chrono::nanoseconds timeout);

  /// Was the file in a watched folder changed in place, and the one who does so has not closed it
  /// yet, as in the midst of `generate > file`? No longer than kWriteLimit after the last change.
  bool BeingWritten(const std::string& path);
  static constexpr base::Duration kWriteLimit = std::chrono::minutes(5);

  /// Ends a Wait. Thread-safe. REQUIRES: Open() was called.
  void Ring();

 private:
  void Drain();
  void Note(int watch, uint32_t mask, const std::string& name);

  int inotify_ = -1;
  int bell_ = -1;
  bool changed_ = false;                // and no Wait() has said so yet
  std::map<std::string, int> watched_;  // folder -> watch descriptor
  // (watch descriptor, name) -> when it was last changed; until it is closed.
  std::map<std::pair<int, std::string>, base::Time> written_;
};

/// The folders in which a change can alter what `path` (a file, a folder or a glob; absolute) leads
/// to: its own, those behind its symbolic links, and while it is missing the nearest one above it.
std::set<std::string> FoldersToWatch(const std::string& path);

}  // namespace inference::sources
