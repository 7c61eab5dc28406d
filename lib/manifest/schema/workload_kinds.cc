#include "manifest/schema/schema.h"

// Kinds of Kubernetes itself, as far as pools have to do with them: labels, ports, probes and grace
// periods. What isn't listed here is not judged.
namespace inference::manifest::schema {
namespace {

constexpr Field kContainerPortFields[] = {
    {.name = "containerPort",
     .type = Type::kInteger,
     .required = true,
     .min = 1,
     .max = 65535,
     .doc = "A port that the container listens on."},
    {.name = "name", .type = Type::kString, .min = 1, .max = 15},
};
constexpr Field kContainerPort = {.fields = kContainerPortFields, .open = true};
constexpr Field kText = {.type = Type::kString};

constexpr Field kProbeFields[] = {
    {.name = "periodSeconds", .type = Type::kInteger, .min = 1},
    {.name = "failureThreshold", .type = Type::kInteger, .min = 1},
};
constexpr Field kSleepFields[] = {
    {.name = "seconds", .type = Type::kInteger, .required = true, .min = 0},
};
constexpr Field kPreStopFields[] = {
    {.name = "sleep", .fields = kSleepFields},
};
constexpr Field kLifecycleFields[] = {
    {.name = "preStop",
     .doc = "What runs before the container is told to stop.",
     .fields = kPreStopFields,
     .open = true},
};
constexpr Field kContainerFields[] = {
    {.name = "name", .type = Type::kString, .required = true, .min = 1, .max = 63},
    {.name = "image", .type = Type::kString},
    {.name = "command", .type = Type::kList, .items = &kText},
    {.name = "args", .type = Type::kList, .items = &kText},
    {.name = "ports", .type = Type::kList, .items = &kContainerPort},
    {.name = "readinessProbe",
     .doc = "When the pod takes requests.",
     .fields = kProbeFields,
     .open = true},
    {.name = "lifecycle", .fields = kLifecycleFields, .open = true},
};
constexpr Field kContainer = {.fields = kContainerFields, .open = true};

constexpr Field kPodSpecFields[] = {
    {.name = "containers",
     .type = Type::kList,
     .required = true,
     .min = 1,
     .doc = "The pod's containers.",
     .items = &kContainer},
    {.name = "initContainers", .type = Type::kList, .items = &kContainer},
    {.name = "terminationGracePeriodSeconds",
     .type = Type::kInteger,
     .min = 0,
     .def = "30",
     .doc = "How long a pod may take to stop before it is killed."},
    {.name = "hostNetwork", .type = Type::kBool},
};
constexpr Field kPodFields[] = {
    {.name = "spec", .required = true, .fields = kPodSpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};

constexpr Field kLabel = {.type = Type::kString, .max = 63, .format = Format::kLabelValue};
constexpr Field kTemplateMetaFields[] = {
    {.name = "labels", .type = Type::kMap, .format = Format::kLabelKey, .items = &kLabel},
};
constexpr Field kTemplateFields[] = {
    {.name = "metadata", .fields = kTemplateMetaFields, .open = true},
    {.name = "spec", .required = true, .fields = kPodSpecFields, .open = true},
};
constexpr Field kLabelSelectorFields[] = {
    {.name = "matchLabels", .type = Type::kMap, .format = Format::kLabelKey, .items = &kLabel},
    {.name = "matchExpressions", .type = Type::kAny},
};
constexpr Field kWorkloadSpecFields[] = {
    {.name = "replicas", .type = Type::kInteger, .min = 0, .def = "1"},
    {.name = "selector",
     .doc = "The pods that are this object's; their template has to have the labels.",
     .fields = kLabelSelectorFields,
     .open = true,
     .immutable = true},
    {.name = "template", .required = true, .fields = kTemplateFields, .open = true},
};
constexpr Field kWorkloadFields[] = {
    {.name = "spec", .required = true, .fields = kWorkloadSpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};

constexpr Field kLeaderWorkerFields[] = {
    {.name = "leaderTemplate", .fields = kTemplateFields, .open = true},
    {.name = "workerTemplate", .required = true, .fields = kTemplateFields, .open = true},
    {.name = "size", .type = Type::kInteger, .min = 1},
};
constexpr Field kLeaderWorkerSpecFields[] = {
    {.name = "replicas", .type = Type::kInteger, .min = 0, .def = "1"},
    {.name = "leaderWorkerTemplate", .required = true, .fields = kLeaderWorkerFields, .open = true},
};
constexpr Field kLeaderWorkerSetFields[] = {
    {.name = "spec", .required = true, .fields = kLeaderWorkerSpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};

constexpr Field kServicePortFields[] = {
    {.name = "name", .type = Type::kString},
    {.name = "port", .type = Type::kInteger, .required = true, .min = 1, .max = 65535},
    {.name = "targetPort", .type = Type::kIntOrString},
    {.name = "appProtocol", .type = Type::kString},
};
constexpr Field kServicePort = {.fields = kServicePortFields, .open = true};
constexpr std::string_view kServiceTypes[] = {"ClusterIP", "NodePort", "LoadBalancer",
                                              "ExternalName"};
constexpr Field kServiceSpecFields[] = {
    {.name = "type", .type = Type::kString, .one_of = kServiceTypes, .def = "ClusterIP"},
    {.name = "selector", .type = Type::kMap, .format = Format::kLabelKey, .items = &kLabel},
    {.name = "ports", .type = Type::kList, .items = &kServicePort},
    {.name = "externalName", .type = Type::kString},
};
constexpr Field kServiceFields[] = {
    {.name = "spec", .required = true, .fields = kServiceSpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};

constexpr Field kBudgetSpecFields[] = {
    {.name = "selector", .fields = kLabelSelectorFields, .open = true},
};
constexpr Field kBudgetFields[] = {
    {.name = "spec", .required = true, .fields = kBudgetSpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};
constexpr Field kPolicySpecFields[] = {
    {.name = "podSelector", .required = true, .fields = kLabelSelectorFields, .open = true},
};
constexpr Field kPolicyFields[] = {
    {.name = "spec", .required = true, .fields = kPolicySpecFields, .open = true},
    {.name = "status", .type = Type::kAny},
};

constexpr Field kConfigMapFields[] = {
    {.name = "data", .type = Type::kMap, .doc = "Texts, often files.", .items = &kText},
    {.name = "binaryData", .type = Type::kMap, .doc = "Bytes in base64.", .items = &kText},
    {.name = "immutable", .type = Type::kBool, .def = "false"},
};

constexpr Kind kKinds[] = {
    {"v1", "Pod", "pods", "po", Use::kReference, "Containers that run together.", kPodFields},
    {"v1", "Service", "services", "svc", Use::kReference, "A name and ports for a set of pods.",
     kServiceFields},
    {"apps/v1", "Deployment", "deployments", "deploy", Use::kReference,
     "Pods that are replaced one by one.", kWorkloadFields},
    {"apps/v1", "StatefulSet", "statefulsets", "sts", Use::kReference, "Pods with fixed names.",
     kWorkloadFields},
    {"apps/v1", "DaemonSet", "daemonsets", "ds", Use::kReference, "One pod per node.",
     kWorkloadFields},
    {"apps/v1", "ReplicaSet", "replicasets", "rs", Use::kReference, "A number of equal pods.",
     kWorkloadFields},
    {"leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "leaderworkersets", "lws", Use::kReference,
     "Groups of pods that serve one model together.", kLeaderWorkerSetFields},
    {"v1", "ConfigMap", "configmaps", "cm", Use::kReference,
     "Texts for pods, such as a picker's configuration, which is checked where it stands.",
     kConfigMapFields},
    {"policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", Use::kReference,
     "How many pods may be evicted at once.", kBudgetFields},
    {"networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "netpol", Use::kReference,
     "Who may connect to pods.", kPolicyFields},
};

}  // namespace

std::span<const Kind> WorkloadKinds() {
  return kKinds;
}

}  // namespace inference::manifest::schema
