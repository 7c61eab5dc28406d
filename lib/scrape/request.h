#pragma once

#include <sys/socket.h>

#include <string>

#include "datastore/endpoint.h"
#include "inference/result.h"

namespace inference::scrape {

/// True when both fetch the same page in the same way and at the same pace.
bool SameSettings(const api::ScrapeConfig& a, const api::ScrapeConfig& b);

/// Where a page is and what to say there; made once for each target.
struct PageRequest {
  std::string address;  // IP literal without a zone
  std::string zone;     // of an IPv6 link-local address: "eth0" or "2"; mostly empty
  int port = 0;
  std::string bytes;  // HTTP/1.1 GET

  /// INVALID_ARGUMENT when the address is no IP address (a name would have to be looked up, which
  /// the scrape thread does not do) or the path cannot stand in a request line.
  static Result<PageRequest> Make(const datastore::EndpointInfo& info,
                                  const api::ScrapeConfig& config);

  /// The socket address. An interface named as the zone is looked up each time, since it may come
  /// and go: INVALID_ARGUMENT when there is none.
  Status SocketAddress(sockaddr_storage& out, socklen_t& size) const;
};

}  // namespace inference::scrape
