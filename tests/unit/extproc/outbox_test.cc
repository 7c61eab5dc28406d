#include "extproc/outbox.h"

#include <catch2/catch.hpp>

#include "extproc/out_chain.h"

namespace inference::extproc {
namespace {

struct Account {
  BodyBudget budget{1000};
  telemetry::Counter held;
  BodyAccount account{budget, held};
};

std::string TakeAll(Outbox& out, size_t step) {
  std::string text;
  while (out.size() > 0) {
    out.Take(std::min(step, out.size()), [&](std::string_view run, const Body*) { text += run; });
  }
  return text;
}

TEST_CASE("Bodies count against the budget until their last reference is gone") {
  Account a;
  Body body;
  CHECK(body.size() == 0);
  CHECK(body.data()[Body::kPadding - 1] == 0);  // an empty body is padded too
  REQUIRE(body.Append("hello", a.account));
  CHECK(body.view() == "hello");
  CHECK(body.data()[5 + Body::kPadding - 1] == 0);
  CHECK(a.budget.used() == 5);
  Body other = body;
  body.Release();
  CHECK(a.held.value() == 5);
  CHECK(other.view() == "hello");
  other.Release();
  CHECK(a.budget.used() == 0);
  CHECK(a.held.value() == 0);
}

TEST_CASE("A body that outgrows the budget is refused and keeps what it has") {
  Account a;
  Body body;
  REQUIRE(body.Append(std::string(600, 'x'), a.account));
  REQUIRE(body.Append(std::string(400, 'y'), a.account));  // doubling would pass the limit
  CHECK(!body.Append("z", a.account));
  CHECK(body.size() == 1000);
}

TEST_CASE("Copied bytes and slices come out in order, however they are taken") {
  for (size_t step : {size_t{1}, size_t{3}, size_t{100}}) {
    Account a;
    Body body;
    REQUIRE(body.Append("0123456789", a.account));
    Outbox out;
    out.tail() += "<";
    out.AddSlice(body, 2, 3);
    out.AddSlice(body, 9, 1);
    out.AddSlice(body, 0, 0);
    out.tail() += ">";
    body.Release();
    CHECK(out.size() == 6);
    CHECK(TakeAll(out, step) == "<2349>");
    CHECK(a.budget.used() == 0);
    out.tail() += "again";
    CHECK(TakeAll(out, step) == "again");
  }
}

TEST_CASE("The first close wins") {
  Outbox out;
  out.Close(Code::kNotFound, "a");
  out.Close(Code::kOk, "b");
  CHECK(out.code() == Code::kNotFound);
  CHECK(out.message() == "a");
}

TEST_CASE("A connection's chain keeps bodies until they are written") {
  Account a;
  Body body;
  REQUIRE(body.Append("BODY", a.account));
  OutChain chain;
  chain.Append("ab");
  chain.Append("cd");
  chain.AppendSlice(body.view(), body);
  chain.Append("ef");
  body.Release();
  iovec io[8];
  std::string written;
  for (size_t step = 1; chain.size() > 0; ++step) {
    REQUIRE(chain.Peek(io) > 0);
    const size_t n = std::min(step, io[0].iov_len);
    written.append(static_cast<char*>(io[0].iov_base), n);
    chain.Consume(n);
  }
  CHECK(written == "abcdBODYef");
  CHECK(a.budget.used() == 0);
  CHECK(chain.Peek(io) == 0);
}

}  // namespace
}  // namespace inference::extproc
