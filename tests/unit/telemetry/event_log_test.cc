#include "telemetry/event_log.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>

namespace inference::telemetry {
namespace {

Event Make(const std::string& message) {
  return {events::kEjected, {"endpoint", "llm", "gpu-1", "10.0.0.1:8000"}, message, {}, {}};
}

std::string Messages(const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) out += event.message;
  return out;
}

TEST_CASE("events come in order, each once, from where one has read") {
  EventLog log;
  CHECK(log.After(0, 10).empty());
  for (const char* message : {"a", "b", "c"}) log.Add(Make(message));
  const auto all = log.After(0, 10);
  CHECK(Messages(all) == "abc");
  CHECK(all[0].id + 2 == all[2].id);
  CHECK(all[0].at.time_since_epoch().count() > 0);
  CHECK(Messages(log.After(all[0].id, 10)) == "bc");
  CHECK(Messages(log.After(0, 2)) == "ab");
  CHECK(log.After(all[2].id, 10).empty());
  CHECK(log.After(all[2].id + 100, 10).empty());  // of another run
}

TEST_CASE("the oldest events go when there are too many") {
  EventLog log(base::Clock::Real(), 3);
  for (const char* message : {"a", "b", "c", "d", "e"}) log.Add(Make(message));
  CHECK(Messages(log.After(0, 10)) == "cde");
  CHECK(Messages(log.After(1, 10)) == "cde");
  CHECK(Messages(log.After(3, 10)) == "de");
  CHECK(Messages(log.After(4, 10)) == "e");
}

TEST_CASE("a log without room keeps nothing, and counts on") {
  EventLog log(base::Clock::Real(), 0);
  log.Add(Make("a"));
  CHECK(log.After(0, 10).empty());
}

TEST_CASE("many threads add, one reads: nothing is lost or twice") {
  EventLog log;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) log.Add(Make("x"));
    });
  }
  uint64_t after = 0;
  size_t read = 0;
  while (read < 2000) {
    for (const Event& event : log.After(after, 64)) {
      REQUIRE(event.id == after + 1);
      after = event.id;
      ++read;
    }
  }
  for (std::thread& writer : writers) writer.join();
}

TEST_CASE("kinds of events have names of their own") {
  std::set<std::string_view> names;
  for (const EventKind& kind : events::kAll) {
    CHECK(names.insert(kind.name).second);
    CHECK(!kind.doc.empty());
  }
}

}  // namespace
}  // namespace inference::telemetry
