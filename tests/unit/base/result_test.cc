#include "inference/result.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "base/rng.h"

using namespace inference;

TEST_CASE("a Result holds a value or the Status that says why not") {
  Result<std::string> good(std::string("yes"));
  REQUIRE(good.ok());
  CHECK(*good == "yes");
  CHECK(good.status().ok());

  Result<std::string> bad(Status(Code::kNotFound, "no pool \"a/b\""));
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.status().code() == Code::kNotFound);
  CHECK(bad.status().ToString() == "NOT_FOUND: no pool \"a/b\"");
}

TEST_CASE("a Result moves values that can't be copied") {
  Result<std::unique_ptr<int>> made(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = *std::move(made);
  CHECK(*taken == 7);
}

TEST_CASE("Rng is the same for one seed, and Below stays below and reaches everything") {
  base::Rng a(1), b(1), c(2);
  CHECK(a.Next() == b.Next());
  CHECK(a.Next() != c.Next());
  int counts[5] = {};
  for (int i = 0; i < 5000; ++i) {
    const uint32_t n = a.Below(5);
    REQUIRE(n < 5);
    ++counts[n];
    const double unit = a.Unit();
    REQUIRE(unit >= 0);
    REQUIRE(unit < 1);
  }
  for (const int count : counts) CHECK(count > 850);  // 1000 expected, sigma 28
}
