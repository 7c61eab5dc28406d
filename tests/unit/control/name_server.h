#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "inference/result.h"

namespace inference::testing {

/// Answers when it is told to. Shared, since a lookup may outlive a test.
class NameServer {
 public:
  Result<std::vector<std::string>> LookUp(const std::string& name) {
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [&] { return closed_ || answers_.contains(name); });
    if (closed_) return Status(Code::kUnavailable, "closed");
    return answers_.at(name);
  }
  void Answer(const std::string& name, std::vector<std::string> addresses) {
    const std::lock_guard lock(mutex_);
    answers_[name] = std::move(addresses);
    answered_.notify_all();
  }
  void Close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    answered_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  bool closed_ = false;
  std::map<std::string, std::vector<std::string>> answers_;
};

}  // namespace inference::testing
