#include "admin/described_request.h"

#include "admin/conversion.h"
#include "base/text.h"
#include "request/headers.h"

namespace inference::admin {
namespace {

constexpr int64_t kMaxPromptTokens = 4 << 20;
constexpr int64_t kBytesPerToken = 4;  // as InferenceRequest counts them

}  // namespace

Status DescribedRequest::ReadHeaders(const v1::PickRequest& in) {
  std::vector<size_t> ends;
  for (const v1::HeaderField& header : in.headers()) {
    if (header.name().empty()) return Status(Code::kInvalidArgument, "a header has no name");
    header_names_ += base::ToLower(header.name());
    ends.push_back(header_names_.size());
  }
  size_t begin = 0;
  for (int i = 0; i < in.headers_size(); ++i) {
    const std::string_view name(header_names_.data() + begin, ends[i] - begin);
    headers_.push_back({name, in.headers(i).value()});
    begin = ends[i];
  }
  request_.headers = headers_;
  return Status::Ok();
}

std::string_view DescribedRequest::ContentType() const {
  for (const api::Header& header : headers_) {
    if (header.name == "content-type") return header.value;
  }
  return "application/json";
}

Status DescribedRequest::ReadBody(const v1::PickRequest& in, const api::DaemonConfig& config) {
  const int64_t limit = config.limits.max_body_bytes.value;
  if (static_cast<int64_t>(in.body().size()) > limit) {
    return Status(Code::kInvalidArgument, "the body has " + std::to_string(in.body().size()) +
                                              " bytes; limits.maxBodyBytes is " +
                                              std::to_string(limit));
  }
  body_ = in.body();
  body_.resize(in.body().size() + request::kBodyPadding);
  const std::string path = in.path().empty() ? "/v1/chat/completions" : in.path();
  const request::ParseResult parsed =
      parser_.Parse(path, ContentType(), {body_.data(), in.body().size()}, request_);
  if (!parsed.ok()) {
    return Status(Code::kInvalidArgument, "the body would be answered with " +
                                              std::to_string(parsed.fault->http_status) + ": " +
                                              SafeText(parsed.fault->ToString()));
  }
  return Status::Ok();
}

// A prompt without roles, as /v1/completions has it.
Status DescribedRequest::DescribePrompt(const v1::PickRequest& in) {
  if (in.prompt_tokens() < 0 || in.prompt_tokens() > kMaxPromptTokens) {
    return Status(Code::kInvalidArgument,
                  "prompt_tokens must be 0.." + std::to_string(kMaxPromptTokens));
  }
  // Without a model it is a request that carries none.
  if (!in.model().empty()) request_.call = api::CallKind::kCompletions;
  request_.model = in.model();
  if (!in.prompt().empty()) {
    request_.pieces.push_back(in.prompt());
  } else if (in.prompt_tokens() > 0) {
    // A byte that no text has: a prompt of that length which nobody has sent before.
    prompt_.assign(static_cast<size_t>(in.prompt_tokens() * kBytesPerToken), '\xff');
    request_.pieces.push_back(prompt_);
  }
  if (!request_.pieces.empty()) request_.prompts.push_back({0, 1});
  return Status::Ok();
}

Status DescribedRequest::Read(const v1::PickRequest& in, const api::DaemonConfig& config) {
  Status status = ReadHeaders(in);
  if (status.ok()) status = in.body().empty() ? DescribePrompt(in) : ReadBody(in, config);
  if (!status.ok()) return status;
  subset_.assign(in.subset().begin(), in.subset().end());
  pick_.request = &request_;
  pick_.pool = in.pool();
  pick_.route = in.route();
  pick_.subset = {!subset_.empty(), subset_};
  if (*config.trust_priority_headers) {
    const request::RequestFacts facts = request::ReadHeaders(headers_);
    pick_.objective = facts.objective;
    pick_.model_rewrite = facts.model_rewrite;
  }
  return Status::Ok();
}

}  // namespace inference::admin
