#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace inference::sim {

/// One label set that the page has ever shown for the adapters, with the time of its last update.
struct LoraSeries {
  std::string running;  // names joined by commas, sorted
  std::string waiting;
  double unix_seconds = 0;
};

/// Which adapters run, wait and are resident. At most `max_loras` different ones run at once; one
/// that is not resident must be loaded, which costs time. Not thread-safe.
class LoraSlots {
 public:
  /// Label sets kept for the page; a real server forgets none, we must not grow without end.
  static constexpr size_t kMaxSeries = 256;

  explicit LoraSlots(uint32_t max_loras) : max_loras_(max_loras) {}

  uint32_t max_loras() const { return max_loras_; }
  /// True when a sequence of `adapter` (empty: the base model) may run beside the running ones.
  bool Fits(std::string_view adapter) const;
  void AddWaiting(const std::string& adapter) { Count(&waiting_, adapter, 1); }
  void RemoveWaiting(const std::string& adapter) { Count(&waiting_, adapter, -1); }
  /// REQUIRES: Fits(adapter). True when the adapter had to be loaded for it.
  bool AddRunning(const std::string& adapter);
  void RemoveRunning(const std::string& adapter) { Count(&running_, adapter, -1); }
  /// An unloaded adapter leaves its slot.
  void Forget(const std::string& adapter) { resident_.remove(adapter); }
  bool resident(const std::string& adapter) const;

  /// Writes the present sets down, stamped with `unix_seconds`.
  void Record(double unix_seconds);
  const std::vector<LoraSeries>& series() const { return series_; }

 private:
  using Counts = std::map<std::string, uint32_t, std::less<>>;
  void Count(Counts* counts, const std::string& adapter, int change);

  const uint32_t max_loras_;
  Counts running_;
  Counts waiting_;
  std::list<std::string> resident_;  // most recently used first
  std::vector<LoraSeries> series_;
  size_t current_ = 0;  // in series_
  bool changed_ = true;
};

}  // namespace inference::sim
