#include <fmt/core.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "inference/version.h"
#include "inferencesim/instance.h"

namespace inference::sim {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kJsonType[] = "application/json";
constexpr size_t kMaxRequestIdBytes = 256;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The string member of a JSON object in `body`; empty when there is none.
std::string StringMember(std::string_view body, const char* name) {
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {};
  const auto member = json.find(name);
  return member != json.end() && member->is_string() ? member->get<std::string>() : std::string();
}

ProcessFacts ReadProcessFacts(double start_unix) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  ProcessFacts facts;
  facts.cpu_seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                      static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  facts.resident_bytes = static_cast<double>(usage.ru_maxrss) * 1024;
  facts.virtual_bytes = facts.resident_bytes * 4;
  facts.start_unix_seconds = start_unix;
  facts.open_fds = 64;
  facts.max_fds = 65536;
  return facts;
}

/// `page` damaged as `fault` says.
std::string Damage(std::string page, PageFault fault) {
  switch (fault) {
    case PageFault::kNone:
      return page;
    case PageFault::kTruncate:
      return page.substr(0, page.size() / 3);
    case PageFault::kEmpty:
      return {};
    case PageFault::kNan: {
      // Every number of the live gauges becomes NaN.
      for (const std::string_view name : {"\nvllm:num_requests_", "\nvllm:kv_cache_usage_perc"}) {
        for (size_t at = page.find(name); at != std::string::npos; at = page.find(name, at + 1)) {
          const size_t number = page.rfind(' ', page.find('\n', at + 1)) + 1;
          page.replace(number, page.find('\n', number) - number, "NaN");
        }
      }
      return page;
    }
    case PageFault::kGarbage:
      for (size_t i = 0; i < page.size(); i += 7) page[i] = static_cast<char>(0x80 + i % 64);
      return page;
  }
  return page;
}

}  // namespace

const std::map<std::string_view, Instance::Route>& Instance::Routes() {
  static const std::map<std::string_view, Route> routes = {
      {"/v1/chat/completions", {"POST", &Instance::HandleChat, true}},
      {"/v1/completions", {"POST", &Instance::HandleCompletions, true}},
      {"/v1/embeddings", {"POST", &Instance::HandleEmbeddings, true}},
      {"/v1/responses", {"POST", &Instance::HandleResponses, true}},
      {"/v1/models", {"GET", &Instance::HandleModels, true}},
      {"/v1/load_lora_adapter", {"POST", &Instance::HandleLoadLora, true}},
      {"/v1/unload_lora_adapter", {"POST", &Instance::HandleUnloadLora, true}},
      {"/tokenize", {"POST", &Instance::HandleTokenize, true}},
      {"/reset_prefix_cache", {"POST", &Instance::HandleResetPrefixCache, true}},
      {"/sleep", {"POST", &Instance::HandleSleep, true}},
      {"/wake_up", {"POST", &Instance::HandleWakeUp, true}},
      {"/is_sleeping", {"GET", &Instance::HandleIsSleeping, true}},
      {"/health", {"GET", &Instance::HandleHealth, false}},
      {"/ping", {"GET", &Instance::HandleHealth, false}},
      {"/version", {"GET", &Instance::HandleVersion, false}},
      {"/load", {"GET", &Instance::HandleLoad, false}},
      {"/metrics", {"GET", &Instance::HandleMetrics, false}},
  };
  return routes;
}

void Instance::HandleModelRequest(Active* active, ApiKind kind) {
  if (faults_.error_rate > 0 && rng_.Unit() < faults_.error_rate) {
    return ReplyError(active, static_cast<int>(faults_.error_status), "This fault was injected.");
  }
  auto parsed = ParseModelRequest(kind, active->call.Body());
  if (const auto* error = std::get_if<ApiError>(&parsed)) {
    return ReplyError(active, error->status, error->message, error->param);
  }
  const ModelRequest& request = std::get<ModelRequest>(parsed);
  std::string adapter;
  if (!ResolveModel(active, request, &adapter)) return;
  if (!SubmitAll(active, request, adapter)) return;
  active->call.WatchDisconnect([this, active] { OnDisconnect(active); });
  if (request.stream) active->call.StartStream("text/event-stream; charset=utf-8");
  ArmEngineTimer();
}

