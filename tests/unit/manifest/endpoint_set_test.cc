#include "manifest_reading.h"

namespace inference::manifest {
namespace {

const std::string kSet = R"(apiVersion: inferenced.dev/v1alpha1
kind: EndpointSet
metadata: {name: rack-7, namespace: llm, labels: {app: vllm}}
spec:
  endpoints:
  - {name: gpu-1, address: 10.2.0.11, labels: {gpu: h100}, annotations: {a: b}}
  - {name: gpu-2, dns: gpu-2.rack7.example, ports: [8000, 8001]}
  - name: gpu-3
    address: 2001:DB8:0::1
)";

TEST_CASE("every field of an endpoint set is read") {
  const Reading reading = ReadText(kSet);
  INFO(reading.All());
  REQUIRE(reading.diagnostics.empty());
  const api::EndpointSet& set = reading.set.endpoint_sets.at(0);
  CHECK(set.meta.key() == "llm/rack-7");
  REQUIRE(set.endpoints.size() == 3);
  CHECK(set.endpoints[0].address == "10.2.0.11");
  CHECK(set.endpoints[0].labels.at("gpu") == "h100");
  CHECK(set.endpoints[0].annotations.at("a") == "b");
  CHECK(set.endpoints[0].origin.ToString() == "f.yaml:6:5");
  CHECK(set.endpoints[1].dns == "gpu-2.rack7.example");
  REQUIRE(set.endpoints[1].ports.size() == 2);
  CHECK(*set.endpoints[1].ports[1] == 8001);
  CHECK(set.endpoints[2].address == "2001:db8::1");  // one spelling for one address
}

TEST_CASE("what breaks the schema of an endpoint set is reported at its place") {
  const std::vector<BadEdit> table = {
      {"name: gpu-1", "name: GPU", "6:12", "spec.endpoints[0].name 'GPU' is not a DNS name"},
      {"name: gpu-1, ", "", "6:5", "spec.endpoints[0].name is missing"},
      {"name: gpu-1", "name: gpu-2", "7:5", "two endpoints are called 'gpu-2'"},
      {"address: 10.2.0.11", "address: 10.2.0.11:8000", "6:28", "ports go into ports:"},
      {"address: 10.2.0.11", "address: 10.2.0.300", "6:28",
       "it is neither an IPv4 address (four numbers of 0 to 255) nor a DNS name"},
      {"address: 10.2.0.11", "address: 300.0.0.1", "6:28", "'300.0.0.1' is not an IP address (it"},
      // A misspelt field is one mistake, not two.
      {"address: 10.2.0.11", "adress: 10.2.0.11", "6:19",
       "unknown field 'adress' in spec.endpoints[0], and spec.endpoints[0] needs an address or a "
       "dns name (did you mean 'address'?)"},
      {"- name: gpu-3", "- nmae: gpu-3", "8:5",
       "unknown field 'nmae' in spec.endpoints[2], and spec.endpoints[2].name is missing (did you "
       "mean 'name'?)"},
      {"address: 10.2.0.11", "address: gpu-1.example", "6:28",
       "write host names as dns: gpu-1.example"},
      {"address: 10.2.0.11", "address: '[::1]'", "6:28", "IPv6 has no brackets here"},
      {"address: 10.2.0.11", "address: 0.0.0.0", "6:28", "no address that can be called"},
      {"address: 10.2.0.11", "address: 7", "6:28", "must be a string, not 7"},
      {"address: 10.2.0.11, ", "", "6:5", "needs an address or a dns name"},
      {"dns: gpu-2.rack7.example", "dns: a..b", "7:24", "'a..b' is not a host name"},
      {"dns: gpu-2.rack7.example", "dns: 10.0.0.300", "7:24",
       "'10.0.0.300' is not a host name (the last part of a DNS name is no number)"},
      {"dns: gpu-2.rack7.example", "dns: 10.0.0.1", "7:24", "write it as address: 10.0.0.1"},
      {"dns: gpu-2.rack7.example", "dns: x, address: 10.0.0.9", "7:19", "both address and dns"},
      {"[8000, 8001]", "[8000, 8000]", "7:59", "port number must be unique"},
      {"[8000, 8001]", "[8000, 0]", "7:59", "spec.endpoints[1].ports[1] must be 1 to 65535"},
      {"[8000, 8001]", "[]", "7:52", "needs at least 1 item"},
      {"[8000, 8001]", "8000", "7:52", "must be a list, not 8000"},
      {"labels: {gpu: h100}", "labels: {gpu: h 100}", "6:53", "'h 100' is not a label value"},
      {"labels: {gpu: h100}", "lables: {gpu: h100}", "6:39", "did you mean 'labels'?"},
      {"annotations: {a: b}", "annotations: {a: 1}", "6:77", "must be a string, not 1"},
      {"- name: gpu-3", "- gpu-3:\n    name: gpu-3", "8:5", "unknown field 'gpu-3'"},
      {"kind: EndpointSet\n", "kind: EndpointSet\nstatus: {}\n", "3:1", "unknown field 'status'"},
  };
  for (const BadEdit& edit : table) CheckFinding(ReadText(Edited(kSet, edit)).diagnostics, edit);
}

TEST_CASE("an empty set is fine, a missing list is not") {
  const std::string head =
      "apiVersion: inferenced.dev/v1alpha1\nkind: EndpointSet\nmetadata: {name: a}\n";
  CHECK(ReadText(head + "spec: {endpoints: []}\n").diagnostics.empty());
  CHECK_THAT(ReadText(head + "spec: {}\n").All(), Catch::Contains("spec.endpoints is missing"));
  CHECK_THAT(ReadText(head + "spec:\n").All(),
             Catch::Contains("f.yaml:1:1: error: spec is missing"));
}

}  // namespace
}  // namespace inference::manifest
