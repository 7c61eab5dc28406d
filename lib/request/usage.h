#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "request/usage_json.h"

namespace inference::request {

/// How a response's body may be scanned for usage.
enum class ResponseKind : uint8_t { kOpaque, kJson, kSse };

/// By the response's content-type and content-encoding; either may be empty. Encoded bodies (but
/// for "identity") are opaque.
ResponseKind DetectResponseKind(std::string_view content_type, std::string_view content_encoding);

/// Reads token usage from the body of a response while it passes by, in chunks cut anywhere: plain
/// JSON and server-sent events of chat, completions, embeddings and responses calls. Takes about
/// 200 bytes whatever the body's size, and allocates nothing. A later usage object overrides an
/// earlier one field by field (servers may report with every chunk). Not thread-safe.
///
/// Lines end with LF or CRLF. Each `data:` line is taken for one JSON text, as all model servers
/// write.
class UsageScanner {
 public:
  explicit UsageScanner(ResponseKind kind = ResponseKind::kOpaque) { Reset(kind); }
  void Reset(ResponseKind kind);

  void Feed(std::string_view chunk);
  /// At the end of the response: takes a last line without its end.
  void Finish();

  const Usage& usage() const { return usage_; }
  /// Complete `data:` lines seen but for "[DONE]"; 0 unless server-sent events.
  uint64_t events() const { return events_; }
  /// "data: [DONE]" was seen.
  bool done() const { return done_; }

 private:
  enum class Line : uint8_t { kField, kSpace, kData, kOther };

  void FeedLines(std::string_view chunk);
  void FeedPart(std::string_view part, bool complete);
  void FeedData(std::string_view data, bool complete);
  void EndLine();

  ResponseKind kind_ = ResponseKind::kOpaque;
  Line line_ = Line::kField;
  uint8_t field_size_ = 0;  // bytes of "data:" matched
  uint8_t head_size_ = 0;   // first bytes of the data
  bool head_full_ = false;  // the data is longer than any "[DONE]"
  bool json_begun_ = false;
  bool done_ = false;
  std::array<char, 8> head_{};
  uint64_t events_ = 0;
  Usage usage_;
  UsageJson json_;
};

}  // namespace inference::request
