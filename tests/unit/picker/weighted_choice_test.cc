#include "picker/weighted_choice.h"

#include <catch2/catch.hpp>

#include <array>
#include <cmath>

namespace inference::picker {
namespace {

std::vector<WeightedTarget> Targets(std::initializer_list<std::optional<int>> weights) {
  std::vector<WeightedTarget> targets;
  for (const auto& weight : weights) {
    targets.push_back(
        {std::string(1, static_cast<char>('a' + targets.size())), weight, 0, nullptr});
  }
  return targets;
}

std::array<int, 3> Draw(const WeightedChoice& choice, int n) {
  std::array<int, 3> counts{};
  base::Rng rng(7);
  for (int i = 0; i < n; ++i) ++counts[choice.Draw(rng)];
  return counts;
}

// Within 4 sigma: with this seed always, with a wrong weight never.
void CheckShare(int count, int n, double want) {
  CHECK(std::abs(count - n * want) <= 4 * std::sqrt(n * want * (1 - want)));
}

TEST_CASE("targets are drawn by weight") {
  constexpr int kDraws = 100'000;
  for (const auto& weights : {std::array{50, 50, 0}, std::array{70, 30, 0}, std::array{1, 98, 1},
                              std::array{1'000'000, 1'000'000, 1'000'000}}) {
    const WeightedChoice choice(Targets({weights[0], weights[1], weights[2]}));
    const double total = static_cast<double>(weights[0]) + weights[1] + weights[2];
    const auto counts = Draw(choice, kDraws);
    for (size_t i = 0; i < 3; ++i) {
      CheckShare(counts[i], kDraws, weights[i] / total);
      CHECK(choice.targets()[i].fraction == Approx(weights[i] / total));
    }
  }
}

TEST_CASE("a target of weight 0 is never drawn") {
  const auto counts = Draw(WeightedChoice(Targets({0, 1, 0})), 1000);
  CHECK(counts == std::array{0, 1000, 0});
}

TEST_CASE("without weights all are alike") {
  const auto counts = Draw(WeightedChoice(Targets({{}, {}, {}})), 30'000);
  for (const int count : counts) CheckShare(count, 30'000, 1.0 / 3);
}

TEST_CASE("more weight than 32 bits hold is summed right") {
  std::vector<WeightedTarget> targets;
  for (int i = 0; i < 3000; ++i) targets.push_back({"m", 1'000'000, 0, nullptr});
  const WeightedChoice choice(std::move(targets));
  base::Rng rng(1);
  size_t above = 0;
  for (int i = 0; i < 10'000; ++i) above += choice.Draw(rng) >= 1500 ? 1 : 0;
  CheckShare(static_cast<int>(above), 10'000, 0.5);
}

TEST_CASE("counts go on while the weights stay, and start anew when they change") {
  ShareBook book;
  const base::WallTime then{std::chrono::seconds(100)}, later{std::chrono::seconds(200)};
  auto first = Targets({70, 30});
  book.Fill("x", first, then);
  first[0].share->Add();
  first[1].share->Add();
  auto same = Targets({70, 30});
  book.Fill("x", same, later);
  same[0].share->Add();
  CHECK(same[0].share->since_change() == 2);
  CHECK(same[0].share->since() == then);

  auto changed = Targets({60, 40});
  book.Fill("x", changed, later);
  CHECK(changed[0].share->since_change() == 0);
  CHECK(changed[0].share->total() == 2);
  CHECK(changed[0].share->since() == later);
  first[0].share->Add();  // a reactor that still has the generation before
  CHECK(changed[0].share->since_change() == 0);
  CHECK(changed[0].share->total() == 3);

  auto other = Targets({60, 40});
  book.Fill("y", other, later);
  CHECK(other[0].share->total() == 0);
}

}  // namespace
}  // namespace inference::picker
