#include <fmt/format.h>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"

// InferencePool, inference.networking.k8s.io/v1, with the rules of its CRD.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

// The CRD's pattern for kinds: a letter, then letters, digits and '-', not at the end.
bool IsKindName(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (text.empty() || text.size() > 63 || !letter(text.front()) || text.back() == '-') return false;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '-') return false;
  }
  return true;
}

api::InferencePool::PickerRef ReadPickerRef(const Node& node, api::Diagnostics& out) {
  api::InferencePool::PickerRef ref;
  ref.origin = node.at;
  MapReader map(node, "spec.endpointPickerRef", out);
  if (!map.ok()) return ref;
  if (const Node* group = map.Find("group")) {
    ref.group = ReadString(*group, map.Path("group"), out).value_or("");
    if (!ref.group.empty() && !api::IsDnsSubdomain(ref.group)) {
      Report(out, codes::kBadName, group->at,
             fmt::format("{} '{}' is not an API group", map.Path("group"),
                         base::Printable(ref.group, 80)));
    }
  }
  bool kind_known = true;
  if (const Node* kind = map.Find("kind")) {
    const std::optional<std::string> text = ReadString(*kind, map.Path("kind"), 1, 63, out);
    kind_known = text.has_value();
    if (text && !IsKindName(*text)) {
      Report(out, codes::kBadName, kind->at,
             fmt::format("{} '{}' is not a kind", map.Path("kind"), base::Printable(*text, 80)));
    }
    if (text) ref.kind = *text;
  }
  if (const Node* name = map.Need("name")) {
    ref.name = ReadString(*name, map.Path("name"), 1, 253, out).value_or("");
  }
  const Node* port = map.Find("port");
  if (port) {
    MapReader inner(*port, map.Path("port"), out);
    if (const Node* number = inner.Need("number")) {
      const std::optional<int64_t> value = ReadInt(*number, inner.Path("number"), 1, 65535, out);
      if (value) ref.port = static_cast<int>(*value);
    }
    if (inner.ok()) inner.Done();
  }
  if (const Node* mode = map.Find("failureMode")) {
    ref.failure_mode = ReadEnum(*mode, map.Path("failureMode"), {"FailOpen", "FailClose"}, out)
                           .value_or(ref.failure_mode);
  }
  if (!port && kind_known && ref.kind == "Service" && !map.HasMisspelt("port")) {
    Report(out, codes::kPortRequired, node.at,
           "port is required when kind is 'Service' or unspecified (defaults to 'Service')",
           "add port: {number: 9002} to spec.endpointPickerRef");
  }
  map.Done();
  return ref;
}

// The CRD's rule about target ports has a code of its own.
void ReadTargetPorts(const Node& node, api::InferencePool& pool, api::Diagnostics& out) {
  api::Diagnostics found;
  if (const auto* items = ReadList(node, "spec.targetPorts", 1, 8, found)) {
    pool.target_ports = ReadPorts(*items, "spec.targetPorts", /*wrapped=*/true, found);
  }
  for (api::Diagnostic& d : found) {
    if (d.code == codes::kOutOfRange || d.code == codes::kDuplicateItem) {
      d.code = codes::kTargetPorts;
    }
    out.push_back(std::move(d));
  }
}

void ReadSpec(const Node& node, api::InferencePool& pool, api::Diagnostics& out) {
  MapReader spec(node, "spec", out);
  if (!spec.ok()) return;
  if (const Node* selector = spec.Need("selector")) {
    MapReader map(*selector, "spec.selector", out);
    if (const Node* labels = map.Need("matchLabels")) {
      pool.match_labels = ReadLabels(*labels, "spec.selector.matchLabels", 1, 64, out);
    }
    map.Refuse("matchExpressions", "an InferencePool selects by matchLabels only");
    if (map.ok()) map.Done();
  }
  if (const Node* ports = spec.Need("targetPorts")) ReadTargetPorts(*ports, pool, out);
  if (const Node* protocol = spec.Find("appProtocol")) {
    pool.app_protocol = ReadEnum(*protocol, "spec.appProtocol", {"http", "kubernetes.io/h2c"}, out)
                            .value_or(pool.app_protocol);
  }
  if (const Node* ref = spec.Find("endpointPickerRef")) pool.picker_ref = ReadPickerRef(*ref, out);
  spec.Done();
}

}  // namespace

api::InferencePool ReadInferencePool(const Node& document, api::Diagnostics& out) {
  api::InferencePool pool;
  MapReader map(document, "", out);
  pool.meta = ReadObjectMeta(map);
  if (const Node* spec = map.Need("spec")) ReadSpec(*spec, pool, out);
  map.Ignore({"apiVersion", "kind", "status"});  // status is written by controllers
  map.Done();
  return pool;
}

}  // namespace inference::manifest
