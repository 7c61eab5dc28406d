#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"

namespace inferenced {

/// Tells the service manager how we are (sd_notify(3)); says nothing when there is none.
/// Thread-safe but for the constructor.
class ServiceManager {
 public:
  /// Takes NOTIFY_SOCKET and WATCHDOG_USEC; children don't inherit the latter.
  ServiceManager();

  /// Somebody listens.
  bool present() const { return present_; }
  /// Within which time it wants to be fed; none: it doesn't.
  std::optional<inference::base::Duration> watchdog() const { return watchdog_; }

  /// Requests are served; also the end of a reload.
  void Ready(const std::string& status) const;
  void Reloading() const;
  void Stopping(const std::string& status) const;
  void SetStatus(const std::string& status) const;
  /// What is under way takes so long at most, from now.
  void ExtendTimeout(inference::base::Duration more) const;
  void Feed() const;

 private:
  void Send(const std::string& state) const;

  bool present_ = false;
  std::optional<inference::base::Duration> watchdog_;
};

}  // namespace inferenced
