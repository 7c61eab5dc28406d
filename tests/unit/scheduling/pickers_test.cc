#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "fleet.h"

namespace inference::scheduling {
namespace {

using Ranked = std::vector<uint32_t>;

class Draw {
 public:
  explicit Draw(const std::string& type, api::Value parameters = {}) {
    api::Diagnostics out;
    picker_ = Builtins().pickers.Make(Plugin(type, std::move(parameters)), out);
    REQUIRE(picker_);
    context_.rng = &rng_;
  }
  Ranked operator()(const std::vector<double>& totals, size_t want) {
    Ranked ranked;
    picker_->Pick(context_, totals, want, ranked);
    return ranked;
  }
  std::vector<double> Shares(const std::vector<double>& totals, int rounds = 20000) {
    std::vector<double> shares(totals.size(), 0);
    for (int i = 0; i < rounds; ++i) shares[(*this)(totals, 1).at(0)] += 1.0 / rounds;
    return shares;
  }

 private:
  std::unique_ptr<Picker> picker_;
  base::Rng rng_{7};
  PickContext context_;
};

TEST_CASE("max-score-picker ranks by total") {
  Draw draw("max-score-picker");
  CHECK(draw({1, 3, 2}, 1) == Ranked{1});
  CHECK(draw({1, 3, 2}, 3) == Ranked{1, 2, 0});
  CHECK(draw({1, 3, 2}, 9) == Ranked{1, 2, 0});
  CHECK(draw({0}, 1) == Ranked{0});
}

TEST_CASE("max-score-picker breaks ties evenly, in the fallbacks too") {
  Draw draw("max-score-picker");
  const auto shares = draw.Shares({2, 2, 1, 2});
  CHECK(shares[2] == 0);
  for (const size_t i : {0, 1, 3}) CHECK(shares[i] == Approx(1.0 / 3).margin(.02));
  std::set<Ranked> orders;
  for (int i = 0; i < 200; ++i) orders.insert(draw({5, 1, 1}, 3));
  CHECK(orders == std::set<Ranked>{{0, 1, 2}, {0, 2, 1}});
}

TEST_CASE("random-picker ignores totals and never names one twice") {
  Draw draw("random-picker");
  for (const double share : draw.Shares({9, 0, 1, 5})) CHECK(share == Approx(.25).margin(.02));
  for (int i = 0; i < 100; ++i) {
    const Ranked ranked = draw({9, 0, 1, 5}, 3);
    CHECK(std::set<uint32_t>(ranked.begin(), ranked.end()).size() == 3);
  }
}

TEST_CASE("weighted-random-picker draws in proportion") {
  Draw draw("weighted-random-picker");
  const auto shares = draw.Shares({1, 0, 3});
  CHECK(shares[0] == Approx(.25).margin(.02));
  CHECK(shares[1] == 0);
  CHECK(shares[2] == Approx(.75).margin(.02));
  for (const double share : draw.Shares({0, 0, 0})) CHECK(share == Approx(1.0 / 3).margin(.02));
  for (int i = 0; i < 50; ++i) CHECK(draw({1, 0, 3}, 3).back() == 1);
  CHECK(draw.Shares({1e-12, 3e-12})[1] == Approx(.75).margin(.02));
}

TEST_CASE("maxNumOfEndpoints limits what a picker ranks") {
  for (const std::string type : {"max-score-picker", "random-picker", "weighted-random-picker"}) {
    CAPTURE(type);
    CHECK(Draw(type, Map({{"maxNumOfEndpoints", Int(2)}}))({1, 2, 3, 4}, 3).size() == 2);
    CHECK(Draw(type, Map({{"maxNumOfEndpoints", Int(0)}}))({1, 2, 3, 4}, 3).size() == 1);
    CHECK(Draw(type, Map({{"maxNumOfEndpoints", Int(9)}}))({1, 2, 3, 4}, 3).size() == 3);
    CHECK(Draw(type)({1, 2, 3, 4}, 3).size() == 3);
  }
}

}  // namespace
}  // namespace inference::scheduling
