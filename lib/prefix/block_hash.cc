#include "prefix/block_hash.h"

#define XXH_STATIC_LINKING_ONLY  // the state of a hash on the stack
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace inference::prefix {
namespace {

static_assert(std::endian::native == std::endian::little, "hashes are defined over LE64 values");

uint64_t Link(uint64_t block_id, uint64_t previous) {
  const uint64_t both[2] = {block_id, previous};
  return XXH64(both, sizeof both, 0);
}

// A block whose bytes lie in more than one piece.
class SplitBlock {
 public:
  void Add(std::string_view bytes) {
    if (size_ == 0) XXH64_reset(&state_, 0);
    XXH64_update(&state_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  size_t size() const { return size_; }
  uint64_t Finish() {
    size_ = 0;
    return XXH64_digest(&state_);
  }
  uint64_t FinishPadded() {
    constexpr std::string_view kZeros("\0\0\0", 3);
    const size_t rest = size_ % kBytesPerToken;
    if (rest != 0) Add(kZeros.substr(0, kBytesPerToken - rest));
    return Finish();
  }

 private:
  XXH64_state_t state_;  // set by the first Add
  size_t size_ = 0;
};

}  // namespace

uint64_t ChainStart(std::string_view model, std::string_view cache_salt) {
  XXH64_state_t state;
  XXH64_reset(&state, 0);
  XXH64_update(&state, model.data(), model.size());
  XXH64_update(&state, cache_salt.data(), cache_salt.size());
  return XXH64_digest(&state);
}

void AppendChain(uint64_t start, std::span<const std::string_view> pieces, uint32_t block_tokens,
                 size_t max_blocks, std::vector<uint64_t>& chain) {
  const size_t block_bytes = size_t{block_tokens} * kBytesPerToken;
  uint64_t previous = start;
  size_t blocks = 0;
  SplitBlock split;
  const auto emit = [&](uint64_t block_id) {
    previous = Link(block_id, previous);
    chain.push_back(previous);
    ++blocks;
  };
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (blocks == max_blocks) return;
      if (split.size() == 0 && piece.size() >= block_bytes) {
        emit(XXH64(piece.data(), block_bytes, 0));
        piece.remove_prefix(block_bytes);
        continue;
      }
      const size_t take = std::min(piece.size(), block_bytes - split.size());
      split.Add(piece.substr(0, take));
      piece.remove_prefix(take);
      if (split.size() == block_bytes) emit(split.Finish());
    }
  }
  if (split.size() > 0 && blocks < max_blocks) emit(split.FinishPadded());
}

}  // namespace inference::prefix
