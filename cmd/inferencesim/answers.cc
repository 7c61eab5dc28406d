#include "inferencesim/answers.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "inferencesim/embedding.h"

namespace inference::sim {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view ReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kError:
      return "error";
  }
  return "error";
}

Json UsageJson(const Usage& usage) {
  return Json{{"prompt_tokens", usage.prompt_tokens},
              {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
              {"completion_tokens", usage.completion_tokens},
              {"prompt_tokens_details",
               {{"cached_tokens", usage.cached_tokens},
                {"created_cache_tokens", nullptr},
                {"multimodal_tokens", nullptr}}},
              {"completion_tokens_details", nullptr}};
}

/// Chat and completions differ in names and in the shape of a choice only.
class ChoicesWriter : public AnswerWriter {
 public:
  ChoicesWriter(const AnswerHead& head, std::string_view id_prefix, std::string_view object,
                std::string_view chunk_object)
      : include_usage_(head.include_usage) {
    common_ = {{"id", std::string(id_prefix) + head.request_id},
               {"object", chunk_object},
               {"created", head.created},
               {"model", head.model}};
    // All but the choices is the same in every chunk: written once.
    chunk_head_ = Dump(common_);
    chunk_head_.back() = ',';
    common_["object"] = object;
  }

  std::string End(const Usage& usage) override {
    std::string events;
    if (include_usage_) {
      events = fmt::format("data: {}\"choices\":[],\"usage\":{}}}\n\n", chunk_head_,
                           Dump(UsageJson(usage)));
    }
    return events + "data: [DONE]\n\n";
  }

  std::string Body(const std::vector<Choice>& choices, const Usage& usage) override {
    Json body = common_;
    body["choices"] = Json::array();
    for (uint32_t i = 0; i < choices.size(); ++i) body["choices"].push_back(Whole(i, choices[i]));
    body["usage"] = UsageJson(usage);
    return Dump(body);
  }

 protected:
  virtual Json Whole(uint32_t index, const Choice& choice) = 0;

  /// `reason` is JSON: a quoted name or null. `part` holds the member with the text.
  std::string Chunk(uint32_t choice, std::string_view part, std::string_view reason) const {
    return fmt::format(
        "data: {}\"choices\":[{{\"index\":{},{},\"logprobs\":null,\"finish_reason\":{}}}]}}\n\n",
        chunk_head_, choice, part, reason);
  }

 private:
  const bool include_usage_;
  Json common_;
  std::string chunk_head_;  // "{...," without the end
};

class ChatWriter final : public ChoicesWriter {
 public:
  explicit ChatWriter(const AnswerHead& head)
      : ChoicesWriter(head, "chatcmpl-", "chat.completion", "chat.completion.chunk") {}

  std::string Start(uint32_t choices) override {
    std::string events;
    for (uint32_t i = 0; i < choices; ++i) {
      events += Chunk(i, R"("delta":{"role":"assistant","content":""})", "null");
    }
    return events;
  }
  std::string Token(uint32_t choice, std::string_view text) override {
    return Chunk(choice, fmt::format(R"("delta":{{"content":"{}"}})", text), "null");
  }
  std::string Finish(uint32_t choice, FinishReason reason) override {
    return Chunk(choice, R"("delta":{"content":""})", fmt::format("\"{}\"", ReasonName(reason)));
  }

 private:
  Json Whole(uint32_t index, const Choice& choice) override {
    return {{"index", index},
            {"message", {{"role", "assistant"}, {"content", choice.text}}},
            {"logprobs", nullptr},
            {"finish_reason", ReasonName(choice.reason)}};
  }
};

class CompletionsWriter final : public ChoicesWriter {
 public:
  explicit CompletionsWriter(const AnswerHead& head)
      : ChoicesWriter(head, "cmpl-", "text_completion", "text_completion") {}

  std::string Start(uint32_t) override { return {}; }
  std::string Token(uint32_t choice, std::string_view text) override {
    return Chunk(choice, fmt::format(R"("text":"{}")", text), "null");
  }
  std::string Finish(uint32_t choice, FinishReason reason) override {
    return Chunk(choice, R"("text":"")", fmt::format("\"{}\"", ReasonName(reason)));
  }

 private:
  Json Whole(uint32_t index, const Choice& choice) override {
    return {{"index", index},
            {"text", choice.text},
            {"logprobs", nullptr},
            {"finish_reason", ReasonName(choice.reason)}};
  }
};

/// The Responses API: one output message, named events with a sequence number.
class ResponsesWriter final : public AnswerWriter {
 public:
  explicit ResponsesWriter(const AnswerHead& head)
      : head_(head), item_id_("msg_" + head.request_id) {}

  std::string Start(uint32_t) override {
    const Json response = Response("in_progress", Json::array(), nullptr);
    // One by one: each event takes the next sequence number.
    std::string events = Event("response.created", {{"response", response}});
    events += Event("response.in_progress", {{"response", response}});
    events += Event("response.output_item.added",
                    {{"output_index", 0}, {"item", Item("in_progress", Json::array())}});
    events += Event("response.content_part.added", Located({{"part", Part("")}}));
    return events;
  }
  std::string Token(uint32_t, std::string_view text) override {
    text_ += text;
    return Event("response.output_text.delta", Located({{"delta", text}}));
  }
  std::string Finish(uint32_t, FinishReason reason) override {
    reason_ = reason;
    std::string events = Event("response.output_text.done", Located({{"text", text_}}));
    events += Event("response.content_part.done", Located({{"part", Part(text_)}}));
    events += Event("response.output_item.done",
                    {{"output_index", 0}, {"item", Item(Outcome(), Json::array({Part(text_)}))}});
    return events;
  }
  std::string End(const Usage& usage) override {
    const Json response =
        Response(Outcome(), Json::array({Item(Outcome(), Json::array({Part(text_)}))}),
                 ResponseUsage(usage));
    return Event(reason_ == FinishReason::kLength ? "response.incomplete" : "response.completed",
                 {{"response", response}});
  }
  std::string Body(const std::vector<Choice>& choices, const Usage& usage) override {
    reason_ = choices.front().reason;
    return Dump(Response(Outcome(),
                         Json::array({Item(Outcome(), Json::array({Part(choices.front().text)}))}),
                         ResponseUsage(usage)));
  }

 private:
  const char* Outcome() const {
    return reason_ == FinishReason::kLength ? "incomplete" : "completed";
  }
  static Json Part(std::string_view text) {
    return Json{{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}};
  }
  static Json ResponseUsage(const Usage& usage) {
    return Json{{"input_tokens", usage.prompt_tokens},
                {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
                {"output_tokens", usage.completion_tokens},
                {"output_tokens_details", {{"reasoning_tokens", 0}}},
                {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
  }
  Json Item(std::string_view status, Json parts) const {
    return Json{{"id", item_id_},
                {"type", "message"},
                {"role", "assistant"},
                {"status", status},
                {"content", std::move(parts)}};
  }
  Json Response(std::string_view status, Json output, Json usage) const {
    Json details = nullptr;
    if (status == "incomplete") details = Json{{"reason", "max_output_tokens"}};
    return Json{{"id", "resp_" + head_.request_id},
                {"object", "response"},
                {"created_at", head_.created},
                {"status", status},
                {"incomplete_details", std::move(details)},
                {"model", head_.model},
                {"output", std::move(output)},
                {"usage", std::move(usage)}};
  }
  Json Located(Json members) const {
    members["item_id"] = item_id_;
    members["output_index"] = 0;
    members["content_index"] = 0;
    return members;
  }
  std::string Event(std::string_view type, Json members) {
    members["type"] = type;
    members["sequence_number"] = sequence_number_++;
    return fmt::format("event: {}\ndata: {}\n\n", type, Dump(members));
  }

  const AnswerHead head_;
  const std::string item_id_;
  std::string text_;
  FinishReason reason_ = FinishReason::kStop;
  uint32_t sequence_number_ = 0;
};

}  // namespace

std::unique_ptr<AnswerWriter> MakeAnswerWriter(ApiKind kind, const AnswerHead& head) {
  if (kind == ApiKind::kChat) return std::make_unique<ChatWriter>(head);
  if (kind == ApiKind::kResponses) return std::make_unique<ResponsesWriter>(head);
  return std::make_unique<CompletionsWriter>(head);
}

std::string EmbeddingsBody(const AnswerHead& head, const std::vector<uint64_t>& fingerprints,
                           uint32_t dimensions, bool base64, const Usage& usage) {
  Json data = Json::array();
  for (size_t i = 0; i < fingerprints.size(); ++i) {
    const std::vector<float> vector = MakeEmbedding(fingerprints[i], dimensions);
    data.push_back({{"index", i},
                    {"object", "embedding"},
                    {"embedding", base64 ? Json(EncodeBase64(vector)) : Json(vector)}});
  }
  return Dump({{"id", "embd-" + head.request_id},
               {"object", "list"},
               {"created", head.created},
               {"model", head.model},
               {"data", std::move(data)},
               {"usage", UsageJson(usage)}});
}

}  // namespace inference::sim
