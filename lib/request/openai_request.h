#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/inference_request.h"
#include "request/json_index.h"
#include "request/prompt_builder.h"

namespace inference::request {

/// A request body in place. At least kBodyPadding bytes behind `size` must be readable.
struct PaddedBody {
  const char* data = nullptr;
  size_t size = 0;
};

/// Why a body is refused, for the client who sent it.
struct Fault {
  int http_status = 400;
  std::string param;    // the field, e.g. "messages[3].content"; empty for faults of JSON itself
  std::string message;  // "\"model\" must be a string, found a number"
  size_t offset = 0;    // where in the body, in bytes from 0
  uint32_t line = 1, column = 1;  // the same place; columns count code points from 1

  /// "\"model\" must be a string, found a number (line 1, column 10)"
  std::string ToString() const;
};

struct ParseResult {
  std::optional<Fault> fault;
  bool include_usage = false;  // stream_options.include_usage: the response will end with usage
  bool ok() const { return !fault.has_value(); }
};

/// The call that a path asks for: by its last segments, whatever stands before them
/// ("/v1/completions",
/// "/openai/deployments/a/chat/completions/?x=1"). The longest match wins; only whole segments
/// match.
api::CallKind CallKindOfPath(std::string_view path);

/// True for "application/json" and "…+json", with or without parameters, and for no content type.
bool IsJsonContentType(std::string_view content_type);

/// Reads OpenAI request bodies. One per reactor thread; not thread-safe. Keeps its memory between
/// requests; what was made for a body over 1 MiB goes with the next smaller one, or with Trim.
class RequestParser {
 public:
  /// Fills `out` but for `headers`. Views in it point into the body or into this parser and hold
  /// until the next Parse or Trim; the body is not changed. A path or a content type that isn't
  /// ours gives kOther without a model, and is no fault. On a fault `out` is kOther and empty.
  ParseResult Parse(std::string_view path, std::string_view content_type, PaddedBody body,
                    api::InferenceRequest& out);

  /// Ends the views of the last Parse and gives back what was made for a body over 1 MiB. Parse
  /// does the same by itself; for parsers that may rest for long.
  void Trim();

  /// Bytes reserved at present, most of them never touched.
  size_t memory() const { return index_.memory() + prompt_.memory(); }

 private:
  JsonIndex index_;
  PromptBuilder prompt_;
};

}  // namespace inference::request
