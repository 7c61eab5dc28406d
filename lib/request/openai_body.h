#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "api/inference_request.h"
#include "request/fault.h"
#include "request/json_index.h"
#include "request/prompt_builder.h"

namespace inference::request {

/// Where the model's name stands in a body, as offsets: of the JSON string, quotes included. Where
/// none is written both are the place for a first member.
struct ModelPlace {
  size_t begin = 0, end = 0;
  bool missing() const { return begin == end; }
};

struct ParseResult {
  std::optional<Fault> fault;
  /// The body names no model: a fault unless a rule gives it one.
  std::optional<Fault> no_model;
  std::optional<ModelPlace> model_at;  // of a whole body of a kind that has models
  bool include_usage = false;  // stream_options.include_usage: the response will end with usage
  bool ok() const { return !fault.has_value(); }
};

/// Reads the fields of a body whose JSON is indexed and known to be valid. `prompt` has begun with
/// the same index. After a fault `out` is half filled.
///
/// `cut_at` is for a body whose end is missing and was made up from that offset on (cut_json.h);
/// npos otherwise. Nothing that is missing is a fault then, and the prompt stops where what was cut
/// off could have come first.
ParseResult ReadOpenAiBody(const JsonIndex& index, std::string_view body, api::CallKind call,
                           size_t cut_at, PromptBuilder& prompt, api::InferenceRequest& out);

}  // namespace inference::request
