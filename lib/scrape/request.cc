#include "scrape/request.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/text.h"

namespace inference::scrape {
namespace {

auto Settings(const api::ScrapeConfig& c) {
  return std::tie(*c.interval, *c.timeout, *c.scheme, *c.path, *c.port, *c.insecure_skip_verify,
                  *c.ca_file, *c.cert_file, *c.key_file);
}

bool IsIpLiteral(int family, const std::string& address) {
  unsigned char parsed[sizeof(in6_addr)];
  return inet_pton(family, address.c_str(), parsed) == 1;
}

// The index of an interface by name or number; 0: there is none.
uint32_t ZoneIndex(const std::string& zone) {
  if (const uint32_t index = if_nametoindex(zone.c_str()); index != 0) return index;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), number);
  return error == std::errc() && end == zone.data() + zone.size() ? number : 0;
}

}  // namespace

bool SameSettings(const api::ScrapeConfig& a, const api::ScrapeConfig& b) {
  return Settings(a) == Settings(b);
}

Result<PageRequest> PageRequest::Make(const datastore::EndpointInfo& info,
                                      const api::ScrapeConfig& config) {
  PageRequest out;
  const size_t percent = std::min(info.address.find('%'), info.address.size());
  out.address = info.address.substr(0, percent);
  if (percent < info.address.size()) out.zone = info.address.substr(percent + 1);
  const bool has_zone = percent < info.address.size();
  if (!IsIpLiteral(AF_INET6, out.address) && (has_zone || !IsIpLiteral(AF_INET, out.address))) {
    return Status(Code::kInvalidArgument,
                  "'" + base::Printable(info.address) + "' is no IP address");
  }
  out.port = *config.port != 0 ? *config.port : info.port;
  std::string path = *config.path;
  if (path.empty() || path.front() != '/') path.insert(path.begin(), '/');
  if (!std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c != '\x7f'; })) {
    return Status(Code::kInvalidArgument, "the path '" + base::Printable(path) +
                                              "' has a character that no URL may have as it is; "
                                              "escape it as %XX");
  }
  // The zone means nothing to the server (RFC 6874, section 4), so Host goes without.
  out.bytes = "GET " + path +
              " HTTP/1.1\r\nHost: " + datastore::JoinHostPort(out.address, out.port) +
              "\r\nUser-Agent: inferenced\r\nAccept: text/plain;version=0.0.4\r\n"
              "Accept-Encoding: identity\r\n\r\n";
  return out;
}

Status PageRequest::SocketAddress(sockaddr_storage& out, socklen_t& size) const {
  out = {};
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  if (inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<uint16_t>(port));
    size = sizeof v4;
    return Status::Ok();
  }
  out = {};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(static_cast<uint16_t>(port));
  size = sizeof v6;
  if (zone.empty()) return Status::Ok();
  v6.sin6_scope_id = ZoneIndex(zone);
  if (v6.sin6_scope_id != 0) return Status::Ok();
  return {Code::kInvalidArgument,
          "cannot connect: there is no network interface '" + base::Printable(zone) + "' here"};
}

}  // namespace inference::scrape
