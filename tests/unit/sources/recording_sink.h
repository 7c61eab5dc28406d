#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "sources/source.h"

namespace inference::sources {

/// Keeps what a source said, and waits for it.
class RecordingSink : public Sink {
 public:
  struct Manifests {
    manifest::ManifestSet set;
    api::Diagnostics diagnostics;
  };
  struct Dns {
    std::map<std::string, std::vector<std::string>> addresses;
    std::map<std::string, std::string> errors;
  };

  void OnManifests(manifest::ManifestSet set, api::Diagnostics diagnostics) override {
    const std::lock_guard lock(mutex_);
    manifests_.push_back({std::move(set), std::move(diagnostics)});
    changed_.notify_all();
  }
  void OnDns(std::map<std::string, std::vector<std::string>> addresses,
             std::map<std::string, std::string> errors) override {
    const std::lock_guard lock(mutex_);
    dns_.push_back({std::move(addresses), std::move(errors)});
    changed_.notify_all();
  }

  /// True once the last thing said makes `test` true; false after 20 s.
  template <typename Test>
  bool WaitManifests(Test test) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return !manifests_.empty() && test(manifests_.back()); });
  }
  template <typename Test>
  bool WaitDns(Test test) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return !dns_.empty() && test(dns_.back()); });
  }
  /// True once something was said `n` times; false after 20 s.
  bool WaitManifestsTold(size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return manifests_.size() >= n; });
  }
  size_t manifests_told() const {
    const std::lock_guard lock(mutex_);
    return manifests_.size();
  }
  size_t dns_told() const {
    const std::lock_guard lock(mutex_);
    return dns_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Manifests> manifests_;
  std::vector<Dns> dns_;
};

}  // namespace inference::sources
