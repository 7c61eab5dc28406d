#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "telemetry/counters.h"

namespace inference::extproc {

/// How many bytes of bodies the whole process may hold. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(int64_t limit) : limit_(limit) {}
  BodyBudget(const BodyBudget&) = delete;
  BodyBudget& operator=(const BodyBudget&) = delete;

  /// False, and nothing taken, when the limit would be passed.
  bool Take(size_t bytes);
  void Give(size_t bytes);
  int64_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const int64_t limit_;
  std::atomic<int64_t> used_{0};
};

/// One reactor's side of the budget: also counts what that reactor holds. One thread.
class BodyAccount {
 public:
  BodyAccount(BodyBudget& budget, telemetry::Counter& held) : budget_(budget), held_(held) {}
  bool Take(size_t bytes) {
    if (!budget_.Take(bytes)) return false;
    held_.Add(bytes);
    return true;
  }
  void Give(size_t bytes) {
    budget_.Give(bytes);
    held_.Sub(bytes);
  }

 private:
  BodyBudget& budget_;
  telemetry::Counter& held_;
};

/// A request body: grows while it is received, is parsed in place (64 bytes of padding follow the
/// last byte), then is shared without copying by everything that still has to send parts of it.
/// Counted references, one thread. A default-constructed one is empty.
class Body {
 public:
  /// Bytes behind the last one that may be read (simdjson's padding).
  static constexpr size_t kPadding = 64;

  Body() = default;
  Body(const Body& other) : block_(other.block_) {
    if (block_) ++block_->refs;
  }
  Body(Body&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Body& operator=(Body other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Body() { Release(); }

  /// Makes room for `bytes` in all. False when the budget is used up.
  /// REQUIRES: no other reference.
  bool Reserve(size_t bytes, BodyAccount& account);
  /// False when the budget is used up. REQUIRES: no other reference.
  bool Append(std::string_view bytes, BodyAccount& account);

  const char* data() const { return block_ ? block_->data() : kNothing; }
  size_t size() const { return block_ ? block_->size : 0; }
  std::string_view view() const { return {data(), size()}; }
  void Release();

 private:
  struct Block {
    BodyAccount* account;
    size_t size;
    size_t capacity;  // without the padding
    uint32_t refs;
    char* data() { return reinterpret_cast<char*>(this + 1); }
  };
  static constexpr char kNothing[kPadding] = {};  // an empty body has its padding too
  Block* block_ = nullptr;
};

}  // namespace inference::extproc
