#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"

namespace inference::manifest {
namespace {

namespace codes = api::codes;

constexpr std::string_view kXGroup = "inference.networking.x-k8s.io";

struct KnownKind {
  std::string_view group;  // a prefix of apiVersion; empty: any
  std::string_view kind;
  std::string_view advice;
};

// Kinds that people have in the same folders. The advice says what to do with them here.
constexpr auto kKnownKinds = std::to_array<KnownKind>({
    {kOurApiVersion, "DaemonConfig",
     "give it to inferenced with --config, not among the manifests"},
    {"", "EndpointPickerConfig", "name the file with pickerConfig in the DaemonConfig"},
    {"inference.networking.x-k8s.io/v1alpha1", "InferencePool",
     "write it as inference.networking.k8s.io/v1"},
    {kXGroup, "InferencePool",
     "write it as inference.networking.k8s.io/v1: selector becomes selector.matchLabels, "
     "targetPortNumber becomes targetPorts, extensionRef becomes endpointPickerRef"},
    {"", "InferencePoolImport", "other clusters are not followed; remove it from the manifests"},
    {"", "GRPCRoute", "the gateway acts on it; keep it out of these manifests"},
    {"", "Gateway", "the gateway acts on it; keep it out of these manifests"},
    {"", "GatewayClass", "the gateway acts on it; keep it out of these manifests"},
    {"", "ReferenceGrant", "the gateway acts on it; keep it out of these manifests"},
    {"", "Pod", "in file mode endpoints are listed in an EndpointSet"},
    {"", "Deployment", "in file mode endpoints are listed in an EndpointSet"},
    {"", "StatefulSet", "in file mode endpoints are listed in an EndpointSet"},
    {"", "DaemonSet", "in file mode endpoints are listed in an EndpointSet"},
    {"", "LeaderWorkerSet", "in file mode endpoints are listed in an EndpointSet"},
    {"", "Service", "in file mode endpoints are listed in an EndpointSet"},
    {"", "ConfigMap", "keep it out of these manifests"},
    {"", "Secret", "keep it out of these manifests"},
    {"", "Namespace", "keep it out of these manifests"},
    {"", "ServiceAccount", "keep it out of these manifests"},
    {"", "Role", "keep it out of these manifests"},
    {"", "RoleBinding", "keep it out of these manifests"},
    {"", "ClusterRole", "keep it out of these manifests"},
    {"", "ClusterRoleBinding", "keep it out of these manifests"},
    {"", "CustomResourceDefinition", "keep it out of these manifests"},
    {"", "Kustomization", "keep it out of these manifests"},
});

struct Expected {
  std::string_view kind, api_version;
};
// The first of a kind is the one to write.
constexpr auto kActedOn = std::to_array<Expected>({
    {"InferencePool", kPoolApiVersion},
    {"EndpointSet", kOurApiVersion},
    {"InferenceModelRewrite", kModelApiVersion},
    {"InferenceModelRewrite", "inference.networking.x-k8s.io/v1alpha2"},
    {"InferenceObjective", kModelApiVersion},
    {"InferenceObjective", "inference.networking.x-k8s.io/v1alpha2"},
    {"InferenceModel", "inference.networking.x-k8s.io/v1alpha2"},
    {"InferenceModel", "inference.networking.x-k8s.io/v1alpha1"},
    {"HTTPRoute", kRouteApiVersion},
    {"HTTPRoute", "gateway.networking.k8s.io/v1beta1"},
});

// "2026-01-31T12:00:00Z": such texts sort as their times do.
bool IsUtcSecond(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  return text.size() == kForm.size() &&
         std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == '0' ? c >= '0' && c <= '9' : c == form;
         });
}

}  // namespace

bool IsActedOn(std::string_view api_version, std::string_view kind) {
  return std::any_of(kActedOn.begin(), kActedOn.end(), [&](const Expected& expected) {
    return expected.kind == kind && expected.api_version == api_version;
  });
}

