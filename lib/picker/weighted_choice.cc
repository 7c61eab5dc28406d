#include "picker/weighted_choice.h"

#include <algorithm>
#include <utility>

namespace inference::picker {
namespace {

uint64_t WeightOf(const WeightedTarget& target) {
  return target.weight ? static_cast<uint64_t>(*target.weight) : 1;
}

}  // namespace

WeightedChoice::WeightedChoice(std::vector<WeightedTarget> targets) : targets_(std::move(targets)) {
  uint64_t total = 0;
  for (const WeightedTarget& target : targets_) {
    total += WeightOf(target);
    upper_.push_back(total);
  }
  for (WeightedTarget& target : targets_) {
    target.fraction = static_cast<double>(WeightOf(target)) / static_cast<double>(total);
  }
}

size_t WeightedChoice::Draw(base::Rng& rng) const {
  if (targets_.size() == 1) return 0;
  const auto drawn = static_cast<uint64_t>(rng.Unit() * static_cast<double>(upper_.back()));
  return static_cast<size_t>(std::upper_bound(upper_.begin(), upper_.end(), drawn) -
                             upper_.begin());
}

void ShareBook::Fill(const std::string& owner, std::vector<WeightedTarget>& targets,
                     base::WallTime now) {
  Entry& entry = entries_[owner];
  std::vector<std::pair<std::string, std::optional<int>>> weights;
  for (const WeightedTarget& target : targets) weights.emplace_back(target.name, target.weight);
  if (entry.shares.empty() || entry.weights != weights) {
    entry.weights = std::move(weights);
    entry.shares.clear();
    for (const WeightedTarget& target : targets) {
      std::shared_ptr<std::atomic<uint64_t>>& total = entry.totals[target.name];
      if (!total) total = std::make_shared<std::atomic<uint64_t>>(0);
      entry.shares.push_back(std::make_shared<Share>(total, now));
    }
  }
  for (size_t i = 0; i < targets.size(); ++i) targets[i].share = entry.shares[i];
}

}  // namespace inference::picker
