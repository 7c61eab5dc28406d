#include <catch2/catch.hpp>

#include "api/text_values.h"

namespace inference::api {
namespace {

using namespace std::chrono_literals;

TEST_CASE("durations are read as Go writes them") {
  CHECK(ParseDuration("50ms") == 50ms);
  CHECK(ParseDuration("2s") == 2s);
  CHECK(ParseDuration("1m30s") == 90s);
  CHECK(ParseDuration("1h15m30.918s") == 4530918ms);
  CHECK(ParseDuration("1.5h") == 90min);
  CHECK(ParseDuration(".5s") == 500ms);
  CHECK(ParseDuration("100us") == 100us);
  CHECK(ParseDuration("100\xc2\xb5s") == 100us);
  CHECK(ParseDuration("7ns") == 7ns);
  CHECK(ParseDuration("0") == 0ns);
  CHECK(ParseDuration("0s") == 0ns);
  CHECK(ParseDuration("1.000000001s") == 1000000001ns);
  for (const char* bad : {"", "50", "s", "-1s", "+1s", "1 s", "1s ", "1d", "1.2.3s", ".", ".s",
                          "1e3s", "9999999h", "99999999999999999999s", "1S", "1m30"}) {
    INFO(bad);
    CHECK_FALSE(ParseDuration(bad));
  }
}

TEST_CASE("a written duration reads back the same") {
  for (const std::chrono::nanoseconds value :
       {std::chrono::nanoseconds(0), std::chrono::nanoseconds(1), std::chrono::nanoseconds(50ms),
        std::chrono::nanoseconds(90s), std::chrono::nanoseconds(3661001002003),
        std::chrono::nanoseconds(24h)}) {
    CHECK(ParseDuration(FormatDuration(value)) == value);
  }
  CHECK(FormatDuration(90s) == "1m30s");
  CHECK(FormatDuration(50ms) == "50ms");
}

TEST_CASE("quantities are read as Kubernetes writes them") {
  CHECK(ParseQuantity("64Mi") == int64_t{64} << 20);
  CHECK(ParseQuantity("2Gi") == int64_t{2} << 30);
  CHECK(ParseQuantity("1G") == 1'000'000'000);
  CHECK(ParseQuantity("1.5Ki") == 1536);
  CHECK(ParseQuantity("5k") == 5000);
  CHECK(ParseQuantity("1e6") == 1'000'000);
  CHECK(ParseQuantity("1E3") == 1000);
  CHECK(ParseQuantity("3E") == 3'000'000'000'000'000'000);
  CHECK(ParseQuantity("0") == 0);
  CHECK(ParseQuantity("9223372036854775807") == INT64_MAX);
  for (const char* bad : {"", "-1", "Mi", "1.5", "0.3Ki", "1m", "1mi", "1 Mi", "10Ei", "99E",
                          "1e99", "1e", "1e-3", "9223372036854775808", "1KB", "0x10"}) {
    INFO(bad);
    CHECK_FALSE(ParseQuantity(bad));
  }
  for (const int64_t value : {int64_t{0}, int64_t{1}, int64_t{1000}, int64_t{64} << 20}) {
    CHECK(ParseQuantity(FormatQuantity(value)) == value);
  }
  CHECK(FormatQuantity(int64_t{64} << 20) == "64Mi");
}

TEST_CASE("names and labels") {
  CHECK(IsDnsLabel("llm-1"));
  CHECK_FALSE(IsDnsLabel("llm.1"));
  CHECK_FALSE(IsDnsLabel("-a"));
  CHECK_FALSE(IsDnsLabel("A"));
  CHECK(IsDnsLabel(std::string(63, 'a')));
  CHECK_FALSE(IsDnsLabel(std::string(64, 'a')));
  CHECK(IsDnsSubdomain("qwen3-32b.v1"));
  CHECK_FALSE(IsDnsSubdomain("a..b"));
  CHECK_FALSE(IsDnsSubdomain("a.-b"));
  CHECK_FALSE(IsDnsSubdomain(std::string(254, 'a')));
  CHECK(IsLabelKey("app"));
  CHECK(IsLabelKey("llm-d.ai/role"));
  CHECK_FALSE(IsLabelKey(""));
  CHECK_FALSE(IsLabelKey("llm-d.ai/"));
  CHECK_FALSE(IsLabelKey("/role"));
  CHECK_FALSE(IsLabelKey("a/b/c"));
  CHECK_FALSE(IsLabelKey("App.io/role"));  // an upper-case prefix
  CHECK(IsLabelKey("App_x.y"));
  CHECK(IsLabelValue(""));
  CHECK(IsLabelValue("H100_80.GB"));
  CHECK_FALSE(IsLabelValue("a@b"));
  CHECK_FALSE(IsLabelValue(".a"));
  CHECK_FALSE(IsLabelValue(std::string(64, 'a')));
}

}  // namespace
}  // namespace inference::api
