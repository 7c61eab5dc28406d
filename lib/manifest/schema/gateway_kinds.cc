#include "manifest/schema/schema.h"
#include "manifest/schema/shared_fields.h"

// Kinds of the Gateway API, as far as references to pools are concerned: what isn't listed here is
// the gateway's business and not judged.
namespace inference::manifest::schema {
namespace {

constexpr Field kBackendRefFields[] = {
    GroupField("\"\"", "API group; inference.networking.k8s.io for an InferencePool."),
    KindField("Service", "Kind of the backend, such as InferencePool."),
    NameField("Name of the backend."),
    {.name = "namespace",
     .type = Type::kString,
     .min = 1,
     .max = 63,
     .format = Format::kNamespace,
     .doc = "Its namespace; the route's when it is left out. Another one needs a ReferenceGrant."},
    {.name = "port",
     .type = Type::kInteger,
     .min = 1,
     .max = 65535,
     .doc = "Required for a Service, ignored for an InferencePool."},
    {.name = "weight",
     .type = Type::kInteger,
     .min = 0,
     .max = 1'000'000,
     .def = "1",
     .doc = "This backend's part of the sum of all weights; 0 sends it nothing."},
    {.name = "filters", .type = Type::kAny, .doc = "Filters for this backend alone."},
};
constexpr Field kBackendRef = {.fields = kBackendRefFields};

constexpr Field kRouteRuleFields[] = {
    {.name = "backendRefs",
     .type = Type::kList,
     .max = 16,
     .doc = "Where requests go, by weight.",
     .items = &kBackendRef},
};
constexpr Field kRouteRule = {.fields = kRouteRuleFields, .open = true};

constexpr Field kRouteParentFields[] = {
    GroupField("gateway.networking.k8s.io"),
    KindField("Gateway"),
    {.name = "namespace", .type = Type::kString, .min = 1, .max = 63, .format = Format::kNamespace},
    NameField(),
    {.name = "sectionName", .type = Type::kString, .min = 1, .max = 253},
    {.name = "port", .type = Type::kInteger, .min = 1, .max = 65535},
};
constexpr Field kRouteParent = {.fields = kRouteParentFields};
constexpr Field kRouteSpecFields[] = {
    {.name = "parentRefs",
     .type = Type::kList,
     .max = 32,
     .doc = "Gateways that the route belongs to.",
     .items = &kRouteParent},
    {.name = "hostnames", .type = Type::kAny, .doc = "Host names that the route is for."},
    {.name = "rules",
     .type = Type::kList,
     .min = 1,
     .max = 16,
     .doc = "Matches and backends.",
     .items = &kRouteRule},
};
constexpr Field kRouteFields[] = {
    {.name = "spec",
     .required = true,
     .doc = "Which requests go to which backends.",
     .fields = kRouteSpecFields,
     .open = true},
    {.name = "status", .type = Type::kAny, .doc = "Written by controllers."},
};

constexpr Field kGatewaySpecFields[] = {
    {.name = "gatewayClassName",
     .type = Type::kString,
     .required = true,
     .min = 1,
     .max = 253,
     .doc = "The class, and with it the implementation."},
};
constexpr Field kGatewayFields[] = {
    {.name = "spec",
     .required = true,
     .doc = "Listeners and their class.",
     .fields = kGatewaySpecFields,
     .open = true},
    {.name = "status", .type = Type::kAny, .doc = "Written by controllers."},
};

constexpr Field kGrantFromFields[] = {
    {.name = "group", .type = Type::kString, .required = true, .max = 253},
    {.name = "kind", .type = Type::kString, .required = true, .min = 1, .max = 63},
    {.name = "namespace", .type = Type::kString, .required = true, .min = 1, .max = 63},
};
constexpr Field kGrantToFields[] = {
    {.name = "group", .type = Type::kString, .required = true, .max = 253},
    {.name = "kind", .type = Type::kString, .required = true, .min = 1, .max = 63},
    {.name = "name", .type = Type::kString, .min = 1, .max = 253},
};
constexpr Field kGrantFrom = {.fields = kGrantFromFields};
constexpr Field kGrantTo = {.fields = kGrantToFields};
constexpr Field kGrantSpecFields[] = {
    {.name = "from",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .max = 16,
     .doc = "Who may refer.",
     .items = &kGrantFrom},
    {.name = "to",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .max = 16,
     .doc = "To what, in this object's namespace.",
     .items = &kGrantTo},
};
constexpr Field kGrantFields[] = {
    {.name = "spec", .required = true, .doc = "Who may refer to what.", .fields = kGrantSpecFields},
};

constexpr std::string_view kRouteDoc = "Sends requests of a Gateway to backends.";
constexpr std::string_view kGatewayDoc = "A proxy with its listeners.";
constexpr std::string_view kGrantDoc = "Lets routes of one namespace refer to objects of another.";

constexpr Kind kKinds[] = {
    {"gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", "", Use::kReference, kRouteDoc,
     kRouteFields},
    {"gateway.networking.k8s.io/v1beta1", "HTTPRoute", "httproutes", "", Use::kReference, kRouteDoc,
     kRouteFields},
    {"gateway.networking.k8s.io/v1", "GRPCRoute", "grpcroutes", "", Use::kReference, kRouteDoc,
     kRouteFields},
    {"gateway.networking.k8s.io/v1", "Gateway", "gateways", "gtw", Use::kReference, kGatewayDoc,
     kGatewayFields},
    {"gateway.networking.k8s.io/v1beta1", "Gateway", "gateways", "gtw", Use::kReference,
     kGatewayDoc, kGatewayFields},
    {"gateway.networking.k8s.io/v1", "ReferenceGrant", "referencegrants", "refgrant",
     Use::kReference, kGrantDoc, kGrantFields},
    {"gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "referencegrants", "refgrant",
     Use::kReference, kGrantDoc, kGrantFields},
};

}  // namespace

std::span<const Kind> GatewayKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
