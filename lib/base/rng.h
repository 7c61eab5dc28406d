#pragma once

#include <cstdint>
#include <random>

namespace inference::base {

/// Seeded random numbers, the same on every platform for one seed. Not thread-safe: one per thread.
class Rng {
 public:
  explicit Rng(uint64_t seed) : engine_(seed) {}

  uint64_t Next() { return engine_(); }
  /// Uniform in [0, n). REQUIRES: n > 0. (Multiply-shift: bias below 2^-32 for n < 2^32.)
  uint32_t Below(uint32_t n) {
    return static_cast<uint32_t>(((engine_() >> 32) * static_cast<uint64_t>(n)) >> 32);
  }
  /// Uniform in [0, 1).
  double Unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace inference::base
