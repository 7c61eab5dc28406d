#include "net/accounts.h"

#include <catch2/catch.hpp>

namespace inference::net {
namespace {

TEST_CASE("users and groups by name, and by a number that need not be known") {
  CHECK(*UserId("root") == 0);
  CHECK(*GroupId("root") == 0);
  CHECK(*UserId("4000000") == 4'000'000);
  CHECK(*GroupId("4000001") == 4'000'001);
}

TEST_CASE("what is neither is not found, and named") {
  for (const char* name : {"no-such-name", "0x", "12 ", "-1", "4294967296", ""}) {
    CAPTURE(name);
    CHECK(UserId(name).status().code() == Code::kNotFound);
    CHECK(GroupId(name).status().code() == Code::kNotFound);
  }
  CHECK(UserId("no-such-name").status().message() ==
        "there is no user \"no-such-name\" on this machine");
  CHECK(GroupId("no-such-name").status().message() ==
        "there is no group \"no-such-name\" on this machine");
}

TEST_CASE("a user's name has the number with it; one that nobody has is that alone") {
  CHECK(UserName(0) == "root (uid 0)");
  CHECK(UserName(4'000'000) == "uid 4000000");
}

}  // namespace
}  // namespace inference::net
