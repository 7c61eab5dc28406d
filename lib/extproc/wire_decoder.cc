#include <algorithm>
#include <cstring>

#include "extproc/wire.h"

namespace inference::extproc::wire {
namespace {

constexpr uint32_t kVarintType = 0, kFixed64Type = 1, kLengthType = 2, kFixed32Type = 5;

// ProcessingRequest
constexpr uint32_t kMetadataContext = 8, kAttributes = 9, kObservability = 10, kProtocolConfig = 11;

constexpr std::string_view kSubsetNamespace = "envoy.lb.subset_hint";
constexpr std::string_view kSubsetKey = "x-gateway-destination-endpoint-subset";
constexpr std::string_view kLbNamespace = "envoy.lb";
constexpr std::string_view kServedKey = "x-gateway-destination-endpoint-served";

Fault Malformed(const char* text) {
  return {Code::kInvalidArgument, text};
}

constexpr const char* kTruncated = "protobuf: a value is longer than what holds it";
constexpr const char* kOverlong = "protobuf: a varint is longer than 10 bytes";
constexpr const char* kBadTag = "protobuf: a field number is 0 or too large";
constexpr const char* kBadType = "protobuf: a field has the wrong wire type";
constexpr const char* kGroup = "protobuf: groups are not supported";

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

/// One entry of the attributes map: a namespace and a Struct. Envoy puts them under the filter's
/// name, modifiers under names of the user's; so we look at the inner names only.
Fault DecodeAttributes(std::string_view bytes, Message& message) {
  std::string_view ns, fields;
  if (Fault fault = DecodeEntry(bytes, ns, fields)) return fault;
  return ForEachInStruct(fields, [&](std::string_view key, std::string_view value) {
    if (key == "xds.route_name") return DecodeText(value, message.route_name);
    if (key == "request.id") return DecodeText(value, message.request_id);
    if (key == "upstream.address") return DecodeText(value, message.upstream_address);
    return Fault{};
  });
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

BodyMode ToBodyMode(uint64_t value) {
  return value <= static_cast<uint64_t>(BodyMode::kGrpc) ? static_cast<BodyMode>(value)
                                                         : BodyMode::kUnknown;
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

/// Trailers are answered but never read; only that they are well-formed matters.
Fault CheckTrailers(std::string_view bytes) {
  Reader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 1) reader.bytes();
  }
  return reader.fault();
}

bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}

}  // namespace

void HeaderBlock::Add(std::string_view name, std::string_view value) {
  const size_t offset = text_.size();
  entries_.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(name.size()),
                      static_cast<uint32_t>(value.size())});
  text_.append(name);
  for (size_t i = offset; i < text_.size(); ++i) {
    if (IsUpper(text_[i])) text_[i] = static_cast<char>(text_[i] + ('a' - 'A'));
  }
  text_.append(value);
}

std::string_view HeaderBlock::Find(std::string_view name) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name_size == name.size() && (*this)[i].name == name) return (*this)[i].value;
  }
  return {};
}

bool HeaderBlock::Has(std::string_view name) const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].name_size == name.size() && (*this)[i].name == name) return true;
  }
  return false;
}

void Message::Clear() {
  kind = Kind::kNone;
  end_of_stream = observability = subset_present = false;
  protocol_config.reset();
  headers.Clear();
  route_name.clear();
  request_id.clear();
  upstream_address.clear();
  subset.clear();
  served.clear();
}

std::unique_ptr<Message> MessagePool::Get() {
  if (spare_.empty()) return std::make_unique<Message>();
  std::unique_ptr<Message> message = std::move(spare_.back());
  spare_.pop_back();
  return message;
}

void MessagePool::Put(std::unique_ptr<Message> message) {
  if (spare_.size() == kMaxSpare || message->headers.memory() > kMaxSpareBytes ||
      message->subset.capacity() > kMaxSpareBytes) {
    return;
  }
  message->Clear();
  spare_.push_back(std::move(message));
}

Fault Decoder::StartMessage() {
  if (head_[0] == 1) {
    return {Code::kUnimplemented,
            "compressed messages are not supported: use grpc-encoding identity"};
  }
  if (head_[0] != 0) return Malformed("a gRPC frame has unknown flags");
  left_ = static_cast<uint32_t>(head_[1]) << 24 | static_cast<uint32_t>(head_[2]) << 16 |
          static_cast<uint32_t>(head_[3]) << 8 | static_cast<uint32_t>(head_[4]);
  if (left_ > max_message_) {
    return {Code::kResourceExhausted, "the message is larger than limits.maxBodyBytes allows"};
  }
  state_ = State::kTag;
  in_body_ = saw_body_ = false;
  other_bytes_ = 0;
  varint_ = 0;
  shift_ = 0;
  return {};
}

Fault Decoder::Feed(std::string_view in, MessagePool& pool, Events& events) {
  while (true) {
    if (head_size_ < sizeof(head_)) {
      if (in.empty()) return {};
      head_[head_size_++] = static_cast<uint8_t>(in.front());
      in.remove_prefix(1);
      if (head_size_ < sizeof(head_)) continue;
      if (Fault fault = StartMessage()) return fault;
      message_ = pool.Get();
    }
    const bool clean = state_ == State::kTag && shift_ == 0;
    if (in_body_ && sub_left_ == 0) {
      if (!clean) return Malformed(kTruncated);
      in_body_ = false;
      continue;
    }
    if (left_ == 0) {
      if (!clean) return Malformed(kTruncated);
      head_size_ = 0;
      events.OnMessage(*message_);
      pool.Put(std::move(message_));
      continue;
    }
    if (in.empty()) return {};
    size_t used = 0;
    const size_t limit = in_body_ ? sub_left_ : left_;
    if (Fault fault = Step(in.substr(0, limit), used, events)) return fault;
    in.remove_prefix(used);
  }
}

