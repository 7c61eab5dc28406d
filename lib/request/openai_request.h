#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "api/inference_request.h"
#include "request/call_kind.h"
#include "request/json_index.h"
#include "request/openai_body.h"
#include "request/prompt_builder.h"

namespace inference::request {

/// A request body in place. At least kBodyPadding bytes behind `size` must be readable.
struct PaddedBody {
  const char* data = nullptr;
  size_t size = 0;
};

/// Reads OpenAI request bodies. One per reactor thread; not thread-safe. Keeps its memory between
/// requests; what was made for a body over 1 MiB goes with the next smaller one, or with Trim.
class RequestParser {
 public:
  /// Fills `out` but for `headers`. Views in it point into the body or into this parser and hold
  /// until the next Parse or Trim; the body is not changed. A path or a content type that isn't
  /// ours gives kOther without a model, and is no fault. On a fault `out` is kOther and empty.
  ParseResult Parse(std::string_view path, std::string_view content_type, PaddedBody body,
                    api::InferenceRequest& out);

  /// The same for the beginning of a body that was cut off anywhere. Never a fault: gives the model
  /// if it came whole, else none, and of the prompt what came, unless a client's later member would
  /// come first in it (tools, instructions). What can't be read is kOther and empty. Works on a
  /// copy in this parser; needs no padding.
  void ParseCut(std::string_view path, std::string_view content_type, std::string_view begin,
                api::InferenceRequest& out);

  /// Ends the views of the last Parse and gives back what was made for a body over 1 MiB. Parse
  /// does the same by itself; for parsers that may rest for long.
  void Trim();

  /// Bytes reserved at present, most of them never touched.
  size_t memory() const {
    return index_.memory() + prompt_.memory() + completed_.capacity() - std::string().capacity();
  }

 private:
  bool ParseCompleted(api::CallKind call, size_t kept, api::InferenceRequest& out);

  JsonIndex index_;
  PromptBuilder prompt_;
  std::string completed_;  // a body that was cut, its end made up
};

}  // namespace inference::request
