#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"

namespace inference::picker {

/// Where a weighted choice really sent requests. Thread-safe.
class Share {
 public:
  Share(std::shared_ptr<std::atomic<uint64_t>> total, base::WallTime since)
      : total_(std::move(total)), since_(since) {}

  void Add() {
    since_change_.fetch_add(1, std::memory_order_relaxed);
    total_->fetch_add(1, std::memory_order_relaxed);
  }
  /// Requests since the weights are what they are.
  uint64_t since_change() const { return since_change_.load(std::memory_order_relaxed); }
  /// Requests since the process began; never falls.
  uint64_t total() const { return total_->load(std::memory_order_relaxed); }
  /// When the weights became what they are.
  base::WallTime since() const { return since_; }

 private:
  std::atomic<uint64_t> since_change_{0};
  const std::shared_ptr<std::atomic<uint64_t>> total_;
  const base::WallTime since_;
};

/// One target of a weighted choice.
struct WeightedTarget {
  std::string name;           // a model, or a pool's key
  std::optional<int> weight;  // as written
  double fraction = 0;        // of the requests, 0..1
  std::shared_ptr<Share> share;
};

/// Draws one of several targets by weight; without weights all alike. Immutable but for the counts.
class WeightedChoice {
 public:
  /// REQUIRES: targets is not empty; all have a weight of at least 0, not all 0, or none has one.
  explicit WeightedChoice(std::vector<WeightedTarget> targets);

  const std::vector<WeightedTarget>& targets() const { return targets_; }
  /// The drawn target's index. A target of weight 0 is never drawn.
  size_t Draw(base::Rng& rng) const;

 private:
  std::vector<WeightedTarget> targets_;
  std::vector<uint64_t> upper_;  // sums of the weights up to each target
};

/// Finds the counts of a choice again in the next generation. Counts since the last change start
/// anew when its targets or weights change; totals go on. Not thread-safe.
class ShareBook {
 public:
  /// `owner` names the choice, such as "InferenceModelRewrite llm/chat 0". Fills the targets'
  /// shares.
  void Fill(const std::string& owner, std::vector<WeightedTarget>& targets, base::WallTime now);

 private:
  struct Entry {
    std::vector<std::pair<std::string, std::optional<int>>> weights;
    std::vector<std::shared_ptr<Share>> shares;
    std::map<std::string, std::shared_ptr<std::atomic<uint64_t>>> totals;  // by target
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace inference::picker
