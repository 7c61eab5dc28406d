#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "fleet.h"

namespace {
std::atomic<size_t> allocations{0};
}

// Not inlined, or the compiler warns of a free() that does not match its new.
__attribute__((noinline)) void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
// Sorting's temporary buffers come from here; all kinds must match under AddressSanitizer.
__attribute__((noinline)) void* operator new(size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
__attribute__((noinline)) void operator delete(void* p) noexcept {
  std::free(p);
}
__attribute__((noinline)) void operator delete(void* p, size_t) noexcept {
  std::free(p);
}

namespace inference::scheduling {
namespace {

TEST_CASE("a pick allocates nothing once its memory has grown") {
  Bench bench(DefaultConfig());
  Fleet fleet(20);
  for (size_t i = 0; i < 20; ++i) fleet.Report(i, 1, 1, .5);
  const auto pool = fleet.pool();
  const std::string prompt(10'000, 'x');
  bench.Prompt(prompt);
  const std::vector<std::string_view> entries{"10.0.0.1", "10.0.0.2:8000", "10.0.0.3:8000"};
  bench.subset = {true, entries};
  const auto once = [&] {
    const bool ok = bench.Run(pool, 3) == ScheduleError::kNone;
    Commit(*bench.scheduler, bench.scratch, **bench.decision.ranked[0]);
    return ok;
  };
  for (int i = 0; i < 30; ++i) REQUIRE(once());
  const size_t before = allocations.load();
  bool ok = true;
  for (int i = 0; i < 100; ++i) ok = once() && ok;
  CHECK(allocations.load() == before);
  CHECK(ok);
}

}  // namespace
}  // namespace inference::scheduling
