#include "prefix/block_table.h"

#include <algorithm>
#include <utility>

namespace inference::prefix {
namespace {

constexpr size_t kFirstSlots = 32;
constexpr double kMaxLoad = 0.8;
constexpr double kGrowth = 1.4;
constexpr double kSparseLoad = 0.25;

size_t TailSlots(size_t home_slots) {
  return home_slots < 4096 ? 16 : 256;
}

}  // namespace

BlockSlot* BlockTable::Insert(uint64_t key) {
  if (static_cast<double>(used_ + 1) > kMaxLoad * static_cast<double>(home_slots_)) {
    Rebuild(std::max(kFirstSlots, static_cast<size_t>(static_cast<double>(home_slots_) * kGrowth)));
  }
  while (true) {
    size_t at = Home(key);
    while (!slots_[at].empty() && slots_[at].key < key) ++at;
    size_t end = at;
    while (!slots_[end].empty()) ++end;
    if (end + 1 < slots_.size()) {
      std::move_backward(slots_.begin() + static_cast<ptrdiff_t>(at),
                         slots_.begin() + static_cast<ptrdiff_t>(end),
                         slots_.begin() + static_cast<ptrdiff_t>(end + 1));
      slots_[at] = BlockSlot{};
      slots_[at].key = key;
      ++used_;
      return &slots_[at];
    }
    Rebuild(home_slots_ + home_slots_ / 8);  // the tail is full
  }
}

void BlockTable::Erase(BlockSlot* slot) {
  size_t at = static_cast<size_t>(slot - slots_.data());
  // What was pushed to the right by this slot moves back.
  while (!slots_[at + 1].empty() && Home(slots_[at + 1].key) <= at) {
    slots_[at] = slots_[at + 1];
    ++at;
  }
  slots_[at] = BlockSlot{};
  --used_;
}

void BlockTable::ShrinkIfSparse() {
  if (home_slots_ <= kFirstSlots) return;
  if (static_cast<double>(used_) > kSparseLoad * static_cast<double>(home_slots_)) return;
  Rebuild(std::max(kFirstSlots, used_ + used_ / 2));
}

void BlockTable::Rebuild(size_t home_slots) {
  const std::vector<BlockSlot> old = std::exchange(slots_, {});
  while (true) {
    home_slots_ = home_slots;
    slots_.assign(home_slots + TailSlots(home_slots), BlockSlot{});
    size_t next = 0;
    bool fits = true;
    for (const BlockSlot& slot : old) {
      if (slot.empty()) continue;
      const size_t at = std::max(next, Home(slot.key));
      if (at + 1 >= slots_.size()) {
        fits = false;
        break;
      }
      slots_[at] = slot;
      next = at + 1;
    }
    if (fits) return;
    home_slots += home_slots / 8 + 1;
  }
}

}  // namespace inference::prefix
