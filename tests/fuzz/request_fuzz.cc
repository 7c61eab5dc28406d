// Request bodies. First byte: which call. Besides not crashing: the two JSON readers agree, a
// library's verdict differs only where we differ on purpose, the body stays as it was, a second
// reading by the same parser gives the same, and whatever we say about a fault is text that a
// client can read.
#include <simdjson.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/text.h"
#include "request/error_body.h"
#include "request/json_syntax.h"
#include "request/openai_request.h"

namespace {

using namespace inference::request;

void Require(bool condition) {
  if (!condition) std::abort();
}

void CompareWithLibrary(std::string_view text, bool valid, bool too_deep) {
  static simdjson::dom::parser parser;
  simdjson::dom::element root;
  const simdjson::error_code error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::SUCCESS) {
    Require(valid || too_deep);
  } else if (valid) {
    // Lone surrogates; numbers beyond the library's types.
    Require(error == simdjson::STRING_ERROR || error == simdjson::NUMBER_ERROR);
  }
}

void CheckFault(const ParseResult& result, size_t size) {
  Require(result.fault->offset <= size && result.fault->line >= 1 && result.fault->column >= 1);
  Require(inference::base::IsValidUtf8(result.fault->ToString()));
  const std::string body =
      MakeErrorBody(result.fault->http_status, result.fault->ToString(), result.fault->param);
  simdjson::dom::parser parser;
  Require(parser.parse(body).error() == simdjson::SUCCESS);
}

void CheckPrompts(const inference::api::InferenceRequest& request) {
  uint32_t next = 0;
  for (const auto& prompt : request.prompts) {
    Require(prompt.first == next);
    next += prompt.count;
  }
  Require(next == request.pieces.size());
  for (std::string_view piece : request.pieces) Require(!piece.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr std::array<std::string_view, 5> kPaths = {
      "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/other"};
  static RequestParser parser;
  if (size == 0) return 0;
  const std::string_view path = kPaths[data[0] % kPaths.size()];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto body = std::make_unique<char[]>(text.size() + kBodyPadding);
  text.copy(body.get(), text.size());
  std::memset(body.get() + text.size(), data[0], kBodyPadding);
  JsonIndex index;
  const bool valid = index.Build(body.get(), text.size());
  const std::optional<SyntaxFault> syntax = FindSyntaxFault(text);
  Require(valid == !syntax.has_value());
  CompareWithLibrary(text, valid, !valid && syntax->message.find("deep") != std::string::npos);

  inference::api::InferenceRequest first, second;
  const ParseResult result = parser.Parse(path, {}, {body.get(), text.size()}, first);
  Require(std::string_view(body.get(), text.size()) == text);
  CheckPrompts(first);
  if (!result.ok()) {
    CheckFault(result, text.size());
    Require(first.model.empty() && first.pieces.empty());
  } else if (first.call != inference::api::CallKind::kOther) {
    Require(valid && !first.model.empty());
  }
  RequestParser other;
  const ParseResult again = other.Parse(path, {}, {body.get(), text.size()}, second);
  Require(again.ok() == result.ok() && first.model == second.model &&
          first.pieces == second.pieces);
  return 0;
}
