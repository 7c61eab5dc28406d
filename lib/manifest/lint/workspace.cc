#include "manifest/lint/workspace.h"

#include <algorithm>
#include <charconv>

namespace inference::manifest::lint {
namespace {

const std::vector<const Object*> kNoObjects;

const Node* Child(const Node& node, std::string_view name) {
  for (const NodeMember& member : node.members) {
    if (member.key == name) return member.value.kind == Node::Kind::kNull ? nullptr : &member.value;
  }
  return nullptr;
}

}  // namespace

Workspace::Workspace(std::vector<SourceFile> files, std::vector<Object> objects)
    : files_(std::move(files)), objects_(std::move(objects)) {
  for (const Object& object : objects_) {
    const std::string_view kind = object.kind->kind;
    by_name_[{kind, object.ns, object.name}].push_back(&object);
    if (!object.sound) continue;
    by_kind_[kind].push_back(&object);
    by_scope_[{kind, object.ns}].push_back(&object);
    if (!PodTemplatesOf(object).empty()) workloads_[object.ns].push_back(&object);
  }
}

const std::vector<const Object*>& Workspace::OfKind(std::string_view kind) const {
  const auto found = by_kind_.find(kind);
  return found == by_kind_.end() ? kNoObjects : found->second;
}

const std::vector<const Object*>& Workspace::OfKind(std::string_view kind,
                                                    std::string_view ns) const {
  const auto found = by_scope_.find({kind, ns});
  return found == by_scope_.end() ? kNoObjects : found->second;
}

const std::vector<const Object*>& Workspace::Workloads(std::string_view ns) const {
  const auto found = workloads_.find(ns);
  return found == workloads_.end() ? kNoObjects : found->second;
}

const Object* Workspace::Find(std::string_view group, std::string_view kind, std::string_view ns,
                              std::string_view name) const {
  const auto found = by_name_.find({kind, ns, name});
  if (found == by_name_.end()) return nullptr;
  for (const Object* object : found->second) {
    if (group == "*" || schema::GroupOf(object->kind->api_version) == group) return object;
  }
  return nullptr;
}

std::vector<const Node*> PodTemplatesOf(const Object& object) {
  const Node& node = *object.node;
  const std::string_view kind = object.kind->kind;
  std::vector<const Node*> out;
  const auto add = [&](const Node* found) {
    if (found != nullptr) out.push_back(found);
  };
  if (kind == "Pod") {
    add(&node);
  } else if (kind == "LeaderWorkerSet") {
    add(At(node, "spec.leaderWorkerTemplate.leaderTemplate"));
    add(At(node, "spec.leaderWorkerTemplate.workerTemplate"));
  } else if (kind == "Deployment" || kind == "StatefulSet" || kind == "DaemonSet" ||
             kind == "ReplicaSet") {
    add(At(node, "spec.template"));
  }
  return out;
}

bool IsHelmChart(const Node& document) {
  const std::string_view version = TextAt(document, "apiVersion");
  return (version == "v1" || version == "v2") && At(document, "kind") == nullptr &&
         At(document, "metadata") == nullptr && At(document, "name") != nullptr &&
         At(document, "version") != nullptr;
}

bool IsMonitoringFile(const Node& document) {
  if (At(document, "apiVersion") != nullptr || At(document, "kind") != nullptr) return false;
  const auto all_have = [&](std::string_view list, std::string_view field) {
    const auto& items = ItemsAt(document, list);
    return !items.empty() && std::all_of(items.begin(), items.end(), [&](const Node& item) {
      return At(item, field) != nullptr;
    });
  };
  return all_have("groups", "rules") || all_have("panels", "type");
}

bool Matches(const std::map<std::string, std::string, std::less<>>& selector,
             const std::map<std::string, std::string, std::less<>>& labels) {
  return !selector.empty() &&
         std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
           const auto found = labels.find(wanted.first);
           return found != labels.end() && found->second == wanted.second;
         });
}

const Node* PickerRefOf(const Object& pool) {
  const bool current = pool.kind->api_version == "inference.networking.k8s.io/v1";
  return At(*pool.node, current ? "spec.endpointPickerRef" : "spec.extensionRef");
}

std::map<std::string, std::string, std::less<>> SelectorOf(const Object& pool) {
  const bool current = pool.kind->api_version == "inference.networking.k8s.io/v1";
  return MapAt(*pool.node, current ? "spec.selector.matchLabels" : "spec.selector");
}

const Node* At(const Node& node, std::string_view path) {
  const Node* at = &node;
  while (at != nullptr && !path.empty()) {
    const size_t dot = std::min(path.find('.'), path.size());
    at = Child(*at, path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return at;
}

std::string_view TextAt(const Node& node, std::string_view path, std::string_view fallback) {
  const Node* at = At(node, path);
  return at != nullptr && at->kind == Node::Kind::kScalar ? std::string_view(at->text) : fallback;
}

int64_t IntAt(const Node& node, std::string_view path, int64_t fallback) {
  const std::string_view text = TextAt(node, path);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? value
                                                                                   : fallback;
}

const std::vector<Node>& ItemsAt(const Node& node, std::string_view path) {
  static const std::vector<Node> kNone;
  const Node* at = At(node, path);
  return at != nullptr && at->kind == Node::Kind::kList ? at->items : kNone;
}

std::map<std::string, std::string, std::less<>> MapAt(const Node& node, std::string_view path) {
  std::map<std::string, std::string, std::less<>> out;
  const Node* at = At(node, path);
  if (at == nullptr) return out;
  for (const NodeMember& member : at->members) {
    if (member.value.kind == Node::Kind::kScalar) out[member.key] = member.value.text;
  }
  return out;
}

}  // namespace inference::manifest::lint
