#include "extproc/decision_ring.h"

#include <algorithm>
#include <functional>

namespace inference::extproc {
namespace {

size_t HashId(std::string_view id) {
  return std::hash<std::string_view>()(id);
}

}  // namespace

DecisionRing::DecisionRing(size_t capacity) : records_(capacity), hashes_(capacity, 0) {}

picker::DecisionRecord& DecisionRing::Next() {
  picker::DecisionRecord& record = records_.empty() ? unused_ : records_[next_ % records_.size()];
  record = {};
  return record;
}

uint64_t DecisionRing::Commit() {
  if (!records_.empty()) {
    const size_t slot = next_ % records_.size();
    hashes_[slot] = HashId(records_[slot].request_id_view());
  }
  return next_++;
}

void DecisionRing::Update(uint64_t handle, const Observed& observed) {
  if (handle >= next_ || next_ - handle > records_.size()) return;
  picker::DecisionRecord& record = records_[handle % records_.size()];
  record.outcome = observed.outcome;
  if (observed.http_status != 0) record.http_status = observed.http_status;
  record.served_endpoint_id = observed.served_endpoint_id;
  record.ttft_us = observed.ttft_us;
  record.duration_us = observed.duration_us;
  record.prompt_tokens = observed.prompt_tokens;
  record.cached_tokens = observed.cached_tokens;
  record.completion_tokens = observed.completion_tokens;
}

void DecisionRing::SetFault(uint64_t handle, std::string_view fault) {
  if (handle >= next_ || next_ - handle > records_.size()) return;
  picker::DecisionRecord& record = records_[handle % records_.size()];
  const size_t size = std::min(fault.size(), record.fault.size());
  std::copy_n(fault.begin(), size, record.fault.begin());
  record.fault_size = static_cast<uint8_t>(size);
}

std::optional<picker::DecisionRecord> DecisionRing::Find(std::string_view request_id) const {
  // Ids longer than the record's array are remembered, and so looked for, by their beginning.
  const std::string_view kept = request_id.substr(0, picker::DecisionRecord().request_id.size());
  const size_t hash = HashId(kept);
  const uint64_t oldest = next_ > records_.size() ? next_ - records_.size() : 0;
  for (uint64_t i = next_; i > oldest; --i) {
    const size_t slot = (i - 1) % records_.size();
    if (hashes_[slot] == hash && records_[slot].request_id_view() == kept) return records_[slot];
  }
  return std::nullopt;
}

void DecisionRing::OldestPending(const std::vector<uint32_t>& endpoint_ids,
                                 picker::PendingByEndpoint& out) const {
  const uint64_t oldest = next_ > records_.size() ? next_ - records_.size() : 0;
  for (uint64_t i = oldest; i < next_; ++i) {
    const picker::DecisionRecord& record = records_[i % records_.size()];
    if (record.outcome != picker::StreamOutcome::kPending || record.n_top == 0) continue;
    const uint32_t id = record.top[0].endpoint_id;
    if (std::find(endpoint_ids.begin(), endpoint_ids.end(), id) == endpoint_ids.end()) continue;
    const auto known = out.find(id);
    if (known != out.end() && known->second.wall_ms <= record.wall_ms) continue;
    out[id] = {std::string(record.request_id_view()), record.wall_ms};
  }
}

}  // namespace inference::extproc
