#pragma once

#include "manifest/schema/schema.h"

// Parts that several kinds have in common.
namespace inference::manifest::schema {

// The three fields of every reference, with what differs.
constexpr Field GroupField(std::string_view def, std::string_view doc = {}) {
  return {.name = "group",
          .type = Type::kString,
          .max = 253,
          .format = Format::kGroup,
          .def = def,
          .doc = doc};
}
constexpr Field KindField(std::string_view def, std::string_view doc = {}) {
  return {.name = "kind",
          .type = Type::kString,
          .min = 1,
          .max = 63,
          .format = Format::kKind,
          .def = def,
          .doc = doc};
}
constexpr Field NameField(std::string_view doc = {}) {
  return {
      .name = "name", .type = Type::kString, .required = true, .min = 1, .max = 253, .doc = doc};
}

/// metav1.Condition.
inline constexpr std::string_view kConditionStatus[] = {"True", "False", "Unknown"};
inline constexpr Field kConditionFields[] = {
    {.name = "type", .type = Type::kString, .required = true, .max = 316},
    {.name = "status", .type = Type::kString, .required = true, .one_of = kConditionStatus},
    {.name = "reason", .type = Type::kString, .required = true, .min = 1, .max = 1024},
    {.name = "message", .type = Type::kString, .required = true, .max = 32768},
    {.name = "lastTransitionTime", .type = Type::kAny, .required = true},
    {.name = "observedGeneration", .type = Type::kInteger, .min = 0},
};
inline constexpr Field kConditionItem = {.fields = kConditionFields};
inline constexpr Field kConditionsFields[] = {
    {.name = "conditions", .type = Type::kList, .max = 8, .items = &kConditionItem},
};

/// A status' reference to the Gateway that took on a pool.
inline constexpr Field kParentRefFields[] = {
    GroupField("gateway.networking.k8s.io"),
    KindField("Gateway"),
    NameField(),
    {.name = "namespace", .type = Type::kString, .min = 1, .max = 63, .format = Format::kNamespace},
};

/// A reference to a pool of the same namespace.
inline constexpr Field kPoolRefFields[] = {
    GroupField("inference.networking.k8s.io", "API group of the pool."),
    KindField("InferencePool", "Kind of the pool."),
    NameField("Name of the pool, in the same namespace."),
};

}  // namespace inference::manifest::schema