Fault Decoder::Step(std::string_view window, size_t& used, Events& events) {
  // Counted down before anything is decided, so that a nested length is checked against what is
  // left.
  const auto spend = [&](size_t n) {
    used += n;
    left_ -= static_cast<uint32_t>(n);
    if (in_body_) sub_left_ -= static_cast<uint32_t>(n);
  };
  if (state_ == State::kTag || state_ == State::kVarint || state_ == State::kLength) {
    size_t n = 0;
    const int whole = TakeVarint(window, n);
    spend(n);
    if (whole < 0) return Malformed(kOverlong);
    if (whole == 0) return {};
    const uint64_t value = varint_;
    varint_ = 0;
    shift_ = 0;
    if (state_ == State::kTag) return OnTag(value);
    return state_ == State::kVarint ? OnVarint(value) : OnLength(value);
  }
  const size_t n = std::min<size_t>(window.size(), field_left_);
  spend(n);
  field_left_ -= static_cast<uint32_t>(n);
  if (state_ == State::kBody) {
    events.OnBody(message_->kind, window.substr(0, n), field_left_);
  } else if (state_ == State::kCollect) {
    if (Fault fault = CollectField(window.substr(0, n))) return fault;
  }
  if (field_left_ == 0) state_ = State::kTag;
  return {};
}

int Decoder::TakeVarint(std::string_view window, size_t& used) {
  while (used < window.size()) {
    const uint8_t byte = static_cast<uint8_t>(window[used++]);
    if (shift_ == 63 && byte > 1) return -1;
    varint_ |= static_cast<uint64_t>(byte & 0x7f) << shift_;
    if (byte < 0x80) return 1;
    shift_ += 7;
    if (shift_ > 63) return -1;
  }
  return 0;
}

Fault Decoder::OnTag(uint64_t tag) {
  if (tag > UINT32_MAX || (tag >> 3) == 0) return Malformed(kBadTag);
  field_ = static_cast<uint32_t>(tag >> 3);
  const uint32_t type = static_cast<uint32_t>(tag & 7);
  if (type == 3 || type == 4) return Malformed(kGroup);
  if (type > kFixed32Type) return Malformed(kBadType);
  // What we know has one wire type: a varint for flags, a length for everything else.
  const bool flag = in_body_ ? field_ == 2 : field_ == kObservability;
  const bool delimited =
      in_body_ ? field_ == 1 : (field_ >= 2 && field_ <= 9) || field_ == kProtocolConfig;
  if ((flag && type != kVarintType) || (delimited && type != kLengthType))
    return Malformed(kBadType);
  switch (type) {
    case kVarintType:
      state_ = State::kVarint;
      break;
    case kLengthType:
      state_ = State::kLength;
      break;
    default:
      field_ = 0;  // fixed size: skipped whatever it is
      return OnLength(type == kFixed64Type ? 8 : 4);
  }
  return {};
}

Fault Decoder::OnVarint(uint64_t value) {
  state_ = State::kTag;
  if (in_body_ && field_ == 2) message_->end_of_stream = value != 0;
  if (!in_body_ && field_ == kObservability) message_->observability = value != 0;
  return {};
}

Fault Decoder::OnLength(uint64_t length) {
  if (length > (in_body_ ? sub_left_ : left_)) return Malformed(kTruncated);
  field_left_ = static_cast<uint32_t>(length);
  state_ = State::kTag;  // an empty field is done
  if (in_body_) {
    if (field_ == 1) {
      if (saw_body_) return Malformed("a body message has two bodies");
      saw_body_ = true;
      if (length > 0) state_ = State::kBody;
      return {};
    }
  } else if (field_ >= 2 && field_ <= 7) {
    if (message_->kind != Kind::kNone) return Malformed("a message has two kinds");
    message_->kind = static_cast<Kind>(field_);
    if (message_->kind == Kind::kRequestBody || message_->kind == Kind::kResponseBody) {
      in_body_ = true;
      sub_left_ = field_left_;
      return {};
    }
  }
  other_bytes_ += field_left_;
  if (other_bytes_ > kMaxOtherBytes) {
    return {Code::kResourceExhausted,
            "headers, attributes and metadata exceed 256 KiB in one message"};
  }
  const bool known = !in_body_ && ((field_ >= 2 && field_ <= 9) || field_ == kProtocolConfig);
  if (length == 0) return known ? DecodeField({}) : Fault{};
  state_ = known ? State::kCollect : State::kSkip;
  return {};
}

Fault Decoder::CollectField(std::string_view bytes) {
  if (field_left_ == 0 && field_bytes_.empty()) return DecodeField(bytes);
  field_bytes_.append(bytes);
  if (field_left_ > 0) return {};
  const Fault fault = DecodeField(field_bytes_);
  std::string().swap(field_bytes_);  // rare, and the stream may live long
  return fault;
}

Fault Decoder::DecodeField(std::string_view bytes) {
  switch (field_) {
    case static_cast<uint32_t>(Kind::kRequestHeaders):
    case static_cast<uint32_t>(Kind::kResponseHeaders):
      return DecodeHttpHeaders(bytes, *message_);
    case static_cast<uint32_t>(Kind::kRequestTrailers):
    case static_cast<uint32_t>(Kind::kResponseTrailers):
      return CheckTrailers(bytes);
    case kMetadataContext:
      return DecodeMetadata(bytes, *message_);
    case kAttributes:
      return DecodeAttributes(bytes, *message_);
    default:
      return DecodeProtocolConfig(bytes, *message_);
  }
}

}  // namespace inference::extproc::wire
