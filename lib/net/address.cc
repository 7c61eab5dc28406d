#include "net/address.h"

#include <charconv>

namespace inference::net {

Result<Address> ParseAddress(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  const Status wrong(
      Code::kInvalidArgument,
      "\"" + std::string(text) + "\" is no address: write unix:///path, host:port or [v6]:port");
  Address address;
  if (text.starts_with(kUnix)) {
    std::string_view path = text.substr(kUnix.size());
    if (path.starts_with("//")) path.remove_prefix(2);
    if (!path.starts_with('/')) return wrong;
    address.path = path;
    return address;
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = text.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong;
  }
  address.host = host;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, fault] =
      std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (fault != std::errc() || end != digits.data() + digits.size() || address.port < 0 ||
      address.port > 65535) {
    return wrong;
  }
  return address;
}

}  // namespace inference::net
