#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/inference_request.h"
#include "base/clock.h"
#include "inference/status.h"

// The few protobuf messages of envoy.service.ext_proc.v3 that we speak, by hand: what is received
// is decoded while it arrives and body bytes are never gathered per message; what is sent is sized
// first and appended once. Field numbers: envoy.service.ext_proc.v3 and envoy.config.core.v3.
namespace inference::extproc::wire {

/// Which member of ProcessingRequest's oneof a message holds; the values are field numbers.
enum class Kind : uint8_t {
  kNone = 0,  // none that we know
  kRequestHeaders = 2,
  kResponseHeaders = 3,
  kRequestBody = 4,
  kResponseBody = 5,
  kRequestTrailers = 6,
  kResponseTrailers = 7,
};

/// ProcessingMode.BodySendMode.
enum class BodyMode : uint8_t {
  kNone = 0,
  kStreamed = 1,
  kBuffered = 2,
  kBufferedPartial = 3,
  kFullDuplex = 4,
  kGrpc = 5,
  kUnknown = 255,
};

struct ProtocolConfig {
  BodyMode request = BodyMode::kNone;
  BodyMode response = BodyMode::kNone;
  bool operator==(const ProtocolConfig&) const = default;
};

/// Headers in one piece of memory. Names are in lower case.
class HeaderBlock {
 public:
  void Add(std::string_view name, std::string_view value);
  size_t size() const { return entries_.size(); }
  api::Header operator[](size_t i) const {
    const Entry& e = entries_[i];
    const std::string_view text(text_);
    return {text.substr(e.offset, e.name_size), text.substr(e.offset + e.name_size, e.value_size)};
  }
  /// The first of that name, or empty.
  std::string_view Find(std::string_view name) const;
  bool Has(std::string_view name) const;
  void Clear() {
    text_.clear();
    entries_.clear();
  }
  size_t memory() const { return text_.capacity() + entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    uint32_t offset, name_size, value_size;
  };
  std::string text_;
  std::vector<Entry> entries_;
};

/// One ProcessingRequest but for its body bytes.
struct Message {
  Kind kind = Kind::kNone;
  bool end_of_stream = false;
  bool observability = false;
  /// Absent is not the same as empty: absent means the default of the listener, empty NONE/NONE.
  std::optional<ProtocolConfig> protocol_config;
  HeaderBlock headers;  // of the headers kinds
  // Attributes, from any namespace of the map.
  std::string route_name;        // xds.route_name
  std::string request_id;        // request.id
  std::string upstream_address;  // upstream.address
  std::string code_details;      // response.code_details
  // Metadata context.
  bool subset_present = false;
  std::string subset;  // entries joined by commas
  std::string served;  // envoy.lb, x-gateway-destination-endpoint-served

  void Clear();
};

/// Keeps the memory of messages that are done. One thread.
class MessagePool {
 public:
  std::unique_ptr<Message> Get();
  void Put(std::unique_ptr<Message> message);

 private:
  static constexpr size_t kMaxSpare = 64;
  static constexpr size_t kMaxSpareBytes = 16 * 1024;
  std::vector<std::unique_ptr<Message>> spare_;
};

/// Receives what a Decoder finds.
class Events {
 public:
  /// A piece of the body of the message being received. `rest`: bytes of the same body field that
  /// are still to come.
  virtual void OnBody(Kind kind, std::string_view bytes, size_t rest) = 0;
  /// A message is complete. What it holds may be taken (swapped out).
  virtual void OnMessage(Message& message) = 0;

 protected:
  ~Events() = default;
};

/// Why a stream of messages cannot be read on; code kOk: it can. `text` is constant.
struct Fault {
  Code code = Code::kOk;
  const char* text = "";
  explicit operator bool() const { return code != Code::kOk; }
};

/// Decodes the gRPC frames and ProcessingRequests of one stream, from pieces cut anywhere.
/// Everything in them is untrusted: sizes and counts are bounded before memory is spent. Unknown
/// fields are skipped; a known field with a wrong wire type, groups, truncated or overlong values
/// are refused.
class Decoder {
 public:
  /// Bound of all that isn't body bytes, per message.
  static constexpr size_t kMaxOtherBytes = 256 * 1024;
  static constexpr size_t kMaxHeaders = 1024;
  /// Bound of a single name or value that we keep from attributes and metadata.
  static constexpr size_t kMaxText = 4096;

