#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "datastore/snapshot.h"
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
  /// Returns a handle for Update. `pool` names the endpoints of `record.top`; may be null.
  uint64_t Commit(std::shared_ptr<const datastore::Pool> pool);
  /// Does nothing when the record is forgotten by now.
  void Update(uint64_t handle, const Observed& observed);
  /// The newest of that request id, with the endpoints' addresses filled in.
  std::optional<picker::DecisionRecord> Find(std::string_view request_id) const;

 private:
  struct Slot {
    picker::DecisionRecord record;
    std::shared_ptr<const datastore::Pool> pool;
  };
  std::vector<Slot> slots_;
  std::vector<size_t> hashes_;  // of request ids, by slot: a look-up reads these alone
  Slot spare_;                  // what Next() hands out when nothing is remembered
  uint64_t next_ = 0;
};

/// Copies `text` into a fixed array of a record, cut to fit; returns its size.
template <size_t N>
uint8_t StoreText(std::array<char, N>& out, std::string_view text) {
  static_assert(N < 256);
  const size_t size = text.copy(out.data(), N);
  return static_cast<uint8_t>(size);
}

}  // namespace inference::extproc
