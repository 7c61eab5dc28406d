#pragma once

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
  double shared_prefix = 0.3;  // of each prompt
};

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
        first_ = 0;
        tail_ = 0;
        if (need_ == 0) on_message(Kind::kOther, false);
        continue;
      }
      const size_t n = std::min<size_t>(need_, data.size());
      if (first_ == 0) first_ = static_cast<uint8_t>(data[0]);
      for (size_t i = n < 2 ? 0 : n - 2; i < n; ++i) {
        tail_ = static_cast<uint16_t>(tail_ << 8 | static_cast<uint8_t>(data[i]));
      }
      need_ -= static_cast<uint32_t>(n);
      data.remove_prefix(n);
      // StreamedBodyResponse ends with end_of_stream (field 2, varint 1) when it is set.
      if (need_ == 0) on_message(KindOf(first_), tail_ == 0x1001);
    }
  }

 private:
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
  uint8_t first_ = 0;
  uint16_t tail_ = 0;
};

}  // namespace bench