  /// `max_message`: the largest gRPC message that is taken, in bytes.
  explicit Decoder(size_t max_message) : max_message_(max_message) {}

  /// After a fault the decoder must not be fed again.
  Fault Feed(std::string_view bytes, MessagePool& pool, Events& events);
  /// In the middle of a message?
  bool partial() const { return head_size_ != 0; }

 private:
  enum class State : uint8_t { kTag, kVarint, kLength, kSkip, kCollect, kBody };

  Fault StartMessage();
  Fault Step(std::string_view window, size_t& used, Events& events);
  Fault OnTag(uint64_t tag);
  Fault OnVarint(uint64_t value);
  Fault OnLength(uint64_t length);
  Fault CollectField(std::string_view bytes);
  Fault DecodeField(std::string_view bytes);
  /// 1: a whole varint is in `varint_`; 0: more bytes needed; -1: malformed.
  int TakeVarint(std::string_view window, size_t& used);

  const size_t max_message_;
  std::unique_ptr<Message> message_;
  std::string field_bytes_;  // a field that came in pieces
  uint64_t varint_ = 0;
  uint32_t left_ = 0;        // of the gRPC message
  uint32_t sub_left_ = 0;    // of the HttpBody inside it
  uint32_t field_left_ = 0;  // of the current field
  uint32_t other_bytes_ = 0;
  uint32_t field_ = 0;
  uint8_t head_[5] = {};
  uint8_t head_size_ = 0;
  uint8_t shift_ = 0;
  State state_ = State::kTag;
  bool in_body_ = false;   // inside HttpBody
  bool saw_body_ = false;  // its bytes were seen
};

// --- what we send
// -----------------------------------------------------------------------------------

/// Which half of the exchange a response answers.
enum class Phase : uint8_t { kRequest, kResponse };

/// Headers to set and names to remove.
struct HeaderMutation {
  std::span<const std::pair<std::string_view, std::string_view>> set;
  std::span<const std::string_view> remove;
};

/// HeadersResponse; `destination`, when not empty, becomes dynamic metadata as well. Each Append
/// function appends one whole gRPC message unless it says otherwise.
void AppendHeadersResponse(std::string& out, Phase phase, const HeaderMutation& mutation,
                           bool clear_route_cache, std::string_view destination);
/// BodyResponse with a `streamed_response` of `body_size` bytes, all but the bytes: they must
/// follow.
void AppendStreamedBodyHead(std::string& out, Phase phase, size_t body_size, bool end_of_stream);
/// The same for a piece of which it isn't known yet whether it is the last: the bytes must follow,
/// then AppendEndFlag.
void AppendOpenBodyHead(std::string& out, Phase phase, size_t body_size);
void AppendEndFlag(std::string& out, bool end_of_stream);
/// BodyResponse without a streamed body: for the BUFFERED and STREAMED dialects. With
/// `replace_body` the whole body is replaced by `body`.
void AppendBodyResponse(std::string& out, Phase phase, const HeaderMutation& mutation,
                        bool clear_route_cache, std::string_view destination, bool replace_body,
                        std::string_view body);
/// `destination`: see AppendHeadersResponse.
void AppendTrailersResponse(std::string& out, Phase phase, std::string_view destination = {});
/// Asks the gateway to wait for so long for our next answer. Not in full duplex.
void AppendTimeoutOverride(std::string& out, base::Duration timeout);
void AppendImmediateResponse(std::string& out, int status, const HeaderMutation& headers,
                             std::string_view body, std::string_view details);

}  // namespace inference::extproc::wire
