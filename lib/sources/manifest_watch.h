#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "inference/status.h"
#include "manifest/reader.h"
#include "sources/folder_watch.h"
#include "sources/source.h"

namespace inference::sources {

/// Reads manifests and says so again whenever their bytes change: an editor's rename over the file,
/// a write in place, files that come and go, the link exchange of a mounted ConfigMap, a folder
/// that appears later. A file that is open and being written is as it was before, until it is
/// closed. A thread of its own.
class ManifestWatch {
 public:
  struct Options {
    std::vector<std::string> paths;        // files, folders, globs
    std::string base_dir;                  // of relative paths; empty: the working directory
    std::vector<std::string> extra_files;  // a change of these is told as well; they aren't read in
    base::Duration debounce = std::chrono::milliseconds(100);  // of silence after the last event
    base::Duration max_wait = std::chrono::seconds(1);         // after the first one
    base::Duration rescan = std::chrono::seconds(5);  // for file systems that send no events
    manifest::Limits limits;
  };

  /// `sink` outlives the watch.
  ManifestWatch(Options options, Sink& sink);
  ~ManifestWatch();
  ManifestWatch(const ManifestWatch&) = delete;
  ManifestWatch& operator=(const ManifestWatch&) = delete;

  /// Starts the thread; its first reading is told in any case. Called once.
  Status Start();
  /// Returns when the thread has ended; the sink isn't called any more. Any number of times.
  void Stop();
  /// Reads all again and tells it even when nothing changed; then calls `told`, on the watch's
  /// thread. Thread-safe.
  void Reload(std::function<void()> told = [] {});
  /// As Reload(), but at the next rescan, not at once. Thread-safe.
  void ReloadLater();

 private:
  /// One file as it was read: its text, or why there is none.
  struct Content {
    std::string path;
    std::string text;
    std::string error;
    bool operator==(const Content&) const = default;
  };
  struct Reading {
    std::vector<Content> files;  // manifests, in order
    std::vector<Content> extra;
    std::vector<Content> missing;  // paths that name nothing
    bool operator==(const Reading&) const = default;
  };

  void Run();
  std::string Absolute(const std::string& path) const;
  std::set<std::string> Folders() const;
  void UpdateWatches();
  Reading ReadAll();
  /// Nothing: it is being written, and there is no earlier content of it in `last`.
  std::optional<Content> ReadOne(const std::string& path, const std::vector<Content>& last);
  std::string Fingerprint();
  void Look(bool force);
  void Tell() const;

  const Options options_;
  Sink& sink_;
  FolderWatch folders_;
  std::atomic<bool> stopping_{false};
  std::mutex reload_mutex_;
  std::vector<std::function<void()>> reloads_;  // guarded by reload_mutex_; not begun yet
  std::atomic<bool> reload_later_{false};
  std::thread thread_;
  // Of the thread alone:
  Reading last_;
  std::map<std::string, std::string> unwatched_;  // folder -> why the kernel refuses
};

}  // namespace inference::sources
