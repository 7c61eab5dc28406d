#include "request/headers.h"

#include <algorithm>
#include <charconv>

namespace inference::request {
namespace {

// The endpoint picker protocol's names and those of the reference picker, both generations. The
// last four tell a model server's sidecar which other host to talk to: from a client they would let
// it choose any host.
constexpr ControlHeader kTable[] = {
    {kDestinationHeader, Control::kDestination, false, ClientCopy::kOverwritten},
    {kSubsetKey, Control::kSubset, false, ClientCopy::kRemoved},
    {kServedKey, Control::kServed, false, ClientCopy::kRemoved},
    {kDroppedReasonHeader, Control::kDroppedReason, false, ClientCopy::kRemoved},
    {"x-llm-d-inference-objective", Control::kObjective, false, ClientCopy::kRemoved},
    {"x-gateway-inference-objective", Control::kObjective, true, ClientCopy::kRemoved},
    {"x-llm-d-inference-fairness-id", Control::kFairnessId, false, ClientCopy::kRemoved},
    {"x-gateway-inference-fairness-id", Control::kFairnessId, true, ClientCopy::kRemoved},
    {"x-llm-d-model-name-rewrite", Control::kModelRewrite, false, ClientCopy::kRemoved},
    {"x-gateway-model-name-rewrite", Control::kModelRewrite, true, ClientCopy::kRemoved},
    {"x-llm-d-slo-ttft-ms", Control::kSloTtftMs, false, ClientCopy::kRemoved},
    {"x-slo-ttft-ms", Control::kSloTtftMs, true, ClientCopy::kRemoved},
    {"x-llm-d-slo-tpot-ms", Control::kSloTpotMs, false, ClientCopy::kRemoved},
    {"x-slo-tpot-ms", Control::kSloTpotMs, true, ClientCopy::kRemoved},
    {"x-llm-d-video-fps", Control::kVideoFps, false, ClientCopy::kRemoved},
    {"x-llm-d-video-duration-seconds", Control::kVideoSeconds, false, ClientCopy::kRemoved},
    {"x-llm-d-video-resolution", Control::kVideoResolution, false, ClientCopy::kRemoved},
    {"x-gateway-model-name", Control::kGatewayModel, false, ClientCopy::kKept},
    {"x-gateway-base-model-name", Control::kGatewayBaseModel, false, ClientCopy::kKept},
    {"x-prefiller-host-port", Control::kPeerHost, false, ClientCopy::kRemoved},
    {"x-encoder-hosts-ports", Control::kPeerHost, false, ClientCopy::kRemoved},
    {"x-data-parallel-host-port", Control::kPeerHost, false, ClientCopy::kRemoved},
    {"x-kv-cache-source-host-port", Control::kPeerHost, false, ClientCopy::kRemoved},
};

void TakeFirst(std::string_view value, std::string_view& into) {
  if (into.empty()) into = value;
}

std::optional<uint64_t> ReadLength(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::span<const ControlHeader> ControlHeaders() {
  return kTable;
}

const ControlHeader* FindControlHeader(std::string_view name) {
  if (!name.starts_with("x-")) return nullptr;
  const auto* const row = std::find_if(std::begin(kTable), std::end(kTable),
                                       [&](const ControlHeader& h) { return h.name == name; });
  return row == std::end(kTable) ? nullptr : row;
}

bool MustRemove(std::string_view name) {
  const ControlHeader* const header = FindControlHeader(name);
  return header != nullptr && header->client_copy == ClientCopy::kRemoved;
}

RequestFacts ReadHeaders(std::span<const api::Header> headers) {
  RequestFacts facts;
  std::string_view old_objective, old_fairness_id, old_model_rewrite;
  for (const api::Header& header : headers) {
    if (header.name == ":method") TakeFirst(header.value, facts.method);
    if (header.name == ":path") TakeFirst(header.value, facts.path);
    if (header.name == "content-type") TakeFirst(header.value, facts.content_type);
    if (header.name == kRequestIdHeader) TakeFirst(header.value, facts.request_id);
    if (header.name == "traceparent") TakeFirst(header.value, facts.traceparent);
    if (header.name == "content-length" && !facts.content_length) {
      facts.content_length = ReadLength(header.value);
    }
    if (header.name == kEndpointHeader) facts.wants_endpoint = true;
    const ControlHeader* const control = FindControlHeader(header.name);
    if (control == nullptr) continue;
    const bool old = control->deprecated;
    if (control->control == Control::kObjective) {
      TakeFirst(header.value, old ? old_objective : facts.objective);
    } else if (control->control == Control::kFairnessId) {
      TakeFirst(header.value, old ? old_fairness_id : facts.fairness_id);
    } else if (control->control == Control::kModelRewrite) {
      TakeFirst(header.value, old ? old_model_rewrite : facts.model_rewrite);
    } else if (control->control == Control::kGatewayModel) {
      TakeFirst(header.value, facts.gateway_model);
    }
  }
  TakeFirst(old_objective, facts.objective);
  TakeFirst(old_fairness_id, facts.fairness_id);
  TakeFirst(old_model_rewrite, facts.model_rewrite);
  return facts;
}

}  // namespace inference::request
