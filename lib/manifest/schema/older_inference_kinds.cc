#include "api/codes.h"
#include "manifest/schema/schema.h"
#include "manifest/schema/shared_fields.h"

// Kinds and versions that upstream has withdrawn. They are read so that `convert` can carry them
// over.
namespace inference::manifest::schema {
namespace {

constexpr std::string_view kFailureModes[] = {"FailOpen", "FailClose"};
constexpr Field kLabelValue = {.type = Type::kString, .max = 63, .format = Format::kLabelValue};
constexpr std::string_view kSelectorDoc =
    "Labels that a pod of the pool's namespace must all have.";

// --- InferencePool v1alpha2 (0.2 to 1.4) ---

constexpr Field kExtensionFields2[] = {
    GroupField("\"\"", "API group of the picker; empty for the core group of a Service."),
    KindField("Service", "Kind of the picker."),
    NameField("Name of the picker, in the pool's namespace."),
    {.name = "portNumber",
     .type = Type::kInteger,
     .min = 1,
     .max = 65535,
     .doc = "Where the picker serves ext_proc; 9002 is meant when it is left out."},
    {.name = "failureMode",
     .type = Type::kString,
     .one_of = kFailureModes,
     .def = "FailClose",
     .doc = "What the gateway does while it can't reach the picker."},
};
constexpr Field kPoolStatusItemFields[] = {
    {.name = "conditions", .type = Type::kList, .max = 8, .items = &kConditionItem},
    {.name = "parentRef", .required = true, .fields = kParentRefFields, .open = true},
};
constexpr Field kPoolStatusItem = {.fields = kPoolStatusItemFields};
constexpr Field kPoolStatusFields2[] = {
    {.name = "parent", .type = Type::kList, .max = 32, .items = &kPoolStatusItem},
};
constexpr Field kPoolSpecFields2[] = {
    {.name = "selector",
     .type = Type::kMap,
     .required = true,
     .format = Format::kLabelKey,
     .doc = kSelectorDoc,
     .items = &kLabelValue},
    {.name = "targetPortNumber",
     .type = Type::kInteger,
     .required = true,
     .min = 1,
     .max = 65535,
     .range_code = api::codes::kTargetPorts,
     .doc = "Port of the model servers."},
    {.name = "extensionRef",
     .required = true,
     .doc = "The picker that the gateway asks.",
     .fields = kExtensionFields2},
};
constexpr Field kPoolFields2[] = {
    {.name = "spec",
     .doc = "What the pool consists of and who picks from it.",
     .fields = kPoolSpecFields2},
    {.name = "status", .doc = "Written by controllers.", .fields = kPoolStatusFields2},
};

// --- InferencePool v1alpha1 (0.1) ---

constexpr Field kExtensionFields1[] = {
    {.name = "group",
     .type = Type::kString,
     .def = "\"\"",
     .doc = "API group of the picker; empty for the core group of a Service."},
    {.name = "kind", .type = Type::kString, .def = "Service", .doc = "Kind of the picker."},
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .doc = "Name of the picker, in the pool's namespace."},
    {.name = "targetPortNumber",
     .type = Type::kInteger,
     .min = 1,
     .max = 65535,
     .doc = "Where the picker serves ext_proc; 9002 is meant when it is left out."},
    {.name = "failureMode",
     .type = Type::kString,
     .one_of = kFailureModes,
     .def = "FailClose",
     .doc = "What the gateway does while it can't reach the picker."},
};
constexpr Field kPoolSpecFields1[] = {
    {.name = "selector",
     .type = Type::kMap,
     .required = true,
     .format = Format::kLabelKey,
     .doc = kSelectorDoc,
     .items = &kLabelValue},
    {.name = "targetPortNumber",
     .type = Type::kInteger,
     .required = true,
     .min = 1,
     .max = 65535,
     .range_code = api::codes::kTargetPorts,
     .doc = "Port of the model servers."},
    {.name = "extensionRef",
     .required = true,
     .doc = "The picker that the gateway asks.",
     .fields = kExtensionFields1},
};
constexpr Field kPoolFields1[] = {
    {.name = "spec",
     .doc = "What the pool consists of and who picks from it.",
     .fields = kPoolSpecFields1},
    {.name = "status", .doc = "Written by controllers.", .fields = kConditionsFields},
};

// --- InferenceModel ---

constexpr std::string_view kCriticalities[] = {"Critical", "Standard", "Sheddable"};

constexpr Field kModelPoolRefFields[] = {
    GroupField("inference.networking.x-k8s.io", "API group of the pool."),
    KindField("InferencePool", "Kind of the pool."),
    NameField("Name of the pool, in the same namespace."),
};

constexpr std::string_view kWeightDoc =
    "This target's part of the sum of all weights. All targets have one, or none has.";
constexpr Field kTargetModelFields2[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .max = 253,
     .doc = "The model's name that the server gets."},
    {.name = "weight",
     .type = Type::kInteger,
     .min = 1,
     .max = 1'000'000,
     .range_code = api::codes::kTargetWeight,
     .doc = kWeightDoc},
};
constexpr Field kTargetModelFields1[] = {
    {.name = "name",
     .type = Type::kString,
     .required = true,
     .max = 253,
     .doc = "The model's name that the server gets."},
    {.name = "weight",
     .type = Type::kInteger,
     .min = 0,
     .max = 1'000'000,
     .range_code = api::codes::kTargetWeight,
     .doc = kWeightDoc},
};
constexpr Field kTargetModel2 = {.fields = kTargetModelFields2};
constexpr Field kTargetModel1 = {.fields = kTargetModelFields1};

