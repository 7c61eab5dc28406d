#include "extproc/decision_ring.h"

#include <functional>

namespace inference::extproc {
namespace {

void NameEndpoints(picker::DecisionRecord& record, const datastore::Pool& pool) {
  for (size_t i = 0; i < record.n_top; ++i) {
    for (const auto& endpoint : pool.endpoints()) {
      if (endpoint->id() != record.top[i].endpoint_id) continue;
      auto& text = record.host_port[i];
      text[endpoint->info().host_port.copy(text.data(), text.size() - 1)] = '\0';
      break;
    }
  }
}

size_t HashId(std::string_view id) {
  return std::hash<std::string_view>()(id);
}

}  // namespace

DecisionRing::DecisionRing(size_t capacity) : slots_(capacity), hashes_(capacity, 0) {}

picker::DecisionRecord& DecisionRing::Next() {
  Slot& slot = slots_.empty() ? spare_ : slots_[next_ % slots_.size()];
  slot.record = {};
  return slot.record;
}

uint64_t DecisionRing::Commit(std::shared_ptr<const datastore::Pool> pool) {
  if (slots_.empty()) return next_++;
  Slot& slot = slots_[next_ % slots_.size()];
  slot.pool = std::move(pool);
  hashes_[next_ % slots_.size()] = HashId(slot.record.request_id_view());
  return next_++;
}

void DecisionRing::Update(uint64_t handle, const Observed& observed) {
  if (slots_.empty() || handle >= next_ || next_ - handle > slots_.size()) return;
  picker::DecisionRecord& record = slots_[handle % slots_.size()].record;
  record.outcome = observed.outcome;
  if (observed.http_status != 0) record.http_status = observed.http_status;
  record.served_endpoint_id = observed.served_endpoint_id;
  record.ttft_us = observed.ttft_us;
  record.duration_us = observed.duration_us;
  record.prompt_tokens = observed.prompt_tokens;
  record.cached_tokens = observed.cached_tokens;
  record.completion_tokens = observed.completion_tokens;
}

std::optional<picker::DecisionRecord> DecisionRing::Find(std::string_view request_id) const {
  if (slots_.empty()) return std::nullopt;
  // Ids longer than the record's array are remembered, and so looked for, by their beginning.
  const std::string_view kept = request_id.substr(0, slots_[0].record.request_id.size());
  const size_t hash = HashId(kept);
  const uint64_t oldest = next_ > slots_.size() ? next_ - slots_.size() : 0;
  for (uint64_t i = next_; i > oldest; --i) {
    const size_t index = (i - 1) % slots_.size();
    const Slot& slot = slots_[index];
    if (hashes_[index] != hash || slot.record.request_id_view() != kept) continue;
    picker::DecisionRecord record = slot.record;
    if (slot.pool) NameEndpoints(record, *slot.pool);
    return record;
  }
  return std::nullopt;
}

}  // namespace inference::extproc
