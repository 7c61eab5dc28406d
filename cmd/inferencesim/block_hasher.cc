#include "inferencesim/block_hasher.h"

#include <xxhash.h>

#include <algorithm>
#include <array>

namespace inference::sim {
namespace {

constexpr std::array<std::string_view, 32> kWords = {
    " the", " and", " for", " are", " but", " not", " you", " all", " can", " had", " her",
    " was", " one", " our", " out", " day", " get", " has", " him", " his", " how", " man",
    " new", " now", " old", " see", " two", " way", " who", " did", " its", " let"};

}  // namespace

std::string_view TokenText(uint64_t seed, uint64_t index) {
  // One step of splitmix64: cheap and well mixed.
  uint64_t x = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  return kWords[(x >> 40) % kWords.size()];
}

BlockHasher::BlockHasher(uint32_t block_size, std::string_view root)
    : block_bytes_(size_t{block_size} * kBytesPerToken),
      last_(XXH3_64bits(root.data(), root.size())) {}

void BlockHasher::AddBlock(std::string_view block) {
  last_ = XXH3_64bits_withSeed(block.data(), block.size(), last_);
  hashes_.push_back(last_);
}

void BlockHasher::Append(std::string_view text) {
  if (!partial_.empty()) {
    const size_t take = std::min(block_bytes_ - partial_.size(), text.size());
    partial_.append(text.substr(0, take));
    text.remove_prefix(take);
    if (partial_.size() < block_bytes_) return;
    AddBlock(partial_);
    partial_.clear();
  }
  while (text.size() >= block_bytes_) {
    AddBlock(text.substr(0, block_bytes_));
    text.remove_prefix(block_bytes_);
  }
  partial_.assign(text);
}

uint64_t BlockHasher::fingerprint() const {
  return XXH3_64bits_withSeed(partial_.data(), partial_.size(), last_);
}

}  // namespace inference::sim
