#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "picker/decision_record.h"

namespace inference::extproc {

/// What the response side learnt about a picked request; -1: not seen.
struct Observed {
  picker::StreamOutcome outcome = picker::StreamOutcome::kServed;
  int http_status = 0;
  int64_t served_endpoint_id = -1;
  int64_t ttft_us = -1, duration_us = -1;
  int64_t prompt_tokens = -1, cached_tokens = -1, completion_tokens = -1;
};

/// The last decisions of one reactor, so that "why" can be asked after the fact. One thread.
class DecisionRing {
 public:
  /// Nothing is remembered when `capacity` is 0.
  explicit DecisionRing(size_t capacity);

  /// A fresh record, the oldest one is forgotten. Fill it, then call Commit. The reference holds
  /// until the next Next().
  picker::DecisionRecord& Next();
  /// Returns a handle for Update.
  uint64_t Commit();
  /// Does nothing when the record is forgotten by now.
  void Update(uint64_t handle, const Observed& observed);
  /// Why the request was refused before a pick; cut to what the record holds. Does nothing when the
  /// record is forgotten by now.
  void SetFault(uint64_t handle, std::string_view fault);
  /// The newest of that request id.
  std::optional<picker::DecisionRecord> Find(std::string_view request_id) const;
  /// Puts into `out` the oldest request of each endpoint that has not ended, unless an older one is
  /// there.
  void OldestPending(const std::vector<uint32_t>& endpoint_ids,
                     picker::PendingByEndpoint& out) const;

 private:
  std::vector<picker::DecisionRecord> records_;
  std::vector<size_t> hashes_;     // of request ids, by slot: a look-up reads these alone
  picker::DecisionRecord unused_;  // what Next() hands out when nothing is remembered
  uint64_t next_ = 0;
};

}  // namespace inference::extproc
