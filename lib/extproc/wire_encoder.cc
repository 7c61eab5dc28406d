#include "extproc/wire.h"

#include <algorithm>
#include <chrono>

namespace inference::extproc::wire {
namespace {

constexpr std::string_view kLbNamespace = "envoy.lb";
constexpr std::string_view kDestination = "x-gateway-destination-endpoint";

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

/// Size of a length-delimited field; its number is below 16.
size_t FieldSize(size_t length) {
  return 1 + VarintSize(length) + length;
}

void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void PutHead(std::string& out, uint32_t field, size_t length) {
  out += static_cast<char>(field << 3 | 2);
  PutVarint(out, length);
}

void PutField(std::string& out, uint32_t field, std::string_view bytes) {
  PutHead(out, field, bytes.size());
  out.append(bytes);
}

void PutFlag(std::string& out, uint32_t field, bool value) {
  out += static_cast<char>(field << 3);
  out += static_cast<char>(value);
}

/// The gRPC frame of a ProcessingResponse of `size` bytes.
void PutFrame(std::string& out, size_t size) {
  out.reserve(out.size() + 5 + size);
  out += '\0';
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
}

size_t ValueOptionSize(std::string_view name, std::string_view value) {
  return FieldSize(FieldSize(name.size()) + FieldSize(value.size()));
}

size_t MutationSize(const HeaderMutation& mutation) {
  size_t size = 0;
  for (const auto& [name, value] : mutation.set) size += FieldSize(ValueOptionSize(name, value));
  for (std::string_view name : mutation.remove) size += FieldSize(name.size());
  return size;
}

void PutMutation(std::string& out, const HeaderMutation& mutation) {
  for (const auto& [name, value] : mutation.set) {
    PutHead(out, 1, ValueOptionSize(name, value));
    PutHead(out, 1, FieldSize(name.size()) + FieldSize(value.size()));
    PutField(out, 1, name);
    PutField(out, 3, value);  // raw_value: Envoy takes `value` for an empty header
  }
  for (std::string_view name : mutation.remove) PutField(out, 2, name);
}

/// Struct{key: Value} with one entry, whose Value has `value_size` bytes.
size_t EntrySize(std::string_view key, size_t value_size) {
  return FieldSize(FieldSize(key.size()) + FieldSize(value_size));
}

void PutEntryHead(std::string& out, std::string_view key, size_t value_size) {
  PutHead(out, 1, FieldSize(key.size()) + FieldSize(value_size));
  PutField(out, 1, key);
  PutHead(out, 2, value_size);
}

/// Sizes of {"envoy.lb": {"x-gateway-destination-endpoint": destination}}, inside out.
struct MetadataSizes {
  explicit MetadataSizes(std::string_view destination)
      : text(FieldSize(destination.size())),
        inner(EntrySize(kDestination, text)),
        value(FieldSize(inner)),
        outer(EntrySize(kLbNamespace, value)) {}
  size_t text, inner, value, outer;
};

size_t DestinationSize(std::string_view destination) {
  return destination.empty() ? 0 : FieldSize(MetadataSizes(destination).outer);
}

void PutDestination(std::string& out, std::string_view destination) {
  if (destination.empty()) return;
  const MetadataSizes sizes(destination);
  PutHead(out, 8, sizes.outer);
  PutEntryHead(out, kLbNamespace, sizes.value);
  PutHead(out, 5, sizes.inner);
  PutEntryHead(out, kDestination, sizes.text);
  PutField(out, 3, destination);
}

uint32_t Number(Phase phase, uint32_t of_request) {
  return phase == Phase::kRequest ? of_request : of_request + 1;
}

/// HeadersResponse and BodyResponse: a CommonResponse in field 1 of member `number`.
void AppendCommonResponse(std::string& out, uint32_t number, const HeaderMutation& mutation,
                          bool clear_route_cache, std::string_view destination, bool replace_body,
                          std::string_view body) {
  const size_t mutation_size = MutationSize(mutation);
  const size_t body_mutation = replace_body ? FieldSize(body.size()) : 0;
  const size_t common = (mutation_size > 0 ? FieldSize(mutation_size) : 0) +
                        (replace_body ? FieldSize(body_mutation) : 0) + (clear_route_cache ? 2 : 0);
  const size_t response = FieldSize(common);
  PutFrame(out, FieldSize(response) + DestinationSize(destination));
  PutHead(out, number, response);
  PutHead(out, 1, common);
  if (mutation_size > 0) {
    PutHead(out, 2, mutation_size);
    PutMutation(out, mutation);
  }
  if (replace_body) {
    PutHead(out, 3, body_mutation);
    PutField(out, 1, body);
  }
  if (clear_route_cache) PutFlag(out, 5, true);
  PutDestination(out, destination);
}

/// All of a streamed body response but the flag and the body, in whatever order they follow.
void PutStreamedHead(std::string& out, Phase phase, size_t body_size) {
  const size_t streamed = 2 + (body_size > 0 ? FieldSize(body_size) : 0);
  const size_t mutation = FieldSize(streamed);
  const size_t common = FieldSize(mutation);
  const size_t response = FieldSize(common);
  PutFrame(out, FieldSize(response));
  PutHead(out, Number(phase, 3), response);
  PutHead(out, 1, common);
  PutHead(out, 3, mutation);
  PutHead(out, 3, streamed);
}

}  // namespace

void AppendHeadersResponse(std::string& out, Phase phase, const HeaderMutation& mutation,
                           bool clear_route_cache, std::string_view destination) {
  AppendCommonResponse(out, Number(phase, 1), mutation, clear_route_cache, destination, false, {});
}

void AppendBodyResponse(std::string& out, Phase phase, const HeaderMutation& mutation,
                        bool clear_route_cache, std::string_view destination, bool replace_body,
                        std::string_view body) {
  AppendCommonResponse(out, Number(phase, 3), mutation, clear_route_cache, destination,
                       replace_body, body);
}

void AppendStreamedBodyHead(std::string& out, Phase phase, size_t body_size, bool end_of_stream) {
  // The flag stands before the body, so that the body's bytes can follow from elsewhere.
  PutStreamedHead(out, phase, body_size);
  AppendEndFlag(out, end_of_stream);
  if (body_size > 0) PutHead(out, 1, body_size);
}

void AppendOpenBodyHead(std::string& out, Phase phase, size_t body_size) {
  PutStreamedHead(out, phase, body_size);
  if (body_size > 0) PutHead(out, 1, body_size);
}

void AppendEndFlag(std::string& out, bool end_of_stream) {
  PutFlag(out, 2, end_of_stream);
}

void AppendTrailersResponse(std::string& out, Phase phase, std::string_view destination) {
  PutFrame(out, 2 + DestinationSize(destination));
  PutHead(out, Number(phase, 5), 0);
  PutDestination(out, destination);
}

void AppendTimeoutOverride(std::string& out, base::Duration timeout) {
  const auto seconds = static_cast<uint64_t>(
      std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(timeout).count()));
  const size_t duration = 1 + VarintSize(seconds);
  PutFrame(out, FieldSize(duration));
  PutHead(out, 10, duration);
  out += static_cast<char>(1 << 3);
  PutVarint(out, seconds);
}

void AppendImmediateResponse(std::string& out, int status, const HeaderMutation& headers,
                             std::string_view body, std::string_view details) {
  const size_t http_status = 1 + VarintSize(static_cast<uint64_t>(status));
  const size_t mutation = MutationSize(headers);
  const size_t immediate = FieldSize(http_status) + (mutation > 0 ? FieldSize(mutation) : 0) +
                           FieldSize(body.size()) + FieldSize(details.size());
  PutFrame(out, FieldSize(immediate));
  PutHead(out, 7, immediate);
  PutHead(out, 1, http_status);
  out += static_cast<char>(1 << 3);
  PutVarint(out, static_cast<uint64_t>(status));
  if (mutation > 0) {
    PutHead(out, 2, mutation);
    PutMutation(out, headers);
  }
  PutField(out, 3, body);
  PutField(out, 5, details);
}

}  // namespace inference::extproc::wire
