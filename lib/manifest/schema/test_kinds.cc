#include "manifest/schema/schema.h"

// Tests of routing behaviour, for `inferencectl test`.
namespace inference::manifest::schema {
namespace {

constexpr Field kText = {.type = Type::kString};
constexpr Field kName = {.type = Type::kString, .min = 1};
constexpr Field kShare = {.type = Type::kNumber, .min = 0, .max = 1};

constexpr Field kLoraFields[] = {
    {.name = "running",
     .type = Type::kList,
     .max = 128,
     .doc = "Adapters loaded.",
     .items = &kName},
    {.name = "waiting",
     .type = Type::kList,
     .max = 128,
     .doc = "Adapters that requests wait for.",
     .items = &kName},
    {.name = "max",
     .type = Type::kInteger,
     .required = true,
     .min = 0,
     .doc = "How many it has room for."},
};
constexpr std::string_view kStates[] = {"ready", "unreachable", "asleep", "unknown"};
constexpr Field kServerFields[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .doc = "Of an endpoint in the manifests."},
    {.name = "state",
     .type = Type::kString,
     .one_of = kStates,
     .def = "ready",
     .doc = "unknown: no metrics page was ever read."},
    {.name = "age",
     .type = Type::kDuration,
     .def = "0s",
     .doc = "Of its metrics page; beyond scrape.staleAfter the values are stale."},
    {.name = "waiting",
     .type = Type::kNumber,
     .min = 0,
     .doc = "Requests queued; 0 when left out."},
    {.name = "running",
     .type = Type::kNumber,
     .min = 0,
     .doc = "Requests in the batch; 0 when left out."},
    {.name = "kvUsage",
     .type = Type::kNumber,
     .min = 0,
     .max = 1,
     .doc = "Share of the KV cache in use; 0 when left out."},
    {.name = "blockSize",
     .type = Type::kInteger,
     .min = 1,
     .def = "16",
     .doc = "Tokens per KV block."},
    {.name = "numBlocks",
     .type = Type::kInteger,
     .min = 1,
     .def = "8192",
     .doc = "KV blocks in all."},
    {.name = "lora", .doc = "LoRA adapters; not known when left out.", .fields = kLoraFields},
};
constexpr Field kServer = {.fields = kServerFields};

constexpr Field kRequestFields[] = {
    {.name = "model", .type = Type::kString, .doc = "That is asked for."},
    {.name = "prompt", .type = Type::kString, .doc = "As /v1/completions takes it."},
    {.name = "tokens",
     .type = Type::kInteger,
     .min = 1,
     .max = 4 << 20,
     .doc = "Instead of a prompt: one of that length that nobody has sent before."},
    {.name = "body",
     .type = Type::kString,
     .doc = "Instead of model and prompt: a whole JSON body."},
    {.name = "path",
     .type = Type::kString,
     .def = "/v1/chat/completions",
     .doc = "That the body is sent to."},
    {.name = "headers", .type = Type::kMap, .doc = "Of the request.", .items = &kText},
    {.name = "pool", .type = Type::kString, .doc = "namespace/name, when there are several."},
    {.name = "route", .type = Type::kString, .doc = "Envoy's route name."},
    {.name = "subset",
     .type = Type::kList,
     .doc = "Addresses, ip or ip:port, that the gateway allows; all when left out.",
     .items = &kName},
};
constexpr Field kRequest = {.fields = kRequestFields};

constexpr Field kExpectFields[] = {
    {.name = "endpoint", .type = Type::kString, .min = 1, .doc = "That every request goes to."},
    {.name = "anyOf",
     .type = Type::kList,
     .min = 1,
     .doc = "Every request goes to one of these.",
     .items = &kName},
    {.name = "noneOf",
     .type = Type::kList,
     .min = 1,
     .doc = "No request goes to one of these.",
     .items = &kName},
    {.name = "ranking",
     .type = Type::kList,
     .min = 1,
     .doc = "The candidates from the best total down, as far as listed; equal totals are no order.",
     .items = &kName},
    {.name = "distribution",
     .type = Type::kMap,
     .min = 1,
     .doc = "Shares of endpoints in `times` requests, 0 to 1.",
     .items = &kShare},
    {.name = "tolerance",
     .type = Type::kNumber,
     .min = 0,
     .max = 1,
     .doc = "Of each share; when left out, three standard deviations of that many requests."},
    {.name = "refused",
     .type = Type::kString,
     .min = 1,
     .doc = "The reason of a refusal, as NoEndpoints, or its HTTP status, as 503."},
    {.name = "findings",
     .type = Type::kList,
     .doc = "Codes or names that validate finds in the files, all of them; [] is none at all.",
     .items = &kName},
};

constexpr Field kCaseFields[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .doc = "Unique in the file."},
    {.name = "endpoints",
     .type = Type::kList,
     .doc = "In place of those of the test with the same names.",
     .items = &kServer},
    {.name = "before",
     .type = Type::kList,
     .doc = "Requests that were sent and have ended; prefixes are remembered.",
     .items = &kRequest},
    {.name = "request",
     .doc = "The request; a case of findings alone has none.",
     .fields = kRequestFields},
    {.name = "times",
     .type = Type::kInteger,
     .min = 1,
     .max = 1'000'000,
     .def = "1",
     .doc = "How often it is sent."},
    {.name = "atOnce",
     .type = Type::kBool,
     .def = "false",
     .doc = "Are all of them in flight together, between two metrics pages? Else each ends before "
            "the next."},
    {.name = "seed", .type = Type::kInteger, .min = 0, .def = "1", .doc = "Of the random numbers."},
    {.name = "expect", .required = true, .doc = "What must hold.", .fields = kExpectFields},
};
constexpr Field kCase = {.fields = kCaseFields};

constexpr Field kSpecFields[] = {
    {.name = "config",
     .type = Type::kString,
     .min = 1,
     .doc = "A DaemonConfig, with all that it names; relative to this file."},
    {.name = "manifests",
     .type = Type::kList,
     .max = 1024,
     .doc = "Files, folders and globs of manifests; relative to this file.",
     .items = &kName},
    {.name = "pickerConfig",
     .type = Type::kString,
     .min = 1,
     .doc = "An EndpointPickerConfig; relative to this file."},
    {.name = "endpoints",
     .type = Type::kList,
     .doc = "What the servers report; those left out are idle.",
     .items = &kServer},
    {.name = "cases",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .max = 10'000,
     .doc = "Each starts anew.",
     .items = &kCase},
};
constexpr Field kFields[] = {
    {.name = "spec",
     .required = true,
     .doc = "The fleet, and what is expected of it.",
     .fields = kSpecFields},
};

constexpr Kind kKinds[] = {
    {"inferenced.dev/v1alpha1", "RoutingTest", "routingtests", "", Use::kFile,
     "Unit tests of routing behaviour: given servers, configuration and a request, where does it "
     "go?",
     kFields},
};

}  // namespace

std::span<const Kind> TestKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
