#pragma once

#include <cstdint>
#include <string>

#include "inference/result.h"

namespace inference::sim {

/// A TCP port that stays ours while nothing listens on it, so that an instance which refuses
/// connections for a while comes back where it was. Not thread-safe.
class BoundPort {
 public:
  /// `address`: IPv4 or IPv6 literal. `port` 0: any free one.
  static Result<BoundPort> Make(const std::string& address, uint16_t port);
  BoundPort(BoundPort&& other) noexcept;
  BoundPort& operator=(BoundPort&&) = delete;
  ~BoundPort();

  uint16_t port() const { return port_; }
  const std::string& address() const { return address_; }
  /// "1.2.3.4:80" or "[::1]:80".
  std::string HostPort() const;
  /// A new listening, non-blocking socket on the port; the caller owns it.
  Result<int> Listen() const;

 private:
  BoundPort(int fd, std::string address, uint16_t port);

  int fd_;  // bound, never listening
  std::string address_;
  uint16_t port_;
};

}  // namespace inference::sim
