#include "extproc/grpc.h"

#include <catch2/catch.hpp>

namespace inference::extproc::grpc {
namespace {

TEST_CASE("Content types of gRPC") {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc;x=y"}) {
    CHECK(IsGrpcContentType(type));
  }
  for (const char* type : {"", "application/json", "application/grpcx", "application/grp"}) {
    CHECK(!IsGrpcContentType(type));
  }
}

TEST_CASE("grpc-timeout") {
  CHECK(*ParseTimeout("1H") == std::chrono::hours(1));
  CHECK(*ParseTimeout("2M") == std::chrono::minutes(2));
  CHECK(*ParseTimeout("3S") == std::chrono::seconds(3));
  CHECK(*ParseTimeout("4m") == std::chrono::milliseconds(4));
  CHECK(*ParseTimeout("5u") == std::chrono::microseconds(5));
  CHECK(*ParseTimeout("99999999n") == std::chrono::nanoseconds(99999999));
  CHECK(*ParseTimeout("99999999H") > std::chrono::hours(1000));
  for (const char* bad : {"", "S", "1", "1x", "-1S", "999999999S", "1 S", "S1"}) {
    CHECK(!ParseTimeout(bad));
  }
}

TEST_CASE("Status messages are percent-encoded") {
  CHECK(PercentEncode("plain text") == "plain text");
  CHECK(PercentEncode("50%\n\xc3\xa9") == "50%25%0A%C3%A9");
}

TEST_CASE("Health by service name") {
  for (const char* name : {"", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor"}) {
    CHECK(HealthOf(name, true) == Serving::kServing);
    CHECK(HealthOf(name, false) == Serving::kNotServing);
  }
  CHECK(HealthOf("liveness", false) == Serving::kServing);
  CHECK(!HealthOf("something", true));
}

TEST_CASE("Health requests") {
  CHECK(*DecodeHealthRequest("") == "");
  CHECK(*DecodeHealthRequest(std::string_view("\x0a\x01x", 3)) == "x");
  CHECK(!DecodeHealthRequest(std::string_view("\x0a\x05x", 3)));
  CHECK(!DecodeHealthRequest("\x0a"));
  CHECK(!DecodeHealthRequest(std::string_view("\x10\x01", 2)));
  CHECK(EncodeHealthResponse(Serving::kNotServing) == std::string("\0\0\0\0\2\x08\2", 7));
}

}  // namespace
}  // namespace inference::extproc::grpc