TypeMeta ReadTypeMeta(const Node& document, api::Diagnostics& out) {
  TypeMeta type;
  MapReader map(document, "", out);
  if (const Node* node = map.Need("apiVersion")) {
    type.api_version = ReadString(*node, "apiVersion", out).value_or("");
    type.api_version_at = node->at;
  }
  if (const Node* node = map.Need("kind")) {
    type.kind = ReadString(*node, "kind", out).value_or("");
    type.kind_at = node->at;
  }
  map.ReportMissing();
  return type;
}

void RefuseKind(const TypeMeta& type, api::Diagnostics& out) {
  for (const Expected& expected : kActedOn) {
    if (type.kind != expected.kind) continue;
    if (type.kind == "InferencePool" && type.api_version.starts_with(kXGroup)) continue;
    Report(out, codes::kUnknownKind, type.api_version_at,
           fmt::format("there is no {} in '{}'", type.kind, base::Printable(type.api_version, 80)),
           fmt::format("its apiVersion is {}", expected.api_version));
    return;
  }
  for (const KnownKind& known : kKnownKinds) {
    if (type.kind != known.kind || !type.api_version.starts_with(known.group)) continue;
    Report(out, codes::kKindNotActedOn, type.kind_at,
           fmt::format("no part of this build acts on {} ({}) here", type.kind,
                       base::Printable(type.api_version, 80)),
           std::string(known.advice));
    return;
  }
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"InferencePool", "EndpointSet", "InferenceModelRewrite", "InferenceObjective",
       "InferenceModel", "HTTPRoute", "DaemonConfig", "EndpointPickerConfig"});
  const std::string_view meant = base::ClosestMatch(type.kind, kNames);
  Report(out, codes::kUnknownKind, type.kind_at,
         fmt::format("unknown kind '{}' ({})", base::Printable(type.kind, 60),
                     base::Printable(type.api_version, 80)),
         meant.empty() ? "this build acts on InferencePool, EndpointSet, InferenceModelRewrite, "
                         "InferenceObjective, InferenceModel and HTTPRoute"
                       : fmt::format("did you mean '{}'?", meant));
}

api::Labels ReadLabels(const Node& node, const std::string& path, size_t min, size_t max,
                       api::Diagnostics& out) {
  api::Labels labels;
  if (node.kind != Node::Kind::kMap) {
    Report(out, codes::kWrongType, node.at,
           fmt::format("{} must be a map of strings, not {}", path, Describe(node)));
    return labels;
  }
  if (node.members.size() < min || node.members.size() > max) {
    Report(
        out, codes::kOutOfRange, node.at,
        fmt::format("{} must have {} to {} labels, not {}", path, min, max, node.members.size()));
  }
  for (const NodeMember& member : node.members) {
    if (!api::IsLabelKey(member.key)) {
      Report(out, codes::kBadLabel, member.key_at,
             fmt::format("'{}' is not a label key", base::Printable(member.key, 80)),
             "at most 63 of letters, digits, '-', '_' and '.', with an optional DNS name and '/' "
             "in front");
    }
    const std::optional<std::string> value = ReadString(member.value, path + "." + member.key, out);
    if (!value) continue;
    if (!api::IsLabelValue(*value)) {
      Report(out, codes::kBadLabel, member.value.at,
             fmt::format("'{}' is not a label value", base::Printable(*value, 80)),
             "at most 63 of letters, digits, '-', '_' and '.', a letter or digit at both ends");
    }
    labels[member.key] = *value;
  }
  return labels;
}

