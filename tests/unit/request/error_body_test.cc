#include "request/error_body.h"

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "base/text.h"

namespace inference::request {
namespace {

using namespace std::string_literals;

TEST_CASE("error bodies are what OpenAI clients read") {
  CHECK(MakeErrorBody(400, "\"model\" is missing", "model") ==
        R"({"error":{"message":"\"model\" is missing","type":"invalid_request_error",)"
        R"("param":"model","code":null}})");
  CHECK(MakeErrorBody(503, "no endpoint", {}, "rejected-no-endpoints") ==
        R"({"error":{"message":"no endpoint","type":"service_unavailable_error",)"
        R"("param":null,"code":"rejected-no-endpoints"}})");
}

TEST_CASE("each status has its type") {
  CHECK(ErrorType(400) == "invalid_request_error");
  CHECK(ErrorType(413) == "invalid_request_error");
  CHECK(ErrorType(404) == "not_found_error");
  CHECK(ErrorType(408) == "timeout_error");
  CHECK(ErrorType(429) == "rate_limit_error");
  CHECK(ErrorType(500) == "server_error");
  CHECK(ErrorType(503) == "service_unavailable_error");
}

TEST_CASE("any bytes become valid JSON") {
  CHECK(nlohmann::json::parse(MakeErrorBody(400, "a\0\x1F\x7F\\\"\n"s))["error"]["message"] ==
        "a\0\x1F\x7F\\\"\n"s);
  CHECK(nlohmann::json::parse(MakeErrorBody(400, "x\xFFy\xC3"))["error"]["message"] ==
        "x\xEF\xBF\xBDy\xEF\xBF\xBD");
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 20, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string body = MakeErrorBody(400, bytes, bytes, bytes);
    CAPTURE(body);
    REQUIRE(base::IsValidUtf8(body));
    const nlohmann::json parsed = nlohmann::json::parse(body, nullptr, false);
    REQUIRE_FALSE(parsed.is_discarded());
    if (base::IsValidUtf8(bytes)) REQUIRE(parsed["error"]["message"] == bytes);
  }
}

}  // namespace
}  // namespace inference::request
