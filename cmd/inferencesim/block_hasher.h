#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inference::sim {

/// Bytes that stand for one token: the simulator has no tokenizer, it counts.
inline constexpr uint32_t kBytesPerToken = 4;

/// Tokens of a text of `bytes` bytes, rounded up.
inline uint32_t EstimateTokens(size_t bytes) {
  return static_cast<uint32_t>((bytes + kBytesPerToken - 1) / kBytesPerToken);
}

/// The text of generated token `index` of a sequence with `seed`: always kBytesPerToken bytes of
/// ASCII that need no escape in JSON. Equal seeds write equal texts, so that a conversation sent
/// back as the next prompt finds its blocks again.
std::string_view TokenText(uint64_t seed, uint64_t index);

/// Chained hashes (xxh3) of the full KV blocks of a growing text: the hash of a block covers all
/// that stands before it. Not thread-safe.
class BlockHasher {
 public:
  BlockHasher() : BlockHasher(16, {}) {}
  /// `block_size` in tokens. `root` separates what must not share blocks: model, adapter, salt.
  BlockHasher(uint32_t block_size, std::string_view root);

  void Append(std::string_view text);
  const std::vector<uint64_t>& hashes() const { return hashes_; }
  /// A number that differs between texts, for the seed of an answer.
  uint64_t fingerprint() const;

 private:
  void AddBlock(std::string_view block);

  size_t block_bytes_;
  uint64_t last_;
  std::string partial_;  // less than one block
  std::vector<uint64_t> hashes_;
};

}  // namespace inference::sim
