#include "request/headers.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>
#include <vector>

#include "base/text.h"

namespace inference::request {
namespace {

TEST_CASE("control headers: one row each, in lower case") {
  std::set<std::string_view> names;
  for (const ControlHeader& header : ControlHeaders()) {
    CAPTURE(header.name);
    CHECK(names.insert(header.name).second);
    CHECK(base::ToLower(header.name) == header.name);
    CHECK(FindControlHeader(header.name) == &header);
  }
  CHECK(FindControlHeader("x-request-id") == nullptr);
  CHECK(FindControlHeader("content-type") == nullptr);
  CHECK(FindControlHeader("") == nullptr);
}

TEST_CASE("an alias never stands without its new name") {
  for (const ControlHeader& old : ControlHeaders()) {
    if (!old.deprecated) continue;
    CAPTURE(old.name);
    bool found = false;
    for (const ControlHeader& header : ControlHeaders()) {
      found = found || (!header.deprecated && header.control == old.control);
    }
    CHECK(found);
  }
}

TEST_CASE("what a client may not send on") {
  for (std::string_view name :
       {"x-gateway-inference-objective", "x-llm-d-inference-objective",
        "x-gateway-inference-fairness-id", "x-llm-d-inference-fairness-id",
        "x-gateway-model-name-rewrite", "x-gateway-destination-endpoint-subset",
        "x-gateway-destination-endpoint-served", "x-llm-d-request-dropped-reason",
        "x-prefiller-host-port"}) {
    CAPTURE(name);
    CHECK(MustRemove(name));
  }
  // The destination is overwritten; a removal of the same name might win over that.
  for (std::string_view name : {"x-gateway-destination-endpoint", "x-gateway-model-name",
                                "x-request-id", "authorization", "x-inference-endpoint"}) {
    CAPTURE(name);
    CHECK_FALSE(MustRemove(name));
  }
}

TEST_CASE("facts of a request's headers") {
  const std::vector<api::Header> headers = {
      {":method", "POST"},
      {":path", "/v1/completions?x=1"},
      {"x-original-path", "/v1/embeddings"},
      {"content-type", "application/json"},
      {"content-length", "123"},
      {"x-request-id", "first"},
      {"x-request-id", "second"},
      {"x-gateway-inference-objective", "old"},
      {"x-llm-d-inference-objective", "new"},
      {"x-gateway-inference-fairness-id", "tenant"},
      {"x-gateway-model-name-rewrite", "base"},
      {"x-gateway-model-name", "llama"},
      {"traceparent", "00-1-2-03"},
      {"x-inference-endpoint", "1"},
  };
  const RequestFacts facts = ReadHeaders(headers);
  CHECK(facts.method == "POST");
  CHECK(facts.path == "/v1/completions?x=1");
  CHECK(facts.content_type == "application/json");
  CHECK(facts.content_length == 123);
  CHECK(facts.request_id == "first");
  CHECK(facts.objective == "new");
  CHECK(facts.fairness_id == "tenant");
  CHECK(facts.model_rewrite == "base");
  CHECK(facts.gateway_model == "llama");
  CHECK(facts.traceparent == "00-1-2-03");
  CHECK(facts.wants_endpoint);

  const RequestFacts none = ReadHeaders({});
  CHECK(none.path.empty());
  CHECK_FALSE(none.wants_endpoint);
  const std::vector<api::Header> bad = {{"content-length", "12x"}};
  CHECK_FALSE(ReadHeaders(bad).content_length.has_value());
}

}  // namespace
}  // namespace inference::request
