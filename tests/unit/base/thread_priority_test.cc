#include "base/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

namespace inference::base {
namespace {

int Nice() {
  return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
}

TEST_CASE("a thread that gives way does so alone") {
  const int before = Nice();
  int there = -1;
  std::thread([&] {
    GiveWay();
    there = Nice();
  }).join();
  CHECK(there == 10);
  CHECK(Nice() == before);
}

}  // namespace
}  // namespace inference::base
