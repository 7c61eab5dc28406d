#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include "base/clock.h"

namespace inference::flowcontrol {

/// How many requests may wait for a saturated pool.
struct LineLimits {
  size_t requests = 0;     // 0: none may wait
  uint64_t bytes = 0;      // of their bodies together
  base::Duration wait{0};  // then a request is refused

  bool enabled() const { return requests > 0 && wait > base::Duration::zero(); }
  bool operator==(const LineLimits&) const = default;
};

/// How the waiting of a request ended.
enum class Release : uint8_t {
  kGo,       // its turn came
  kExpired,  // it has waited for as long as it may
  kFull,     // there was no room for it
};

/// Who put a request into a line.
class Waiter {
 public:
  /// Called once for each ticket that neither left nor was refused, on the thread that calls Turn,
  /// with no lock held. A ticket that leaves at the same moment may still be called.
  virtual void OnRelease(uint64_t ticket, Release release) = 0;

 protected:
  ~Waiter() = default;
};

/// The requests that wait for one pool, first come, first served. Thread-safe.
class Line {
 public:
  /// False when the limits leave no room for it. A ticket is its waiter's own number.
  bool Enter(Waiter& waiter, uint64_t ticket, uint64_t bytes, base::Time now);
  /// The request is gone. Nothing happens when its waiting has ended.
  void Leave(Waiter& waiter, uint64_t ticket);
  /// Ends the waiting of those that are over their time, then of the first `free` others.
  void Turn(base::Time now, size_t free);

  void SetLimits(const LineLimits& limits);
  LineLimits limits() const;
  size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    Waiter* waiter;
    uint64_t ticket, bytes;
    base::Time until;
  };
  using Entries = std::list<Entry>;
  void Remove(Entries::iterator entry);  // REQUIRES: mutex_ is held
  void Count();                          // the same

  mutable std::mutex mutex_;
  LineLimits limits_;                                                // guarded by mutex_
  Entries entries_;                                                  // the same; the first is next
  std::map<std::pair<Waiter*, uint64_t>, Entries::iterator> index_;  // the same
  uint64_t held_ = 0;                                                // the same
  std::atomic<size_t> waiting_{0};
  std::atomic<uint64_t> bytes_{0};
};

}  // namespace inference::flowcontrol
