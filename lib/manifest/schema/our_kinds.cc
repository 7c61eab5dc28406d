#include "manifest/schema/schema.h"
#include "manifest/schema/shared_fields.h"

// Kinds of our own group, but for the configuration files (configuration_kinds.cc).
namespace inference::manifest::schema {
namespace {

// --- EndpointSet ---

constexpr Field kPortNumber = {.type = Type::kInteger, .min = 1, .max = 65535};
constexpr Field kLabelValue = {.type = Type::kString, .max = 63, .format = Format::kLabelValue};
constexpr Field kAnnotation = {.type = Type::kString};
constexpr Field kEndpointFields[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .max = 253,
     .format = Format::kDnsSubdomain,
     .doc = "Unique in the set."},
    {.name = "address",
     .type = Type::kString,
     .format = Format::kIpAddress,
     .doc = "An IPv4 or IPv6 address, without port and brackets. Either this or dns."},
    {.name = "dns",
     .type = Type::kString,
     .format = Format::kHostName,
     .doc = "A host name; each of its addresses is an endpoint. Looked up again while running."},
    {.name = "ports",
     .type = Type::kList,
     .min = 1,
     .max = 64,
     .doc = "Ports of the model servers; those of the pool when left out. Each is an endpoint.",
     .items = &kPortNumber},
    {.name = "labels",
     .type = Type::kMap,
     .format = Format::kLabelKey,
     .doc = "What selectors see, beside the labels of the set; these win.",
     .items = &kLabelValue},
    {.name = "annotations", .type = Type::kMap, .doc = "Notes for people.", .items = &kAnnotation},
};
constexpr Field kEndpoint = {.fields = kEndpointFields};
constexpr Field kEndpointSetSpecFields[] = {
    {.name = "endpoints",
     .type = Type::kList,
     .required = true,
     .max = 10'000,
     .doc = "The model servers.",
     .items = &kEndpoint},
};
constexpr Field kEndpointSetFields[] = {
    {.name = "spec",
     .required = true,
     .doc = "Model servers by address or name.",
     .fields = kEndpointSetSpecFields},
};

// --- RolloutPlan ---

constexpr std::string_view kTargetKinds[] = {"InferenceModelRewrite", "InferenceModel",
                                             "HTTPRoute"};
constexpr Field kTargetFields[] = {
    {.name = "kind",
     .type = Type::kString,
     .required = true,
     .one_of = kTargetKinds,
     .doc = "What carries the weights."},
    NameField("Its name, in the plan's namespace."),
    {.name = "rule",
     .type = Type::kInteger,
     .min = 0,
     .def = "0",
     .doc = "Which of its rules, from 0."},
};
constexpr std::string_view kGates[] = {"manual"};
constexpr Field kStepFields[] = {
    {.name = "weight",
     .type = Type::kNumber,
     .min = 0,
     .max = 100,
     .doc = "The canary's part in percent. A step has a weight or a gate."},
    {.name = "hold", .type = Type::kDuration, .doc = "How long the step lasts at least."},
    {.name = "minRequests",
     .type = Type::kInteger,
     .min = 0,
     .doc = "Requests that the canary must have had before the next step."},
    {.name = "gate",
     .type = Type::kString,
     .one_of = kGates,
     .doc = "Waits until somebody promotes."},
    {.name = "message", .type = Type::kString, .max = 1024, .doc = "What a gate asks."},
};
constexpr Field kStep = {.fields = kStepFields};
constexpr Field kWord = {.type = Type::kString};
constexpr std::string_view kMetrics[] = {"error_rate", "ttft_seconds", "itl_seconds", "saturation"};
constexpr Field kCheckFields[] = {
    {.name = "metric",
     .type = Type::kString,
     .one_of = kMetrics,
     .doc = "A figure of ours: error_rate (0 to 1), ttft_seconds, itl_seconds, saturation."},
    {.name = "prometheus", .type = Type::kString, .doc = "A PromQL query with one value."},
    {.name = "exec",
     .type = Type::kList,
     .min = 1,
     .doc = "A program: 0 passes, 1 fails, 8 can't tell.",
     .items = &kWord},
    {.name = "quantile", .type = Type::kNumber, .min = 0, .max = 1, .doc = "Of a duration."},
    {.name = "max", .type = Type::kNumber, .doc = "Fails above."},
    {.name = "min", .type = Type::kNumber, .doc = "Fails below."},
    {.name = "maxRatioToStable",
     .type = Type::kNumber,
     .min = 0,
     .doc = "Fails when the canary's value is more than this many times the stable one's."},
    {.name = "consecutive",
     .type = Type::kInteger,
     .min = 1,
     .def = "1",
     .doc = "Failures in a row that count as one."},
    {.name = "timeout", .type = Type::kDuration, .doc = "Of a program or a query."},
};
constexpr Field kCheck = {.fields = kCheckFields};
constexpr Field kAnalysisFields[] = {
    {.name = "interval", .type = Type::kDuration, .def = "30s", .doc = "Time between two looks."},
    {.name = "warmup",
     .type = Type::kDuration,
     .def = "0s",
     .doc = "Not looked at after a change: caches are cold."},
    {.name = "checks", .type = Type::kList, .doc = "All of them must pass.", .items = &kCheck},
};
constexpr std::string_view kOnFail[] = {"rollback", "pause", "freeze"};
constexpr std::string_view kOnNoData[] = {"hold", "pass", "fail"};
constexpr std::string_view kOnConflict[] = {"freeze", "overwrite"};
constexpr Field kPlanFields[] = {
    {.name = "target",
     .required = true,
     .doc = "Whose weights are shifted.",
     .fields = kTargetFields},
    {.name = "stable",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .doc = "The target that has the requests now."},
    {.name = "canary",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .doc = "The target that is to have them."},
    {.name = "steps",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .max = 100,
     .doc = "Weights and gates, in order.",
     .items = &kStep},
    {.name = "analysis", .doc = "What is watched meanwhile.", .fields = kAnalysisFields},
    {.name = "onFail",
     .type = Type::kString,
     .one_of = kOnFail,
     .def = "rollback",
     .doc = "What happens when a check fails."},
    {.name = "onNoData",
     .type = Type::kString,
     .one_of = kOnNoData,
     .def = "hold",
     .doc = "What happens when a check can't tell."},
    {.name = "onConflict",
     .type = Type::kString,
     .one_of = kOnConflict,
     .def = "freeze",
     .doc = "What happens when somebody else changes the weights."},
};

constexpr Kind kKinds[] = {
    {"inferenced.dev/v1alpha1", "EndpointSet", "endpointsets", "eps", Use::kPicker,
     "Model servers that run outside Kubernetes. Pools select them by their labels.",
     kEndpointSetFields},
    {"inferenced.dev/v1alpha1", "RolloutPlan", "rolloutplans", "ro", Use::kFile,
     "The steps by which requests move from one target to another.", kPlanFields},
};

}  // namespace

std::span<const Kind> OurKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
