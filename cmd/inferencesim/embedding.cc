#include "inferencesim/embedding.h"

#include <openssl/evp.h>

#include <cmath>

#include "base/rng.h"

namespace inference::sim {

std::vector<float> MakeEmbedding(uint64_t fingerprint, uint32_t dimensions) {
  base::Rng rng(fingerprint);
  std::vector<float> values(dimensions);
  double squares = 0;
  for (float& value : values) {
    value = static_cast<float>(2 * rng.Unit() - 1);
    squares += double{value} * value;
  }
  const double length = std::sqrt(squares);
  for (float& value : values) value = static_cast<float>(value / length);
  return values;
}

std::string EncodeBase64(const std::vector<float>& values) {
  const size_t bytes = values.size() * sizeof(float);
  std::string text((bytes + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock ends with a zero byte
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(values.data()),
                                     static_cast<int>(bytes));
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace inference::sim
