#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace inference::admin {

/// One address that the daemon answers on.
struct ListenerInfo {
  std::string purpose;       // "ext_proc", "health", "http", "admin"
  std::string address;       // as bound, so the real port
  std::string tls = "none";  // "none", "self-signed", "files"
};

/// Sums over all reactors since the start; held_bytes is now.
struct StreamTotals {
  uint64_t streams_opened = 0, streams_closed = 0;
  uint64_t connections_opened = 0, connections_closed = 0;
  uint64_t protocol_errors = 0;
  uint64_t held_bytes = 0;
};

/// What the daemon says of itself; constant while it runs but for the callback.
struct DaemonInfo {
  std::string version;
  int64_t pid = 0;
  base::WallTime started_at{};
  base::Time started{};
  std::string config_file;
  std::vector<ListenerInfo> listeners;
  int reactors = 0;
  /// Thread-safe; may be empty.
  std::function<StreamTotals()> totals;
};

}  // namespace inference::admin
