#include "flowcontrol/line.h"

#include <vector>

namespace inference::flowcontrol {

void Line::Count() {
  waiting_.store(entries_.size(), std::memory_order_relaxed);
  bytes_.store(held_, std::memory_order_relaxed);
}

void Line::Remove(Entries::iterator entry) {
  held_ -= entry->bytes;
  index_.erase({entry->waiter, entry->ticket});
  entries_.erase(entry);
}

bool Line::Enter(Waiter& waiter, uint64_t ticket, uint64_t bytes, base::Time now) {
  const std::lock_guard lock(mutex_);
  if (!limits_.enabled() || entries_.size() >= limits_.requests || held_ + bytes > limits_.bytes) {
    return false;
  }
  entries_.push_back({&waiter, ticket, bytes, now + limits_.wait});
  index_[{&waiter, ticket}] = std::prev(entries_.end());
  held_ += bytes;
  Count();
  return true;
}

void Line::Leave(Waiter& waiter, uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find({&waiter, ticket});
  if (found == index_.end()) return;
  Remove(found->second);
  Count();
}

void Line::Turn(base::Time now, size_t free) {
  std::vector<std::pair<Entry, Release>> released;
  {
    const std::lock_guard lock(mutex_);
    // A limit may have changed meanwhile, so that times need not follow each other.
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto next = std::next(entry);
      if (entry->until <= now) {
        released.emplace_back(*entry, Release::kExpired);
        Remove(entry);
      } else if (free > 0) {
        --free;
        released.emplace_back(*entry, Release::kGo);
        Remove(entry);
      }
      entry = next;
    }
    Count();
  }
  for (const auto& [entry, release] : released) entry.waiter->OnRelease(entry.ticket, release);
}

void Line::SetLimits(const LineLimits& limits) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

LineLimits Line::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

}  // namespace inference::flowcontrol
