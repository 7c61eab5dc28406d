#include "telemetry/event_log.h"

#include <algorithm>
#include <utility>

namespace inference::telemetry {

void EventLog::Add(Event event) {
  const std::lock_guard lock(mutex_);
  event.id = ++last_id_;
  event.at = clock_.WallNow();
  events_.push_back(std::move(event));
  if (events_.size() > capacity_) events_.pop_front();
}

std::vector<Event> EventLog::After(uint64_t id, size_t limit) const {
  const std::lock_guard lock(mutex_);
  // Ids rise by one, so places follow from them.
  const uint64_t before_first = last_id_ - events_.size();
  const auto skip = static_cast<size_t>(std::clamp(id, before_first, last_id_) - before_first);
  const size_t n = std::min(limit, events_.size() - skip);
  const auto begin = events_.begin() + static_cast<ptrdiff_t>(skip);
  return {begin, begin + static_cast<ptrdiff_t>(n)};
}

}  // namespace inference::telemetry
