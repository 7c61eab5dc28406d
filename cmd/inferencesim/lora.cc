#include "inferencesim/lora.h"

#include <algorithm>

namespace inference::sim {
namespace {

std::string JoinNames(const std::map<std::string, uint32_t, std::less<>>& counts) {
  std::string names;
  for (const auto& [name, count] : counts) {
    if (!names.empty()) names += ',';
    names += name;
  }
  return names;
}

}  // namespace

bool LoraSlots::Fits(std::string_view adapter) const {
  return adapter.empty() || running_.contains(adapter) || running_.size() < max_loras_;
}

bool LoraSlots::resident(const std::string& adapter) const {
  return std::find(resident_.begin(), resident_.end(), adapter) != resident_.end();
}

bool LoraSlots::AddRunning(const std::string& adapter) {
  if (adapter.empty()) return false;
  Count(&running_, adapter, 1);
  const bool load = !resident(adapter);
  resident_.remove(adapter);
  resident_.push_front(adapter);
  // The slot of the one that waits longest for its next use; a running one keeps its slot.
  for (auto it = resident_.end(); resident_.size() > max_loras_ && it != resident_.begin();) {
    --it;
    if (!running_.contains(*it)) it = resident_.erase(it);
  }
  return load;
}

void LoraSlots::Count(Counts* counts, const std::string& adapter, int change) {
  if (adapter.empty()) return;
  const auto it = counts->try_emplace(adapter, 0).first;
  it->second += static_cast<uint32_t>(change);
  if (it->second == 0) counts->erase(it);
  changed_ = true;
}

void LoraSlots::Record(double unix_seconds) {
  if (max_loras_ == 0) return;
  if (changed_) {
    changed_ = false;
    LoraSeries now{JoinNames(running_), JoinNames(waiting_), 0};
    const auto known = std::find_if(series_.begin(), series_.end(), [&](const LoraSeries& s) {
      return s.running == now.running && s.waiting == now.waiting;
    });
    if (known == series_.end() && series_.size() == kMaxSeries) series_.erase(series_.begin());
    current_ =
        known == series_.end() ? series_.size() : static_cast<size_t>(known - series_.begin());
    if (known == series_.end()) series_.push_back(std::move(now));
  }
  series_[current_].unix_seconds = unix_seconds;
}

}  // namespace inference::sim
