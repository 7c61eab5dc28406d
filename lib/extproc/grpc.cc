#include "extproc/grpc.h"

#include <charconv>

namespace inference::extproc::grpc {

bool IsGrpcContentType(std::string_view content_type) {
  constexpr std::string_view kType = "application/grpc";
  if (!content_type.starts_with(kType)) return false;
  content_type.remove_prefix(kType.size());
  return content_type.empty() || content_type.front() == '+' || content_type.front() == ';';
}

std::optional<base::Duration> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t value = 0;
  const char* last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || value < 0) return std::nullopt;
  switch (text.back()) {
    case 'H':
      // 99,999,999 hours don't fit; a year is as good as for ever.
      return std::chrono::hours(std::min<int64_t>(value, 24 * 365));
    case 'M':
      return std::chrono::minutes(value);
    case 'S':
      return std::chrono::seconds(value);
    case 'm':
      return std::chrono::milliseconds(value);
    case 'u':
      return std::chrono::microseconds(value);
    case 'n':
      return std::chrono::nanoseconds(value);
    default:
      return std::nullopt;
  }
}

std::string PercentEncode(std::string_view message) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(message.size());
  for (const char c : message) {
    if (c >= ' ' && c <= '~' && c != '%') {
      out += c;
      continue;
    }
    const uint8_t byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 0xf];
  }
  return out;
}

std::optional<Serving> HealthOf(std::string_view service, bool ready) {
  if (service == "liveness") return Serving::kServing;
  if (service.empty() || service == "readiness" ||
      service == "envoy.service.ext_proc.v3.ExternalProcessor") {
    return ready ? Serving::kServing : Serving::kNotServing;
  }
  return std::nullopt;
}

std::optional<std::string> DecodeHealthRequest(std::string_view message) {
  // One field, a short text. Anything longer or newer is no health request that we know.
  std::string service;
  while (!message.empty()) {
    if (message.size() < 2 || message[0] != '\x0a') return std::nullopt;
    const size_t size = static_cast<uint8_t>(message[1]);
    if (size > 127 || message.size() - 2 < size) return std::nullopt;
    service = message.substr(2, size);
    message.remove_prefix(2 + size);
  }
  return service;
}

std::string EncodeHealthResponse(Serving serving) {
  return {'\0', '\0', '\0', '\0', '\2', '\x08', static_cast<char>(serving)};
}

}  // namespace inference::extproc::grpc
