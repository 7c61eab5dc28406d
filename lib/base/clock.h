#pragma once

#include <chrono>
#include <cstdint>

namespace inference::base {

/// Monotonic time. All waits, ages and deadlines use it.
using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;
/// Wall time, only for what people read.
using WallTime = std::chrono::system_clock::time_point;

/// Where time comes from; tests inject their own. Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
  virtual WallTime WallNow() const = 0;

  /// The machine's clock. Lives for the whole program.
  static const Clock& Real();
};

inline int64_t ToNanos(Time t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
}
inline Time FromNanos(int64_t nanos) {
  return Time(Duration(nanos));
}

}  // namespace inference::base