api::Labels ReadAnnotations(const Node& node, const std::string& path, api::Diagnostics& out) {
  api::Labels annotations;
  if (node.kind != Node::Kind::kMap) {
    Report(out, codes::kWrongType, node.at,
           fmt::format("{} must be a map of strings, not {}", path, Describe(node)));
    return annotations;
  }
  size_t bytes = 0;
  for (const NodeMember& member : node.members) {
    // Kubernetes compares annotation keys in lower case.
    if (!api::IsLabelKey(base::ToLower(member.key))) {
      Report(out, codes::kBadLabel, member.key_at,
             fmt::format("'{}' is not an annotation key", base::Printable(member.key, 80)));
    }
    const std::optional<std::string> value = ReadString(member.value, path + "." + member.key, out);
    if (!value) continue;
    bytes += member.key.size() + value->size();
    annotations[member.key] = *value;
  }
  if (bytes > kMaxAnnotationBytes) {
    Report(out, codes::kOutOfRange, node.at,
           fmt::format("{} holds {} bytes; at most {}", path, bytes, kMaxAnnotationBytes));
  }
  return annotations;
}

api::ObjectMeta ReadObjectMeta(MapReader& document) {
  api::ObjectMeta meta;
  meta.origin = document.node().at;
  api::Diagnostics& out = document.out();
  const Node* node = document.Need("metadata");
  if (!node) return meta;
  MapReader map(*node, "metadata", out);
  if (const Node* name = map.Need("name")) {
    meta.name = ReadString(*name, "metadata.name", out).value_or("");
    if (name->kind == Node::Kind::kScalar && !meta.name.empty() &&
        !api::IsDnsSubdomain(meta.name)) {
      Report(out, codes::kBadName, name->at,
             fmt::format("metadata.name '{}' is not a DNS name", base::Printable(meta.name, 80)),
             "at most 253 of a-z, 0-9, '-' and '.', a letter or digit at both ends");
    } else if (name->kind == Node::Kind::kScalar && name->text.empty()) {
      Report(out, codes::kBadName, name->at, "metadata.name is empty");
    }
  }
  if (const Node* ns = map.Find("namespace")) {
    const std::optional<std::string> text = ReadString(*ns, "metadata.namespace", out);
    if (text && !api::IsDnsLabel(*text)) {
      Report(out, codes::kBadName, ns->at,
             fmt::format("metadata.namespace '{}' is not a DNS label", base::Printable(*text, 80)),
             "at most 63 of a-z, 0-9 and '-', a letter or digit at both ends");
    }
    if (text) meta.ns = *text;
  }
  if (const Node* labels = map.Find("labels")) {
    meta.labels = ReadLabels(*labels, "metadata.labels", 0, 1024, out);
  }
  if (const Node* annotations = map.Find("annotations")) {
    meta.annotations = ReadAnnotations(*annotations, "metadata.annotations", out);
  }
  if (const Node* created = map.Find("creationTimestamp")) {
    // API servers write it so, and `null` before it is known. Another spelling has no order.
    if (IsUtcSecond(created->text)) meta.created = created->text;
  }
  // Written by API servers into what `kubectl get -o yaml` prints.
  map.Ignore({"uid", "resourceVersion", "generation", "managedFields", "ownerReferences",
              "finalizers", "selfLink"});
  map.Done();
  return meta;
}

std::vector<api::Field<int>> ReadPorts(const std::vector<Node>& items, const std::string& path,
                                       bool wrapped, api::Diagnostics& out) {
  std::vector<api::Field<int>> ports;
  for (size_t i = 0; i < items.size(); ++i) {
    std::string at = fmt::format("{}[{}]", path, i);
    const Node* number = &items[i];
    if (wrapped) {
      MapReader map(items[i], at, out);
      number = map.Need("number");
      if (map.ok()) map.Done();
      at += ".number";
    }
    if (!number) continue;
    const std::optional<int64_t> port = ReadInt(*number, at, 1, 65535, out);
    if (!port) continue;
    const api::Field<int>* twin = nullptr;
    for (const api::Field<int>& other : ports) {
      if (*other == *port) twin = &other;
    }
    if (twin) {
      Report(out, codes::kDuplicateItem, number->at,
             fmt::format("port number must be unique: {} is in {} twice", *port, path),
             "the first one is at " + twin->origin.ToString());
    } else {
      ports.emplace_back(static_cast<int>(*port), number->at);
    }
  }
  return ports;
}

}  // namespace inference::manifest
