#include "api/codes.h"
#include "manifest/schema/schema.h"
#include "manifest/schema/shared_fields.h"

// The current kinds of the Gateway API Inference Extension and of llm-d: fields and ranges as in
// their CRDs.
namespace inference::manifest::schema {
namespace {

// --- InferencePool, inference.networking.k8s.io/v1 ---

constexpr std::string_view kAppProtocols[] = {"http", "kubernetes.io/h2c"};
constexpr std::string_view kFailureModes[] = {"FailOpen", "FailClose"};

constexpr Field kPortFields[] = {
    {.name = "number",
     .type = Type::kInteger,
     .required = true,
     .min = 1,
     .max = 65535,
     .doc = "The port's number."},
};
constexpr Field kTargetPortFields[] = {
    {.name = "number",
     .type = Type::kInteger,
     .required = true,
     .min = 1,
     .max = 65535,
     .range_code = api::codes::kTargetPorts,
     .doc = "The port's number."},
};
constexpr Field kTargetPort = {.fields = kTargetPortFields};

constexpr Field kLabelValue = {.type = Type::kString, .max = 63, .format = Format::kLabelValue};

constexpr Field kSelectorFields[] = {
    {.name = "matchLabels",
     .type = Type::kMap,
     .required = true,
     .min = 1,
     .max = 64,
     .format = Format::kLabelKey,
     .doc = "Labels that a pod (in file mode: an endpoint of an EndpointSet) must all have.",
     .items = &kLabelValue},
};

constexpr Field kPickerRefFields[] = {
    GroupField("\"\"", "API group of the picker; empty for the core group of a Service."),
    KindField("Service", "Kind of the picker. A Service of type ExternalName is not allowed."),
    NameField("Name of the picker, in the pool's namespace."),
    {.name = "port",
     .doc = "Where the picker serves ext_proc. Required for a Service.",
     .fields = kPortFields},
    {.name = "failureMode",
     .type = Type::kString,
     .one_of = kFailureModes,
     .def = "FailClose",
     .doc = "What the gateway does while it can't reach the picker: FailClose drops requests, "
            "FailOpen sends them to an endpoint of its own choice."},
};

constexpr Field kParentStatusFields[] = {
    {.name = "conditions", .type = Type::kList, .max = 8, .items = &kConditionItem},
    {.name = "parentRef", .required = true, .fields = kParentRefFields},
    {.name = "controllerName",
     .type = Type::kString,
     .min = 1,
     .max = 253,
     .format = Format::kControllerName,
     .since = "1.1"},
};
constexpr Field kParentStatus = {.fields = kParentStatusFields};
constexpr Field kPoolStatusFields[] = {
    {.name = "parents", .type = Type::kList, .max = 32, .items = &kParentStatus},
};

constexpr Field kPoolSpecFields[] = {
    {.name = "selector",
     .required = true,
     .doc = "Which pods, of the pool's own namespace, belong to the pool.",
     .fields = kSelectorFields},
    {.name = "targetPorts",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .max = 8,
     .range_code = api::codes::kTargetPorts,
     .doc = "Ports of the model servers. Each port of a pod is an endpoint of its own.",
     .items = &kTargetPort},
    {.name = "appProtocol",
     .type = Type::kString,
     .one_of = kAppProtocols,
     .def = "http",
     .doc = "What the model servers speak: HTTP/1.1, or HTTP/2 without TLS.",
     .since = "1.4"},
    {.name = "endpointPickerRef",
     .doc = "The picker that the gateway asks. Required before release 1.6.",
     .fields = kPickerRefFields},
};
constexpr Field kPoolFields[] = {
    {.name = "spec",
     .required = true,
     .doc = "What the pool consists of and who picks from it.",
     .fields = kPoolSpecFields},
    {.name = "status", .doc = "Written by controllers.", .fields = kPoolStatusFields},
};

// --- InferenceObjective ---

constexpr Field kObjectiveSpecFields[] = {
    {.name = "priority",
     .type = Type::kInteger,
     .min = std::numeric_limits<int32_t>::min(),
     .max = std::numeric_limits<int32_t>::max(),
     .def = "0",
     .doc = "Higher is served first. Requests below 0 are shed when the pool is saturated."},
    {.name = "poolRef",
     .required = true,
     .doc = "The pool that the objective is for.",
     .fields = kPoolRefFields},
};
constexpr Field kObjectiveFields[] = {
    {.name = "spec",
     .doc = "How urgent requests are that name this objective.",
     .fields = kObjectiveSpecFields},
    {.name = "status", .doc = "Written by controllers.", .fields = kConditionsFields},
};

// --- InferenceModelRewrite ---

constexpr std::string_view kMatchTypes[] = {"Exact"};
constexpr Field kModelMatchFields[] = {
    {.name = "type",
     .type = Type::kString,
     .one_of = kMatchTypes,
     .def = "Exact",
     .doc = "How value is compared."},
    {.name = "value",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .doc = "The model's name as the client wrote it."},
};
constexpr Field kMatchFields[] = {
    {.name = "model",
     .required = true,
     .doc = "Compares the request's model.",
     .fields = kModelMatchFields},
};
constexpr Field kMatch = {.fields = kMatchFields};
constexpr Field kTargetFields[] = {
    {.name = "modelRewrite",
     .type = Type::kString,
     .required = true,
     .doc = "The model's name that the server gets."},
    {.name = "weight",
     .type = Type::kInteger,
     .min = 1,
     .max = 1'000'000,
     .range_code = api::codes::kTargetWeight,
     .doc = "This target's part of the sum of all weights. All targets have one, or none has: then "
            "all parts are equal."},
};
constexpr Field kTarget = {.fields = kTargetFields};
constexpr Field kRuleFields[] = {
    {.name = "matches",
     .type = Type::kList,
     .doc = "One of them has to fit. Without any, the rule fits every request.",
     .items = &kMatch},
    {.name = "targets",
     .type = Type::kList,
     .min = 1,
     .doc = "What the model becomes, by weight.",
     .items = &kTarget,
     .since = "1.3"},
    {.name = "split",
     .type = Type::kList,
     .min = 1,
     .doc = "The name that targets had in release 1.2.",
     .items = &kTarget,
     .since = "1.2",
     .until = "1.2"},
};
constexpr Field kRule = {.fields = kRuleFields};
constexpr Field kRewriteSpecFields[] = {
    {.name = "poolRef",
     .required = true,
     .doc = "The pool whose requests are rewritten.",
     .fields = kPoolRefFields},
    {.name = "rules",
     .type = Type::kList,
     .required = true,
     .doc = "Exact matches win over rules without matches; then the oldest object, then the order "
            "in this list.",
     .items = &kRule},
};
constexpr Field kRewriteFields[] = {
    {.name = "spec", .doc = "Which models become which.", .fields = kRewriteSpecFields},
    {.name = "status", .doc = "Written by controllers.", .fields = kConditionsFields},
};

// --- InferencePoolImport ---

constexpr Field kClusterFields[] = {
    NameField(),
};
constexpr Field kCluster = {.fields = kClusterFields};
constexpr Field kImportParentFields[] = {
    {.name = "conditions", .type = Type::kList, .max = 8, .items = &kConditionItem},
    {.name = "controllerName",
     .type = Type::kString,
     .min = 1,
     .max = 253,
     .format = Format::kControllerName},
    {.name = "parentRef", .required = true, .fields = kParentRefFields},
};
constexpr Field kImportParent = {.fields = kImportParentFields};
constexpr Field kControllerFields[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .format = Format::kControllerName},
    {.name = "conditions", .type = Type::kList, .max = 8, .items = &kConditionItem},
    {.name = "exportingClusters", .type = Type::kList, .items = &kCluster},
    {.name = "parents", .type = Type::kList, .items = &kImportParent},
};
constexpr Field kController = {.fields = kControllerFields};
constexpr Field kImportStatusFields[] = {
    {.name = "controllers", .type = Type::kList, .required = true, .max = 8, .items = &kController},
};
constexpr Field kImportFields[] = {
    {.name = "status",
     .doc = "Written by controllers; the kind has nothing else.",
     .fields = kImportStatusFields},
};

constexpr std::string_view kObjectiveDoc =
    "The priority of requests that name it in the header x-gateway-inference-objective.";
constexpr std::string_view kRewriteDoc =
    "Renames the model of requests, also to several models by weight.";

constexpr Kind kKinds[] = {
    {"inference.networking.k8s.io/v1", "InferencePool", "inferencepools", "infpool", Use::kPicker,
     "A set of model servers that serve the same models, and the picker that chooses among them.",
     kPoolFields},
    {"llm-d.ai/v1alpha2", "InferenceObjective", "inferenceobjectives", "", Use::kPicker,
     kObjectiveDoc, kObjectiveFields},
    {"inference.networking.x-k8s.io/v1alpha2", "InferenceObjective", "inferenceobjectives", "",
     Use::kPicker, kObjectiveDoc, kObjectiveFields, true, "1.6",
     "llm-d.ai/v1alpha2 InferenceObjective"},
    {"llm-d.ai/v1alpha2", "InferenceModelRewrite", "inferencemodelrewrites", "", Use::kPicker,
     kRewriteDoc, kRewriteFields},
    {"inference.networking.x-k8s.io/v1alpha2", "InferenceModelRewrite", "inferencemodelrewrites",
     "", Use::kPicker, kRewriteDoc, kRewriteFields, true, "1.6",
     "llm-d.ai/v1alpha2 InferenceModelRewrite"},
    {"inference.networking.x-k8s.io/v1alpha1", "InferencePoolImport", "inferencepoolimports",
     "infpimp", Use::kReference, "A pool that another cluster exports.", kImportFields},
};

}  // namespace

std::span<const Kind> InferenceKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
