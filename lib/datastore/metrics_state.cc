#include "datastore/metrics_state.h"

#include <xxhash.h>

#include <algorithm>

namespace inference::datastore {

uint64_t LoraState::HashAdapter(std::string_view name) {
  return XXH3_64bits(name.data(), name.size());
}

void LoraState::Set(const std::array<uint64_t, kMaxAdapters>& running, size_t n_running,
                    const std::array<uint64_t, kMaxAdapters>& waiting, size_t n_waiting,
                    uint32_t max, base::Time at) {
  n_running = std::min(n_running, kMaxAdapters);
  n_waiting = std::min(n_waiting, kMaxAdapters);
  for (size_t i = 0; i < n_running; ++i) {
    running_[i].store(running[i], std::memory_order_relaxed);
  }
  for (size_t i = 0; i < n_waiting; ++i) {
    waiting_[i].store(waiting[i], std::memory_order_relaxed);
  }
  n_running_.store(static_cast<uint32_t>(n_running), std::memory_order_relaxed);
  n_waiting_.store(static_cast<uint32_t>(n_waiting), std::memory_order_relaxed);
  max_.store(max, std::memory_order_relaxed);
  at_ns_.store(base::ToNanos(at), std::memory_order_release);
}

bool LoraState::Contains(const Slots& slots, const std::atomic<uint32_t>& n, uint64_t hash) {
  const size_t count = n.load(std::memory_order_relaxed);
  for (size_t i = 0; i < count; ++i) {
    if (slots[i].load(std::memory_order_relaxed) == hash) return true;
  }
  return false;
}

}  // namespace inference::datastore