bool Instance::ResolveModel(Active* active, const ModelRequest& request, std::string* adapter) {
  if (request.model.empty() || request.model == config_.model) return true;
  if (loras_.contains(request.model)) {
    *adapter = request.model;
    return true;
  }
  ReplyError(active, 404, fmt::format("The model `{}` does not exist.", request.model), "model");
  return false;
}

AnswerHead Instance::MakeHead(const Call& call, const ModelRequest& request) {
  std::string id(call.Header("x-request-id").substr(0, kMaxRequestIdBytes));
  if (id.empty()) id = fmt::format("{:016x}{:016x}", rng_.Next(), next_request_++);
  const auto wall = clock_.WallNow().time_since_epoch();
  return {std::move(id), request.model.empty() ? config_.model : request.model,
          std::chrono::duration_cast<std::chrono::seconds>(wall).count(), request.include_usage};
}

bool Instance::SubmitAll(Active* active, const ModelRequest& request, const std::string& adapter) {
  const AnswerHead head = MakeHead(active->call, request);
  const uint32_t limit = engine_.max_model_len();
  std::vector<SequenceSpec> specs;
  std::vector<uint32_t> prompt_tokens;
  std::vector<uint64_t> fingerprints;
  for (const std::string& prompt : request.prompts) {
    SequenceSpec spec;
    spec.model = head.model;
    spec.adapter = adapter;
    spec.requested_n = request.n;
    spec.prompt_tokens = EstimateTokens(prompt.size());
    spec.pooling = request.kind == ApiKind::kEmbeddings;
    spec.ending = request.max_tokens && !spec.pooling ? FinishReason::kLength : FinishReason::kStop;
    // Without a limit of the client's the answer shrinks to what the context has left.
    const uint32_t left = limit > spec.prompt_tokens ? limit - spec.prompt_tokens : 1;
    spec.max_tokens =
        spec.pooling ? 0
                     : request.max_tokens.value_or(std::min(config_.default_output_tokens, left));
    if (spec.prompt_tokens <= limit) {  // else it is refused below, unhashed
      const std::string root = (adapter.empty() ? config_.model : adapter) + '\0';
      spec.prompt = BlockHasher(config_.engine.block_size, root + request.cache_salt);
      spec.prompt.Append(prompt);
    }
    prompt_tokens.push_back(spec.prompt_tokens);
    fingerprints.push_back(spec.prompt.fingerprint());
    specs.push_back(std::move(spec));
  }
  const uint32_t dimensions = request.dimensions.value_or(config_.embedding_dimensions);
  active->generation.emplace(request, head, dimensions, prompt_tokens, std::move(fingerprints));
  for (const SequenceSpec& spec : specs) {
    for (uint32_t i = 0; i < request.n; ++i) {
      const Result<uint64_t> sequence = engine_.Submit(spec, EngineNow());
      if (!sequence) {
        AbortSequences(active);
        const bool full = sequence.status().code() == Code::kResourceExhausted;
        ReplyError(active, full ? static_cast<int>(config_.queue_full_status) : 400,
                   sequence.status().message());
        return false;
      }
      active->generation->AddSequence(*sequence);
      by_sequence_.emplace(*sequence, active);
    }
  }
  return true;
}

void Instance::HandleModels(Active* active) {
  Json data = Json::array();
  const auto add = [&](const std::string& id, const std::string& root, const Json& parent) {
    data.push_back({{"id", id},
                    {"object", "model"},
                    {"created", static_cast<int64_t>(start_unix_)},
                    {"owned_by", "inferencesim"},
                    {"root", root},
                    {"parent", parent},
                    {"max_model_len", parent.is_null() ? Json(engine_.max_model_len()) : Json()}});
  };
  add(config_.model, config_.model, nullptr);
  for (const auto& [name, path] : loras_) add(name, path, config_.model);
  Reply(active, 200, kJsonType, Dump({{"object", "list"}, {"data", std::move(data)}}));
}

void Instance::HandleHealth(Active* active) {
  Reply(active, 200, "text/plain", "");
}

void Instance::HandleVersion(Active* active) {
  Reply(active, 200, kJsonType, Dump({{"version", "inferencesim-" INFERENCE_VERSION}}));
}

