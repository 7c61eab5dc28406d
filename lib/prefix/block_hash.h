#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace inference::prefix {

/// A token is estimated as this many bytes of prompt.
inline constexpr size_t kBytesPerToken = 4;

/// The value that a chain starts from: xxh64(model ‖ cache_salt). Chains of different models or
/// salts never meet.
uint64_t ChainStart(std::string_view model, std::string_view cache_salt);

/// Appends the hash chain of one prompt to `chain`, one hash per block of `block_tokens` tokens, at
/// most `max_blocks` of them:
///     hash[i] = xxh64(LE64(xxh64(bytes of block i)) ‖ LE64(hash[i-1])),  hash[-1] = start
/// The prompt's bytes, zero-padded to whole tokens, are cut into blocks; a short last block counts
/// as one. The pieces are read where they lie. REQUIRES: block_tokens > 0. Source: the approximate
/// prefix cache of llm-d-router, so that both hash a prompt alike.
void AppendChain(uint64_t start, std::span<const std::string_view> pieces, uint32_t block_tokens,
                 size_t max_blocks, std::vector<uint64_t>& chain);

}  // namespace inference::prefix
