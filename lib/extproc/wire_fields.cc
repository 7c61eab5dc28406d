#include "extproc/wire_fields.h"

namespace inference::extproc::wire {
namespace {

constexpr std::string_view kSubsetNamespace = "envoy.lb.subset_hint";
constexpr std::string_view kSubsetKey = "x-gateway-destination-endpoint-subset";
constexpr std::string_view kLbNamespace = "envoy.lb";
constexpr std::string_view kServedKey = "x-gateway-destination-endpoint-served";

/// Reads fields from memory that holds them whole. Any error sticks and ends the loop.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : p_(bytes.data()), end_(p_ + bytes.size()) {}

  /// The next field, or false at the end and on an error.
  bool Next() {
    if (p_ == end_ || error_) return false;
    uint64_t tag = 0;
    if (!Varint(tag)) return false;
    if (tag > UINT32_MAX || (tag >> 3) == 0) return Fail(kBadTag);
    field_ = static_cast<uint32_t>(tag >> 3);
    type_ = static_cast<uint32_t>(tag & 7);
    switch (type_) {
      case kVarintType:
        return Varint(value_);
      case kLengthType: {
        uint64_t length = 0;
        if (!Varint(length)) return false;
        return Take(length);
      }
      case kFixed64Type:
        return Take(8);
      case kFixed32Type:
        return Take(4);
      default:
        return Fail(kGroup);
    }
  }
  uint32_t field() const { return field_; }
  /// The bytes of a length-delimited field; any other type is an error.
  std::string_view bytes() {
    if (type_ != kLengthType) {
      Fail(kBadType);
      return {};
    }
    return bytes_;
  }
  uint64_t value() {
    if (type_ != kVarintType) {
      Fail(kBadType);
      return 0;
    }
    return value_;
  }
  bool Fail(const char* text) {
    if (!error_) error_ = text;
    return false;
  }
  Fault fault() const { return error_ ? Malformed(error_) : Fault{}; }

 private:
  bool Varint(uint64_t& out) {
    out = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (p_ == end_) return Fail(kTruncated);
      const uint8_t byte = static_cast<uint8_t>(*p_++);
      if (shift == 63 && byte > 1) return Fail(kOverlong);
      out |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return Fail(kOverlong);
  }
  bool Take(uint64_t length) {
    if (length > static_cast<uint64_t>(end_ - p_)) return Fail(kTruncated);
    bytes_ = {p_, static_cast<size_t>(length)};
    p_ += length;
    return true;
  }

  const char* p_;
  const char* end_;
  uint32_t field_ = 0, type_ = 0;
  uint64_t value_ = 0;
  std::string_view bytes_;
  const char* error_ = nullptr;
};

/// A map entry or any other message with a text in field 1 and a message in field 2.
Fault DecodeEntry(std::string_view bytes, std::string_view& key, std::string_view& value) {
  key = value = {};
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) key = reader.bytes();
    if (reader.field() == 2) value = reader.bytes();
  }
  return reader.fault();
}

/// Calls visit(key, value bytes) for each field of a google.protobuf.Struct.
template <typename Visit>
Fault ForEachInStruct(std::string_view bytes, Visit&& visit) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    std::string_view key, value;
    if (Fault fault = DecodeEntry(reader.bytes(), key, value)) return fault;
    if (Fault fault = visit(key, value)) return fault;
  }
  return reader.fault();
}

/// The text of a google.protobuf.Value; untouched when it is something else or too long.
Fault DecodeText(std::string_view bytes, std::string& text) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 3) continue;
    const std::string_view found = reader.bytes();
    if (found.size() <= Decoder::kMaxText) text = found;
  }
  return reader.fault();
}

/// google.protobuf.ListValue of texts; what isn't a text is left out.
Fault DecodeSubsetList(std::string_view bytes, std::string& subset) {
  Reader reader(bytes);
  std::string entry;
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    entry.clear();
    if (Fault fault = DecodeText(reader.bytes(), entry)) return fault;
    if (entry.empty()) continue;
    if (!subset.empty()) subset += ',';
    subset += entry;
  }
  return reader.fault();
}

/// The subset hint: a list of texts, or one text with commas.
Fault DecodeSubset(std::string_view bytes, Message& message) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 3) {
      message.subset_present = true;
      message.subset = reader.bytes();
    } else if (reader.field() == 6) {
      message.subset_present = true;
      message.subset.clear();
      if (Fault fault = DecodeSubsetList(reader.bytes(), message.subset)) return fault;
    }
  }
  return reader.fault();
}

Fault DecodeHeaderMap(std::string_view bytes, HeaderBlock& headers) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    std::string_view key, value, raw;
    Reader header(reader.bytes());
    while (header.Next()) {
      if (header.field() == 1) key = header.bytes();
      if (header.field() == 2) value = header.bytes();
      if (header.field() == 3) raw = header.bytes();
    }
    if (Fault fault = header.fault()) return fault;
    if (headers.size() == Decoder::kMaxHeaders) {
      return {Code::kResourceExhausted, "more than 1024 headers in one message"};
    }
    headers.Add(key, raw.empty() ? value : raw);
  }
  return reader.fault();
}

BodyMode ToBodyMode(uint64_t value) {
  return value <= static_cast<uint64_t>(BodyMode::kGrpc) ? static_cast<BodyMode>(value)
                                                         : BodyMode::kUnknown;
}

}  // namespace

Fault DecodeMetadata(std::string_view bytes, Message& message) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 1) continue;  // typed metadata
    std::string_view ns, fields;
    if (Fault fault = DecodeEntry(reader.bytes(), ns, fields)) return fault;
    if (ns != kSubsetNamespace && ns != kLbNamespace) continue;
    const Fault fault = ForEachInStruct(fields, [&](std::string_view key, std::string_view value) {
      if (ns == kSubsetNamespace && key == kSubsetKey) return DecodeSubset(value, message);
      if (ns == kLbNamespace && key == kServedKey) return DecodeText(value, message.served);
      return Fault{};
    });
    if (fault) return fault;
  }
  return reader.fault();
}

// Envoy puts attributes under the filter's name, modifiers under names of the user's; so we look at
// the inner names only.
Fault DecodeAttributes(std::string_view bytes, Message& message) {
  std::string_view ns, fields;
  if (Fault fault = DecodeEntry(bytes, ns, fields)) return fault;
  return ForEachInStruct(fields, [&](std::string_view key, std::string_view value) {
    if (key == "xds.route_name") return DecodeText(value, message.route_name);
    if (key == "request.id") return DecodeText(value, message.request_id);
    if (key == "upstream.address") return DecodeText(value, message.upstream_address);
    if (key == "response.code_details") return DecodeText(value, message.code_details);
    return Fault{};
  });
}

Fault DecodeHttpHeaders(std::string_view bytes, Message& message) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) {
      if (Fault fault = DecodeHeaderMap(reader.bytes(), message.headers)) return fault;
    } else if (reader.field() == 3) {
      message.end_of_stream = reader.value() != 0;
    }
  }
  return reader.fault();
}

Fault DecodeProtocolConfig(std::string_view bytes, Message& message) {
  ProtocolConfig config = message.protocol_config.value_or(ProtocolConfig{});
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) config.request = ToBodyMode(reader.value());
    if (reader.field() == 2) config.response = ToBodyMode(reader.value());
  }
  message.protocol_config = config;
  return reader.fault();
}

Fault CheckTrailers(std::string_view bytes) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) reader.bytes();
  }
  return reader.fault();
}

}  // namespace inference::extproc::wire
