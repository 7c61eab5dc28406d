#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace inference::prefix {

/// One block and who holds it. Up to four holders lie in the slot itself; more of them in a list
/// that the slot names.
struct BlockSlot {
  static constexpr uint16_t kFree = 0xFFFF;
  static constexpr uint16_t kInList = 0xFFFE;  // holders[1..2]: number of the list

  uint64_t key = 0;
  std::array<uint16_t, 4> holders{kFree, kFree, kFree, kFree};

  bool empty() const { return holders[0] == kFree; }
};
static_assert(sizeof(BlockSlot) == 16);

/// Slots by key: open addressing where slots lie in the order of their keys, so that a missing key
/// is known at the first greater one. Keys must be spread evenly. Any size, grown by 1.4: 20 to 27
/// bytes per block. Pointers are valid until the next Insert or Erase. Not thread-safe.
class BlockTable {
 public:
  size_t size() const { return used_; }
  size_t bytes() const { return slots_.capacity() * sizeof(BlockSlot); }

  BlockSlot* Find(uint64_t key) {
    if (home_slots_ == 0) return nullptr;
    BlockSlot* slot = &slots_[Home(key)];
    while (!slot->empty() && slot->key < key) ++slot;
    return !slot->empty() && slot->key == key ? slot : nullptr;
  }
  const BlockSlot* Find(uint64_t key) const { return const_cast<BlockTable*>(this)->Find(key); }
  void Prefetch(uint64_t key) const {
    if (home_slots_ != 0) __builtin_prefetch(&slots_[Home(key)]);
  }

  /// A slot for a key that is not there yet. The caller gives it a holder at once.
  BlockSlot* Insert(uint64_t key);
  void Erase(BlockSlot* slot);
  /// Gives memory back when most of it is unused.
  void ShrinkIfSparse();

 private:
  __extension__ using Wide = unsigned __int128;
  // The home of a key grows with the key; entries overflow to the right, at the end into a tail.
  size_t Home(uint64_t key) const {
    return static_cast<size_t>((static_cast<Wide>(key) * home_slots_) >> 64);
  }
  void Rebuild(size_t home_slots);

  std::vector<BlockSlot> slots_;  // the last one is always empty
  size_t home_slots_ = 0;
  size_t used_ = 0;
};

}  // namespace inference::prefix
