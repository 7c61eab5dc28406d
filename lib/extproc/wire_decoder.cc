#include <algorithm>
#include <cstring>

#include "extproc/wire.h"
#include "extproc/wire_fields.h"

namespace inference::extproc::wire {
namespace {

// ProcessingRequest
constexpr uint32_t kMetadataContext = 8, kAttributes = 9, kObservability = 10, kProtocolConfig = 11;

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
  code_details.clear();
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
