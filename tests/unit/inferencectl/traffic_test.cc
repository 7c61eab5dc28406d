#include <catch2/catch.hpp>

#include <numeric>
#include <random>

#include "inferencectl/traffic/split.h"

namespace inference::ctl::traffic {
namespace {

TEST_CASE("traffic: targets are kind/name, kind/namespace/name, with a rule") {
  const auto short_name = ParseTarget("rewrite/chat", "llm");
  REQUIRE(short_name);
  CHECK(short_name->Title() == "InferenceModelRewrite llm/chat rule 0");
  CHECK(ParseTarget("route/a/b:3", "x")->Title() == "HTTPRoute a/b rule 3");
  CHECK(ParseTarget("MODEL/m", "x")->Title() == "InferenceModel x/m rule 0");
  for (const char* bad : {"", "chat", "pool/chat", "rewrite/", "rewrite/a:", "rewrite/a:x",
                          "rewrite/a:-1", "rewrite//a", "rewrite/a/"}) {
    INFO(bad);
    CHECK_FALSE(ParseTarget(bad, "llm"));
  }
}

TEST_CASE("traffic: shares") {
  const auto shares = ParseShares({"v1=90", "org/v=2=10.5%"}, "x");
  REQUIRE(shares);
  CHECK(*shares == Shares{{"v1", 90}, {"org/v=2", 10.5}});
  for (const std::string& bad : {"v1", "=3", "v1=", "v1=-1", "v1=x", "v1=1e9", "v1=nan", "v1=1 "}) {
    INFO(bad);
    CHECK_FALSE(ParseShares({bad}, "x"));
  }
  CHECK_FALSE(ParseShares({"a=1", "a=2"}, "x"));
}

TEST_CASE("traffic: percentages become whole numbers by largest remainder") {
  using V = std::vector<int64_t>;
  CHECK(LargestRemainder({50, 50}, 100) == V{50, 50});
  CHECK(LargestRemainder({1, 1, 1}, 100) == V{34, 33, 33});
  CHECK(LargestRemainder({33.3, 66.7}, 1000) == V{333, 667});
  CHECK(LargestRemainder({0, 100}, 100) == V{0, 100});
  std::mt19937 rng(5);
  for (int turn = 0; turn < 2000; ++turn) {
    std::vector<double> shares(1 + rng() % 8);
    for (double& share : shares) share = rng() % 1000;
    shares[0] += 1;
    const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
    const V numbers = LargestRemainder(shares, 100);
    CHECK(std::accumulate(numbers.begin(), numbers.end(), int64_t{0}) == 100);
    for (size_t i = 0; i < shares.size(); ++i) {
      CHECK(std::abs(static_cast<double>(numbers[i]) - shares[i] / sum * 100) < 1 + 1e-9);
      if (shares[i] == 0) CHECK(numbers[i] == 0);
    }
  }
}

TEST_CASE("traffic: a share fits within the tolerance or three sigma, nothing is nothing") {
  CHECK(Judge(0.5, 510, 1000, 0.02).fits);
  CHECK(Judge(0.5, 545, 1000, 0.02).fits);          // three sigma are 4.7 points
  CHECK_FALSE(Judge(0.5, 5450, 10000, 0.02).fits);  // here 1.5
  CHECK(Judge(0.5, 5190, 10000, 0.02).fits);
  CHECK(Judge(0.5, 5190, 10000, 0.02).allowed == Approx(0.02));
  CHECK(Judge(0, 0, 1000, 0.02).fits);
  CHECK_FALSE(Judge(0, 1, 1000, 0.02).fits);
  CHECK(Judge(1, 1000, 1000, 0).fits);
  CHECK_FALSE(Judge(1, 999, 1000, 0).fits);
}

}  // namespace
}  // namespace inference::ctl::traffic
