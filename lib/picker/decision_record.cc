#include "picker/decision_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace inference::picker {
namespace {

template <size_t N>
uint8_t CopyText(std::string_view text, std::array<char, N>& out) {
  static_assert(N <= UINT8_MAX);
  const size_t size = std::min(text.size(), N);
  std::memcpy(out.data(), text.data(), size);
  return static_cast<uint8_t>(size);
}

template <size_t N>
uint8_t CopyRule(std::string_view kind, std::string_view object, size_t index,
                 const WeightedTarget& drawn, std::array<char, N>& out) {
  const auto end = fmt::format_to_n(out.begin(), N, "{} {} rule {} ({:.3g} %)", kind, object, index,
                                    drawn.fraction * 100);
  return static_cast<uint8_t>(std::min(end.size, N));
}

void FillRules(const PickResult& result, std::string_view target_model, DecisionRecord& record) {
  record.priority = result.priority;
  record.target_model_size = CopyText(target_model, record.target_model);
  record.route_rule_size = record.model_rule_size = 0;
  if (const RouteRule* rule = result.route_rule) {
    record.route_rule_size =
        CopyRule("HTTPRoute", rule->route, rule->index, rule->pools.targets()[result.route_target],
                 record.route_rule);
  }
  if (const ModelRule* rule = result.model_rule) {
    record.model_rule_size =
        CopyRule(rule->kind, rule->object, rule->index, rule->choice.targets()[result.model_target],
                 record.model_rule);
  }
}

}  // namespace

void DecisionRecord::SetRequestId(std::string_view text) {
  request_id_size = CopyText(text, request_id);
}
void DecisionRecord::SetModel(std::string_view text) {
  model_size = CopyText(text, model);
}

void FillRecord(const Runtime& runtime, const PickResult& result,
                const scheduling::Decision& decision, std::string_view target_model,
                DecisionRecord& record) {
  record.generation = runtime.generation();
  record.refusal = result.refusal;
  record.outcome = result.picked() ? StreamOutcome::kPending : StreamOutcome::kRefused;
  record.http_status = result.picked() ? 0 : HttpStatus(result.refusal);
  record.pool_size = 0;
  record.n_top = 0;
  record.dropped = decision.dropped;
  record.columns_id = 0;
  FillRules(result, target_model, record);
  if (!result.pool) return;
  record.pool_size = CopyText(result.pool->pool->key(), record.pool);
  record.columns_id = result.pool->columns_id;
  record.considered = decision.considered;
  record.scored = decision.scored;
  record.only_unreachable = decision.only_unreachable;
  record.prefix_total = decision.prefix_total;
  record.prefix_block_tokens = decision.prefix_block_tokens;
  record.n_top = static_cast<uint8_t>(decision.n_top);
  const auto& endpoints = result.pool->pool->endpoints();
  for (size_t i = 0; i < decision.n_top; ++i) {
    record.top[i] = decision.top[i];
    const datastore::Endpoint& endpoint = *endpoints[decision.top[i].pool_index];
    std::array<char, 56>& host_port = record.host_port[i];
    const size_t size = CopyText(
        std::string_view(endpoint.info().host_port).substr(0, host_port.size() - 1), host_port);
    host_port[size] = '\0';
  }
}

}  // namespace inference::picker
