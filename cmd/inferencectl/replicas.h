#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/client.h"
#include "inference/result.h"
#include "inferencectl/invocation.h"

namespace inference::ctl {

/// One of the daemons that a command is for. Connects when it is asked, and again when the
/// connection broke.
class Replica {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Replica(std::string address) : address_(std::move(address)) {}

  const std::string& address() const { return address_; }
  /// Answers, or says why there is no answer.
  template <typename T>
  Result<T> Ask(const std::function<Result<T>(admin::AdminClient&)>& question) {
    if (!client_) {
      auto connected = admin::AdminClient::Connect(address_, kPatience);
      if (!connected.ok()) return NoteSilence(connected.status());
      client_ = *std::move(connected);
    }
    Result<T> answer = question(*client_);
    const Code code = answer.ok() ? Code::kOk : answer.status().code();
    if (code == Code::kUnavailable || code == Code::kDeadlineExceeded) {
      client_.reset();
      return NoteSilence(answer.status());
    }
    silent_since_.reset();
    return answer;
  }
  /// For how long it hasn't answered; nothing when it does.
  std::optional<std::chrono::milliseconds> SilentFor() const;

 private:
  static constexpr std::chrono::milliseconds kPatience{5000};
  Status NoteSilence(Status status);

  const std::string address_;
  std::unique_ptr<admin::AdminClient> client_;
  std::optional<Clock::time_point> silent_since_;
};

/// The daemons that serve the same pools: --server, given any number of times; else --replicas and
/// `replicas:` of a configuration file; else the one that every verb asks.
std::vector<Replica> ReplicasOf(const Invocation& run);

}  // namespace inference::ctl
