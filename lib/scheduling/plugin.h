#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/inference_request.h"
#include "base/clock.h"
#include "base/rng.h"
#include "datastore/endpoint.h"
#include "prefix/index.h"

// The plugin interfaces. Plugins are built once per configuration, shared by all reactors, and
// called from any of them: const methods, thread-safe, no I/O, no clock, no log, no exception.
namespace inference::scheduling {

struct Explanation;

inline constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

/// One endpoint that may still be picked, with the numbers read once at the start of the pick, so
/// that every scorer and the explanation see the same ones. NaN: unknown or stale.
struct Candidate {
  const std::shared_ptr<datastore::Endpoint>* endpoint = nullptr;
  uint32_t index = 0;         // in the pool
  float waiting = kUnknown;   // queued requests, unseen picks added when the pool corrects for them
  float running = kUnknown;   // requests in the batch
  float kv_usage = kUnknown;  // 0..1
  float unseen_picks = 0;     // the correction inside `waiting`
  uint32_t in_flight = 0;     // ours
  // Filled by the prefix producer: blocks of this request that the endpoint is believed to hold.
  uint32_t prefix_match = 0;
  bool pinned_only = false;  // a soft drain: for requests that go on with what it has cached

  const datastore::Endpoint& get() const { return **endpoint; }
};

/// What a request's prompt looks like to the prefix cache. Empty when no producer ran.
struct PrefixInfo {
  bool known = false;
  uint32_t total_blocks = 0;
  uint32_t block_tokens = 0;
  std::vector<uint64_t> hashes;       // the chain, one per block, prompts one after the other
  std::vector<uint32_t> prompt_ends;  // index in `hashes` behind each prompt's last block
  // Scratch of the look-up, kept with the rest so that it is reused.
  std::vector<uint32_t> endpoint_ids, matches;
  prefix::Index::Scratch lookup;

  void Clear() {
    known = false;
    total_blocks = block_tokens = 0;
    hashes.clear();
    prompt_ends.clear();
  }
};

/// One request on its way through a profile. Lives in a reactor's scratch memory and is reused.
class PickContext {
 public:
  const api::InferenceRequest* request = nullptr;
  base::Time now{};
  base::Duration stale_after{};
  base::Rng* rng = nullptr;
  Explanation* explanation = nullptr;  // null unless somebody asked why
  PrefixInfo prefix;
};

/// Makes facts about the request and the candidates before filters and scorers run.
class Producer {
 public:
  virtual ~Producer() = default;
  virtual void Produce(PickContext& context, std::span<Candidate> candidates) const = 0;
  /// The request goes to `picked`. Called once, after the decision.
  virtual void OnPicked(const PickContext& context, const datastore::Endpoint& picked) const = 0;
  /// The endpoint is gone for good: drop what is kept about it.
  virtual void OnRemoved(uint32_t endpoint_id) const = 0;
};

/// Removes candidates. What is left keeps its order.
class Filter {
 public:
  virtual ~Filter() = default;
  virtual void Apply(const PickContext& context, std::vector<Candidate>& candidates) const = 0;
  /// One sentence for people: why an endpoint is dropped, e.g. "labels do not match gpu=h100".
  virtual std::string Reason() const = 0;
};

/// Scores each candidate in [0,1], more is better. scores.size() == candidates.size(). An unknown
/// value is left out of a normalisation and scores 0.5.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual void Score(const PickContext& context, std::span<const Candidate> candidates,
                     std::span<float> scores) const = 0;
  /// Name or type of the producer whose facts it reads; created when nobody declared it. Empty:
  /// none.
  virtual std::string_view Consumes() const { return {}; }
};

/// Ranks candidates by their totals. `ranked` receives positions in `totals`, best first, at most
/// `want` (>= 1) of them, and at least one: totals is never empty.
class Picker {
 public:
  virtual ~Picker() = default;
  virtual void Pick(const PickContext& context, std::span<const double> totals, size_t want,
                    std::vector<uint32_t>& ranked) const = 0;
};

/// The result of one profile that ran: null pointer means it failed.
struct ProfileOutcome {
  bool ran = false;
  bool picked = false;
};

/// Decides which profiles run. Called with the outcomes so far until it adds nothing to `run`; then
/// Primary() names the profile whose pick is the answer.
class ProfileHandler {
 public:
  virtual ~ProfileHandler() = default;
  virtual void Next(const PickContext& context, std::span<const ProfileOutcome> outcomes,
                    std::vector<size_t>& run) const = 0;
  virtual size_t Primary(std::span<const ProfileOutcome> outcomes) const = 0;
  /// Why it cannot work with that many profiles; empty when it can.
  virtual std::string Problem(size_t profiles) const = 0;
};

}  // namespace inference::scheduling
