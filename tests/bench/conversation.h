#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The bytes of one ext_proc conversation, made once and sent many times: a gateway's side of it.
namespace bench {

struct ConversationOptions {
  size_t body_bytes = 1024;
  size_t body_piece = 16384;  // one request_body message each
  int chunks = 8;             // response pieces; 0: request phase only
  size_t chunk_bytes = 225;
  int variants = 64;           // different prompts
  bool token_ids = false;      // prompts of token ids, not of text
  double shared_prefix = 0.3;  // of each prompt
};

/// Stands in every request for an id of its own.
inline constexpr std::string_view kRequestIdTemplate = "00000000-0000-4000-8000-000000000000";

/// gRPC-framed messages.
struct Conversation {
  std::vector<std::string> request;  // per variant: request_headers and all request_body messages
  std::string response_headers;
  std::string response_chunk;
  std::string response_end;  // the empty last piece
};

Conversation MakeConversation(const ConversationOptions& options);

/// Watches a stream's DATA bytes for whole gRPC messages without keeping them.
class MessageWatcher {
 public:
  enum class Kind : uint8_t {
    kRequestHeaders,
    kRequestBody,
    kResponseHeaders,
    kResponseBody,
    kOther
  };
  /// Calls on_message(kind, end_of_stream) for each message that ends in `data`.
  template <typename F>
  void Feed(std::string_view data, F&& on_message) {
    while (!data.empty()) {
      if (need_ == 0) {
        while (header_size_ < 5 && !data.empty()) {
          header_[header_size_++] = static_cast<uint8_t>(data.front());
          data.remove_prefix(1);
        }
        if (header_size_ < 5) return;
        need_ = static_cast<uint32_t>(header_[1]) << 24 | header_[2] << 16 | header_[3] << 8 |
                header_[4];
        header_size_ = 0;
        head_size_ = 0;
        if (need_ == 0) on_message(Kind::kOther, false);
        continue;
      }
      const size_t n = std::min<size_t>(need_, data.size());
      const size_t keep = std::min(n, sizeof head_ - head_size_);
      std::copy_n(data.data(), keep, head_ + head_size_);
      head_size_ += keep;
      need_ -= static_cast<uint32_t>(n);
      data.remove_prefix(n);
      if (need_ == 0) on_message(KindOf(static_cast<uint8_t>(head_[0])), EndOfStream());
    }
  }

 private:
  // response.body_mutation.streamed_response.end_of_stream, when it stands before the body.
  bool EndOfStream() const {
    std::string_view rest(head_, head_size_);
    for (const char tag : {head_[0], '\x0a', '\x1a', '\x1a'}) {
      if (rest.size() < 2 || rest[0] != tag) return false;
      size_t n = 1;
      while (n < rest.size() && (rest[n] & 0x80)) ++n;
      rest.remove_prefix(std::min(n + 1, rest.size()));
    }
    return rest.starts_with("\x10\x01");
  }
  static Kind KindOf(uint8_t tag) {
    switch (tag) {
      case 0x0a:
        return Kind::kRequestHeaders;
      case 0x12:
        return Kind::kResponseHeaders;
      case 0x1a:
        return Kind::kRequestBody;
      case 0x22:
        return Kind::kResponseBody;
      default:
        return Kind::kOther;
    }
  }
  uint8_t header_[5] = {};
  uint32_t header_size_ = 0;
  uint32_t need_ = 0;
  char head_[32] = {};  // enough for the tags in front of a body
  size_t head_size_ = 0;
};

}  // namespace bench
