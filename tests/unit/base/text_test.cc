#include "base/text.h"

#include <array>
#include <catch2/catch.hpp>

using namespace inference::base;
using namespace std::string_view_literals;

TEST_CASE("ClosestMatch prefers case, then distance, and gives up far away") {
  constexpr std::array kNames = {"failureMode"sv, "matchLabels"sv, "targetPorts"sv, "selector"sv};
  CHECK(ClosestMatch("failuremode", kNames) == "failureMode");
  CHECK(ClosestMatch("targetPort", kNames) == "targetPorts");
  CHECK(ClosestMatch("slector", kNames) == "selector");
  CHECK(ClosestMatch("seelctor", kNames) == "selector");
  CHECK(ClosestMatch("replicas", kNames).empty());
  CHECK(ClosestMatch("se", kNames).empty());
  constexpr std::array kPlugins = {"prefix-cache-scorer"sv, "kv-cache-utilization-scorer"sv,
                                   "lora-affinity-scorer"sv, "queue-scorer"sv,
                                   "multi-kv-cache-utilization-scorer"sv};
  CHECK(ClosestMatch("kv-cache-scorer", kPlugins) == "kv-cache-utilization-scorer");
  CHECK(ClosestMatch("LoRA-affinity", kPlugins) == "lora-affinity-scorer");
  CHECK(ClosestMatch("queue-scorr", kPlugins) == "queue-scorer");
  constexpr std::array kFields = {"address"sv, "dns"sv, "ports"sv, "portable"sv};
  CHECK(ClosestMatch("addr", kFields) == "address");
  CHECK(ClosestMatch("por", kFields).empty());  // two begin so
}

TEST_CASE("SplitTrimmed drops blanks and empty pieces") {
  const auto pieces = SplitTrimmed(" 8000, 8001 ,,8002,", ',');
  REQUIRE(pieces.size() == 3);
  CHECK(pieces[0] == "8000");
  CHECK(pieces[1] == "8001");
  CHECK(pieces[2] == "8002");
  CHECK(SplitTrimmed("", ',').empty());
  CHECK(SplitTrimmed("  ", ',').empty());
}

TEST_CASE("Printable keeps text, escapes what would break a log line") {
  CHECK(Printable("plain") == "plain");
  CHECK(Printable("Grüße") == "Grüße");
  CHECK(Printable("a\nb\x1b[31m") == "a\\x0ab\\x1b[31m");
  CHECK(Printable("\xff\xfe") == "\\xff\\xfe");
  CHECK(Printable("back\\slash") == "back\\x5cslash");
  CHECK(Printable(std::string(10, 'x'), 4) == "xxxx...");
  CHECK(Printable("Grüße", 3) == "Gr...");  // not half a character
}

TEST_CASE("Printable escapes what terminals obey beside ASCII's control characters") {
  CHECK(Printable("a\u009b31mb") == "a\\xc2\\x9b31mb");  // as ESC [ 31 m
  CHECK(Printable("\u0085\u00a0") == "\\xc2\\x85\u00a0");
  CHECK(Printable("a\u202eb") == "a\\xe2\\x80\\xaeb");  // the rest from right to left
  CHECK(Printable("\u2066\u200f\u2028\u061c") ==
        "\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xe2\\x80\\xa8\\xd8\\x9c");
  CHECK(Printable("模型 → ×2 👍 עברית") == "模型 → ×2 👍 עברית");
}

TEST_CASE("case folding is ASCII only") {
  CHECK(ToLower("X-Gateway-ÄB") == "x-gateway-Äb");
  CHECK(EqualsIgnoreCase("Content-Type", "content-type"));
  CHECK_FALSE(EqualsIgnoreCase("a", "ab"));
  CHECK(TrimSpace(" \t a b \r\n") == "a b");
}
