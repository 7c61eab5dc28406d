#pragma once

#include <string>
#include <string_view>

#include "inference/result.h"

namespace inference::net {

/// Where something listens: a Unix socket, or a host and a port.
struct Address {
  std::string path;  // of "unix:///path"; then host and port have no meaning
  std::string host;  // IP literal without brackets, or a name; empty: every address
  int port = 0;      // 0: any free one

  bool is_unix() const { return !path.empty(); }
};

/// Reads "unix:///path", "host:port", "[v6]:port" and ":port".
Result<Address> ParseAddress(std::string_view text);

}  // namespace inference::net
