#include "admin/dry_run.h"

#include <string>
#include <string_view>
#include <vector>

#include "admin/conversion.h"
#include "base/text.h"
#include "picker/pick.h"
#include "request/openai_request.h"

namespace inference::admin {
namespace {

constexpr int64_t kMaxPromptTokens = 4 << 20;
constexpr int64_t kBytesPerToken = 4;  // as InferenceRequest counts them

/// What an InferenceRequest's views point into.
struct RequestMemory {
  std::string body;
  std::string prompt;
  std::string header_names;
  std::vector<api::Header> headers;
  request::RequestParser parser;
  api::InferenceRequest request;
};

Status ReadHeaders(const v1::PickRequest& in, RequestMemory& memory) {
  std::string& names = memory.header_names;
  std::vector<size_t> ends;
  for (const v1::HeaderField& header : in.headers()) {
    if (header.name().empty()) return Status(Code::kInvalidArgument, "a header has no name");
    names += base::ToLower(header.name());
    ends.push_back(names.size());
  }
  size_t begin = 0;
  for (int i = 0; i < in.headers_size(); ++i) {
    const std::string_view name(names.data() + begin, ends[i] - begin);
    memory.headers.push_back({name, in.headers(i).value()});
    begin = ends[i];
  }
  memory.request.headers = memory.headers;
  return Status::Ok();
}

std::string_view ContentType(const RequestMemory& memory) {
  for (const api::Header& header : memory.headers) {
    if (header.name == "content-type") return header.value;
  }
  return "application/json";
}

Status ReadBody(const v1::PickRequest& in, const api::DaemonConfig& config, RequestMemory& memory) {
  const int64_t limit = config.limits.max_body_bytes.value;
  if (static_cast<int64_t>(in.body().size()) > limit) {
    return Status(Code::kInvalidArgument, "the body has " + std::to_string(in.body().size()) +
                                              " bytes; limits.maxBodyBytes is " +
                                              std::to_string(limit));
  }
  memory.body = in.body();
  memory.body.resize(in.body().size() + request::kBodyPadding);
  const std::string path = in.path().empty() ? "/v1/chat/completions" : in.path();
  const request::ParseResult parsed = memory.parser.Parse(
      path, ContentType(memory), {memory.body.data(), in.body().size()}, memory.request);
  if (!parsed.ok()) {
    return Status(Code::kInvalidArgument, "the body would be answered with " +
                                              std::to_string(parsed.fault->http_status) + ": " +
                                              SafeText(parsed.fault->ToString()));
  }
  return Status::Ok();
}

/// A prompt without roles, as /v1/completions has it.
Status DescribePrompt(const v1::PickRequest& in, RequestMemory& memory) {
  if (in.prompt_tokens() < 0 || in.prompt_tokens() > kMaxPromptTokens) {
    return Status(Code::kInvalidArgument,
                  "prompt_tokens must be 0.." + std::to_string(kMaxPromptTokens));
  }
  api::InferenceRequest& request = memory.request;
  request.call = api::CallKind::kCompletions;
  request.model = request.target_model = in.model();
  if (!in.prompt().empty()) {
    request.pieces.push_back(in.prompt());
  } else if (in.prompt_tokens() > 0) {
    // A byte that no text has: a prompt of that length which nobody has sent before.
    memory.prompt.assign(static_cast<size_t>(in.prompt_tokens() * kBytesPerToken), '\xff');
    request.pieces.push_back(memory.prompt);
  }
  if (!request.pieces.empty()) request.prompts.push_back({0, 1});
  return Status::Ok();
}

}  // namespace

Status DryRun(const picker::Runtime& runtime, const api::DaemonConfig& config,
              const v1::PickRequest& in, base::Time now, base::Rng& rng,
              v1::PickResponse* response) {
  RequestMemory memory;
  Status status = ReadHeaders(in, memory);
  if (status.ok()) {
    status = in.body().empty() ? DescribePrompt(in, memory) : ReadBody(in, config, memory);
  }
  if (!status.ok()) return status;

  const std::vector<std::string_view> subset(in.subset().begin(), in.subset().end());
  picker::PickRequest pick;
  pick.request = &memory.request;
  pick.pool = in.pool();
  pick.route = in.route();
  pick.subset = {!subset.empty(), subset};
  picker::PickScratch scratch;
  scheduling::Explanation explanation;
  const picker::PickResult result =
      picker::Pick(runtime, pick, now, rng, scratch, &explanation, /*dry_run=*/true);

  response->set_generation(runtime.generation());
  response->set_model(SafeText(memory.request.model));
  response->set_target_model(SafeText(memory.request.target_model));
  if (result.pool != nullptr) response->set_pool(result.pool->pool->key());
  if (!result.picked()) FillRefusal(result.refusal, response->mutable_refusal());
  FillExplanation(explanation, response);
  return Status::Ok();
}

}  // namespace inference::admin
