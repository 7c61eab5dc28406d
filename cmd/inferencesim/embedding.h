#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace inference::sim {

/// A vector of length 1 that depends on `fingerprint` only.
std::vector<float> MakeEmbedding(uint64_t fingerprint, uint32_t dimensions);

/// Little-endian floats in base64, as OpenAI's encoding_format "base64" has it.
std::string EncodeBase64(const std::vector<float>& values);

}  // namespace inference::sim
