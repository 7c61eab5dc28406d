#include "manifest/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <array>
#include <charconv>

namespace inference::manifest {
namespace {

constexpr std::string_view kUnix = "unix://";

bool IsPort(std::string_view text) {
  int port = -1;
  if (text.empty() || text.front() == '+') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port >= 0 && port <= 65535;
}

bool IsIp(int family, std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(family, std::string(text).c_str(), bytes.data()) == 1;
}

std::string UnixProblem(std::string_view path) {
  if (path.empty() || path.front() != '/')
    return "a Unix socket needs an absolute path: unix:///run/x.sock";
  if (path.back() == '/') return "the socket's path ends with a slash";
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return "the socket's path is longer than " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
           " bytes";
  }
  return "";
}

bool IsHost(std::string_view host) {
  if (host.size() > 253) return false;
  for (const char c : host) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_';
    if (!good) return false;
  }
  // Digits and dots only must be a whole IPv4 address.
  return host.find_first_not_of("0123456789.") != std::string_view::npos || IsIp(AF_INET, host);
}

}  // namespace

bool IsUnixAddress(std::string_view text) {
  return text.starts_with(kUnix);
}

std::string ListenAddressProblem(std::string_view text) {
  if (IsUnixAddress(text)) return UnixProblem(text.substr(kUnix.size()));
  if (text.starts_with("unix:")) return "write a Unix socket as unix:///absolute/path";
  if (text.find("://") != std::string_view::npos) return "only unix:// has a scheme here";
  if (text.starts_with('[')) {
    const size_t close = text.find("]:");
    if (close == std::string_view::npos) return "write it as [address]:port";
    if (!IsIp(AF_INET6, text.substr(1, close - 1)))
      return "there is no IPv6 address in the brackets";
    return IsPort(text.substr(close + 2)) ? "" : "the port must be 0 to 65535";
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return "a port is missing: write host:port or :port";
  const std::string_view host = text.substr(0, colon);
  if (host.find(':') != std::string_view::npos)
    return "write IPv6 addresses in brackets: [::1]:9002";
  if (!IsPort(text.substr(colon + 1))) return "the port must be 0 to 65535";
  if (!host.empty() && !IsHost(host)) return "that is no host name or address";
  return "";
}

}  // namespace inference::manifest
