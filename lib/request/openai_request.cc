#include "request/openai_request.h"

#include <array>

#include "request/cut_json.h"
#include "request/json_syntax.h"

namespace inference::request {
namespace {

using api::CallKind;

constexpr size_t kKeepBytes = size_t{1} << 20;

void Clear(api::InferenceRequest& out) {
  if (out.pieces.capacity() * sizeof(std::string_view) > kKeepBytes) out.pieces = {};
  out.pieces.clear();
  out.prompts.clear();
  out.call = CallKind::kOther;
  out.model = out.target_model = out.cache_salt = {};
  out.stream = false;
  out.max_tokens.reset();
}

}  // namespace

ParseResult RequestParser::Parse(std::string_view path, std::string_view content_type,
                                 PaddedBody body, api::InferenceRequest& out) {
  // Fresh pages cost more than the parsing: a run of large bodies goes on using the same ones.
  if (body.size <= kKeepBytes) Trim();
  Clear(out);
  const CallKind call = CallKindOfPath(path);
  if (call == CallKind::kOther || !IsJsonContentType(content_type)) return {};
  const std::string_view text(body.data, body.size);
  ParseResult result;
  if (index_.Build(body.data, body.size)) {
    prompt_.Begin(index_, body.size, out);
    result = ReadOpenAiBody(index_, text, call, text.npos, prompt_, out);
  } else if (std::optional<SyntaxFault> syntax = FindSyntaxFault(text)) {
    result.fault = MakeFault(text, syntax->offset, {}, std::move(syntax->message));
  } else {
    result.fault = MakeFault(text, 0, {}, "the body is too large to be read");
    result.fault->http_status = 413;
  }
  if (!result.ok()) {
    Clear(out);
    result.include_usage = false;
  }
  return result;
}

bool RequestParser::ParseCompleted(CallKind call, size_t kept, api::InferenceRequest& out) {
  const size_t size = completed_.size();
  completed_.append(kBodyPadding, '\0');
  if (index_.Build(completed_.data(), size)) {
    prompt_.Begin(index_, size, out);
    const std::string_view text(completed_.data(), size);
    if (ReadOpenAiBody(index_, text, call, kept, prompt_, out).ok()) return true;
  }
  Clear(out);
  return false;
}

void RequestParser::ParseCut(std::string_view path, std::string_view content_type,
                             std::string_view begin, api::InferenceRequest& out) {
  constexpr std::array<std::string_view, 4> kPromptMembers = {"messages", "prompt", "input",
                                                              "instructions"};
  if (begin.size() <= kKeepBytes) Trim();
  Clear(out);
  const CallKind call = CallKindOfPath(path);
  if (call == CallKind::kOther || !IsJsonContentType(content_type)) return;
  const std::optional<JsonCut> cut = FindCut(begin, kPromptMembers);
  if (!cut) return;
  const size_t kept = cut->whole ? begin.size() : cut->kept;
  completed_.assign(begin, 0, kept);
  completed_ += cut->closing;
  if (ParseCompleted(call, cut->whole ? begin.npos : kept, out)) return;
  if (cut->without_last_member == 0) return;
  completed_.assign(begin, 0, cut->without_last_member);
  completed_ += '}';
  ParseCompleted(call, cut->without_last_member, out);
}

void RequestParser::Trim() {
  if (completed_.capacity() > kKeepBytes) std::string().swap(completed_);
  prompt_.ShrinkOver(kKeepBytes);
  index_.ShrinkOver(kKeepBytes);
}

}  // namespace inference::request
