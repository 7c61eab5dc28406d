#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace inference::base {

/// Publishes an immutable T from one writer to many readers. Readers hold a Reader each (one per
/// thread) and pay one atomic load while nothing changed; atomic<shared_ptr> costs 20-210 ns there.
/// A Reader keeps the last value it saw alive, so T must hold no socket and no thread.
template <typename T>
class SnapshotHolder {
 public:
  explicit SnapshotHolder(std::shared_ptr<const T> initial) : current_(std::move(initial)) {}

  /// Thread-safe.
  void Publish(std::shared_ptr<const T> next) {
    std::shared_ptr<const T> old;  // destroyed outside the lock
    {
      std::lock_guard lock(mutex_);
      old = std::exchange(current_, std::move(next));
      version_.fetch_add(1, std::memory_order_release);
    }
  }

  /// Thread-safe; takes the lock. For callers that look rarely (admin, tests).
  std::shared_ptr<const T> Get() const {
    std::lock_guard lock(mutex_);
    return current_;
  }

  /// Not thread-safe: one per thread. The reference stays valid until the next Get() of this
  /// Reader.
  class Reader {
   public:
    explicit Reader(const SnapshotHolder& holder) : holder_(&holder) {}
    const std::shared_ptr<const T>& Get() {
      const uint64_t version = holder_->version_.load(std::memory_order_acquire);
      if (version != seen_ || !cached_) [[unlikely]] {
        std::lock_guard lock(holder_->mutex_);
        cached_ = holder_->current_;
        seen_ = holder_->version_.load(std::memory_order_relaxed);
      }
      return cached_;
    }

   private:
    const SnapshotHolder* holder_;
    uint64_t seen_ = 0;
    std::shared_ptr<const T> cached_;
  };

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> current_;  // guarded by mutex_
  std::atomic<uint64_t> version_{1};
};

}  // namespace inference::base