void Instance::HandleLoad(Active* active) {
  size_t load = 0;
  for (const auto& [other, owned] : active_) load += other->generation.has_value();
  Reply(active, 200, kJsonType, Dump({{"server_load", load}}));
}

void Instance::HandleMetrics(Active* active) {
  if (faults_.metrics_delay_ms == 0) return SendMetrics(active);
  After(active, std::chrono::milliseconds(faults_.metrics_delay_ms),
        [this, active] { SendMetrics(active); });
}

void Instance::SendMetrics(Active* active) {
  std::string page = page_.Render(ReadProcessFacts(start_unix_), http_stats_);
  Reply(active, 200, "text/plain; version=0.0.4; charset=utf-8",
        Damage(std::move(page), faults_.metrics_page));
}

void Instance::HandleLoadLora(Active* active) {
  const std::string name = StringMember(active->call.Body(), "lora_name");
  const std::string path = StringMember(active->call.Body(), "lora_path");
  if (name.empty() || path.empty()) {
    return ReplyError(active, 400, "Both 'lora_name' and 'lora_path' must be given.");
  }
  if (config_.engine.max_loras == 0)
    return ReplyError(active, 400, "LoRA is off (max-loras is 0).");
  if (name == config_.model || !loras_.emplace(name, path).second) {
    return ReplyError(active, 400, fmt::format("'{}' has already been loaded.", name));
  }
  Reply(active, 200, "text/plain", fmt::format("Success: LoRA adapter '{}' added.", name));
}

void Instance::HandleUnloadLora(Active* active) {
  const std::string name = StringMember(active->call.Body(), "lora_name");
  if (name.empty()) return ReplyError(active, 400, "'lora_name' must be given.");
  if (loras_.erase(name) == 0) {
    return ReplyError(active, 404, fmt::format("The adapter '{}' is not loaded.", name));
  }
  engine_.ForgetAdapter(name);
  Reply(active, 200, "text/plain", fmt::format("Success: LoRA adapter '{}' removed.", name));
}

void Instance::HandleTokenize(Active* active) {
  const std::string_view body = active->call.Body();
  auto parsed = ParseModelRequest(ApiKind::kCompletions, body);
  if (std::holds_alternative<ApiError>(parsed)) parsed = ParseModelRequest(ApiKind::kChat, body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) {
    return ReplyError(active, error->status, error->message, error->param);
  }
  const std::string& prompt = std::get<ModelRequest>(parsed).prompts.front();
  Json tokens = Json::array();
  for (size_t at = 0; at < prompt.size(); at += kBytesPerToken) {
    uint32_t token = 0;
    for (const char c : std::string_view(prompt).substr(at, kBytesPerToken)) {
      token = token << 8 | static_cast<unsigned char>(c);
    }
    tokens.push_back(token);
  }
  Reply(active, 200, kJsonType,
        Dump({{"count", EstimateTokens(prompt.size())},
              {"max_model_len", engine_.max_model_len()},
              {"tokens", std::move(tokens)},
              {"token_strs", nullptr}}));
}

void Instance::HandleResetPrefixCache(Active* active) {
  if (!engine_.ResetPrefixCache()) {
    return ReplyError(active, 503, "KV blocks are in use; try again when nothing runs.");
  }
  Reply(active, 200, "text/plain", "");
}

void Instance::HandleSleep(Active* active) {
  const std::string level = active->call.Query("level");
  if (!level.empty() && level != "1" && level != "2") {
    return ReplyError(active, 400, "The level must be 1 or 2.", "level");
  }
  Faults faults = faults_;
  faults.sleep_level = level == "2" ? 2 : 1;
  SetFaults(faults);
  Reply(active, 200, kJsonType, Dump({{"status", "sleeping"}, {"level", faults.sleep_level}}));
}

void Instance::HandleWakeUp(Active* active) {
  Faults faults = faults_;
  faults.sleep_level = 0;
  SetFaults(faults);
  Reply(active, 200, kJsonType, Dump({{"status", "awake"}, {"tags", nullptr}}));
}

void Instance::HandleIsSleeping(Active* active) {
  Reply(active, 200, kJsonType, Dump({{"is_sleeping", engine_.sleep_level() > 0}}));
}

}  // namespace inference::sim