constexpr std::string_view kModelNameDoc =
    "The model's name as clients write it; one object of a pool may have it.";
constexpr Field ModelName(bool immutable) {
  return {.name = "modelName",
          .type = Type::kString,
          .required = true,
          .max = 256,
          .doc = kModelNameDoc,
          .immutable = immutable};
}
constexpr Field Criticality() {
  return {.name = "criticality",
          .type = Type::kString,
          .one_of = kCriticalities,
          .doc =
              "Critical is always served; the others are shed when the pool is saturated, "
              "Sheddable first. Standard is meant when it is left out."};
}
constexpr Field ModelPoolRef() {
  return {.name = "poolRef",
          .required = true,
          .doc = "The pool that serves the model.",
          .fields = kModelPoolRefFields};
}
constexpr Field TargetModels(const Field* item) {
  return {.name = "targetModels",
          .type = Type::kList,
          .max = 10,
          .doc = "What the model becomes, by weight; itself when it is left out.",
          .items = item};
}
constexpr Field kModelSpecFields2[] = {ModelName(true), Criticality(), ModelPoolRef(),
                                       TargetModels(&kTargetModel2)};
constexpr Field kModelSpecFields1[] = {ModelName(false), Criticality(), ModelPoolRef(),
                                       TargetModels(&kTargetModel1)};
constexpr std::string_view kModelSpecDoc = "A model's name, its urgency, and what it stands for.";
constexpr Field kModelFields2[] = {
    {.name = "spec", .doc = kModelSpecDoc, .fields = kModelSpecFields2},
    {.name = "status", .doc = "Written by controllers.", .fields = kConditionsFields},
};
constexpr Field kModelFields1[] = {
    {.name = "spec", .doc = kModelSpecDoc, .fields = kModelSpecFields1},
    {.name = "status", .doc = "Written by controllers.", .fields = kConditionsFields},
};

constexpr std::string_view kPoolDoc = "An older form of InferencePool.";
constexpr std::string_view kModelDoc =
    "A model's name in requests, with its urgency and the models that it stands for by weight.";
constexpr std::string_view kPoolSuccessor = "inference.networking.k8s.io/v1 InferencePool";
constexpr std::string_view kModelSuccessor =
    "llm-d.ai/v1alpha2 InferenceObjective and InferenceModelRewrite";

constexpr Kind kKinds[] = {
    {"inference.networking.x-k8s.io/v1alpha2", "InferencePool", "inferencepools", "xinfpool",
     Use::kConvert, kPoolDoc, kPoolFields2, true, "1.5", kPoolSuccessor},
    {"inference.networking.x-k8s.io/v1alpha1", "InferencePool", "inferencepools", "", Use::kConvert,
     kPoolDoc, kPoolFields1, true, "0.2", kPoolSuccessor},
    {"inference.networking.x-k8s.io/v1alpha2", "InferenceModel", "inferencemodels", "",
     Use::kConvert, kModelDoc, kModelFields2, true, "1.0", kModelSuccessor},
    {"inference.networking.x-k8s.io/v1alpha1", "InferenceModel", "inferencemodels", "",
     Use::kConvert, kModelDoc, kModelFields1, true, "0.2", kModelSuccessor},
};

}  // namespace

std::span<const Kind> OlderInferenceKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
