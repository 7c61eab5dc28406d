#include "manifest/edit/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "api/codes.h"
#include "manifest/document.h"
#include "manifest/edit/change.h"
#include "manifest/edit/reshape.h"
#include "manifest/edit/tree.h"
#include "manifest/fields.h"
#include "manifest/lint/workspace.h"
#include "manifest/schema/check.h"

namespace inference::manifest::edit {
namespace {

namespace codes = api::codes;
using lint::At;
using lint::IntAt;
using lint::ItemsAt;
using lint::TextAt;

constexpr std::string_view kGroup = "inference.networking.k8s.io";
constexpr std::string_view kOldGroup = "inference.networking.x-k8s.io";
constexpr std::string_view kPoolVersion = "inference.networking.k8s.io/v1";
constexpr std::string_view kNewVersion = "llm-d.ai/v1alpha2";
constexpr std::string_view kConfigVersion = "llm-d.ai/v1alpha1";
constexpr std::string_view kPickerPort = "9002";  // what implementations took when none was written

/// An object as it becomes: what it has to say, and how its text gets there.
struct Outcome {
  Node wanted;
  std::function<void(Reshape&)> reshape;
};

struct Old {
  const Node& node;
  std::string title;
  api::Diagnostics& findings;

  const Node& spec() const { return *At(node, "spec"); }
};

void Note(const Old& old, const Node& at, std::string message, std::string note) {
  old.findings.push_back({api::Severity::kInfo, std::string(codes::kNotConvertible), at.at,
                          old.title + ": " + std::move(message), std::move(note)});
}

void SetText(Node& map, std::string_view key, std::string_view text) {
  if (NodeMember* member = FindMember(map, key)) member->value = Text(text);
}

// What a controller wrote is no part of a manifest; the new one writes its own.
void DropStatus(const Old& old, Node& wanted, Reshape* reshape) {
  const NodeMember* status = FindMember(old.node, "status");
  if (status == nullptr) return;
  if (reshape != nullptr) {
    reshape->Remove(old.node, {status}, false);
    return;
  }
  EraseMember(wanted, "status");
  Note(old, status->value, "status is left out", "controllers write it anew");
}

// --- InferencePool ---

// The member that holds the picker's port: its name differs between the versions.
const NodeMember* PickerPort(const Node& ref) {
  const NodeMember* port = FindMember(ref, "portNumber");
  return port != nullptr ? port : FindMember(ref, "targetPortNumber");
}

bool NeedsPort(const Node& ref) {
  return PickerPort(ref) == nullptr && TextAt(ref, "kind", "Service") == "Service";
}

Node PoolRefOf(const Node& old_ref) {
  Node ref = old_ref;
  for (NodeMember& member : ref.members) {
    if (member.key != "portNumber" && member.key != "targetPortNumber") continue;
    member.key = "port";
    member.value = Map({{"number", member.value}});
  }
  if (NeedsPort(old_ref)) {
    ref.members.push_back({"port", {}, {}, Map({{"number", Number(kPickerPort)}})});
  }
  return ref;
}

Outcome ConvertPool(const Old& old) {
  Outcome out{old.node, {}};
  SetText(out.wanted, "apiVersion", kPoolVersion);
  Node& spec = FindMember(out.wanted, "spec")->value;
  for (NodeMember& member : spec.members) {
    if (member.key == "selector") {
      member.value = Map({{"matchLabels", member.value}});
    } else if (member.key == "targetPortNumber") {
      member.key = "targetPorts";
      member.value = List({Map({{"number", member.value}})});
    } else if (member.key == "extensionRef") {
      member.key = "endpointPickerRef";
      member.value = PoolRefOf(member.value);
    }
  }
  const Node& ref = FindMember(old.spec(), "extensionRef")->value;
  if (NeedsPort(ref)) {
    Note(old, ref, "the picker's port 9002 is written out", "v1 has no default for it");
  }
  DropStatus(old, out.wanted, nullptr);
  out.reshape = [&old](Reshape& reshape) {
    const Node& before = old.spec();
    const Node& picker = FindMember(before, "extensionRef")->value;
    Node unused;
    reshape.SetScalar(*At(old.node, "apiVersion"), kPoolVersion);
    reshape.WrapValue(*FindMember(before, "selector"), "matchLabels");
    reshape.NumberBelow(before, *FindMember(before, "targetPortNumber"), "targetPorts", true);
    reshape.Rename(*FindMember(before, "extensionRef"), "endpointPickerRef");
    if (const NodeMember* port = PickerPort(picker)) {
      reshape.NumberBelow(picker, *port, "port", false);
    }
    if (NeedsPort(picker) && !picker.members.empty()) {
      reshape.AddBehind(picker, picker.members.back(), "port", "number", kPickerPort);
    }
    DropStatus(old, unused, &reshape);
  };
  return out;
}

// --- references ---

// The group of a pool in a reference that names the old one.
const Node* OldGroupOf(const Node& ref) {
  const Node* group = At(ref, "group");
  const bool pool = TextAt(ref, "kind", "InferencePool") == "InferencePool";
  return pool && group != nullptr && group->text == kOldGroup ? group : nullptr;
}

void SetGroup(Node& ref) {
  if (OldGroupOf(ref) != nullptr) SetText(ref, "group", kGroup);
}

void SetGroup(const Node& ref, Reshape& reshape) {
  if (const Node* group = OldGroupOf(ref)) reshape.SetScalar(*group, kGroup);
}

// --- InferenceModel ---

std::string_view PriorityOf(std::string_view criticality) {
  return criticality == "Critical" ? "2" : criticality == "Sheddable" ? "-1" : "1";
}

/// The parts of a model's spec.
struct Model {
  const Node& spec;
  const NodeMember* name;
  const NodeMember* criticality;
  const NodeMember* targets;
  const Node& pool_ref;

  explicit Model(const Node& s)
      : spec(s),
        name(FindMember(s, "modelName")),
        criticality(FindMember(s, "criticality")),
        targets(FindMember(s, "targetModels")),
        pool_ref(FindMember(s, "poolRef")->value) {}

  bool has_targets() const {
    return targets != nullptr &&
           std::any_of(targets->value.items.begin(), targets->value.items.end(), Counts);
  }
  static bool Counts(const Node& target) { return IntAt(target, "weight", 1) != 0; }
};

std::vector<const NodeMember*> Present(std::initializer_list<const NodeMember*> members) {
  std::vector<const NodeMember*> out(members);
  std::erase(out, nullptr);
  return out;
}

Node AsNewKind(const Old& old, std::string_view kind) {
  Node wanted = old.node;
  SetText(wanted, "apiVersion", kNewVersion);
  SetText(wanted, "kind", kind);
  EraseMember(wanted, "status");
  Node& spec = FindMember(wanted, "spec")->value;
  EraseMember(spec, "modelName");
  SetGroup(FindMember(spec, "poolRef")->value);
  return wanted;
}

void ReshapeToNewKind(const Old& old, std::string_view kind, Reshape& reshape) {
  Node unused;
  reshape.SetScalar(*At(old.node, "apiVersion"), kNewVersion);
  reshape.SetScalar(*At(old.node, "kind"), kind);
  SetGroup(Model(old.spec()).pool_ref, reshape);
  DropStatus(old, unused, &reshape);
}

Outcome ToObjective(const Old& old, bool with_rewrite) {
  Outcome out{AsNewKind(old, "InferenceObjective"), {}};
  Node& spec = FindMember(out.wanted, "spec")->value;
  EraseMember(spec, "targetModels");
  if (NodeMember* criticality = FindMember(spec, "criticality")) {
    criticality->key = "priority";
    criticality->value = Number(PriorityOf(criticality->value.text));
  }
  out.reshape = [&old, with_rewrite](Reshape& reshape) {
    const Model model(old.spec());
    ReshapeToNewKind(old, "InferenceObjective", reshape);
    if (model.criticality != nullptr) {
      reshape.Rename(*model.criticality, "priority");
      reshape.SetScalar(model.criticality->value, PriorityOf(model.criticality->value.text), true);
    }
    // Their comments go to the rewrite, when there is one.
    reshape.Remove(model.spec, Present({model.name, model.targets}), !with_rewrite);
  };
  return out;
}

Outcome ToRewrite(const Old& old) {
  Outcome out{AsNewKind(old, "InferenceModelRewrite"), {}};
  Node& spec = FindMember(out.wanted, "spec")->value;
  EraseMember(spec, "criticality");
  NodeMember& targets = *FindMember(spec, "targetModels");
  std::erase_if(targets.value.items, [](const Node& item) { return !Model::Counts(item); });
  for (Node& target : targets.value.items) FindMember(target, "name")->key = "modelRewrite";
  targets.key = "rules";
  const Node name = FindMember(old.spec(), "modelName")->value;
  targets.value = List({Map({{"matches", List({Map({{"model", Map({{"value", name}})}})})},
                             {"targets", targets.value}})});
  out.reshape = [&old](Reshape& reshape) {
    const Model model(old.spec());
    ReshapeToNewKind(old, "InferenceModelRewrite", reshape);
    const Node& items = model.targets->value;
    for (size_t i = 0; i < items.items.size(); ++i) {
      if (Model::Counts(items.items[i])) {
        reshape.Rename(*FindMember(items.items[i], "name"), "modelRewrite");
      } else {
        reshape.RemoveItem(items, i);
      }
    }
    reshape.RuleAround(model.spec, *model.targets, *model.name);
    reshape.Remove(model.spec, Present({model.name, model.criticality}), false);
  };
  return out;
}

void ReportModel(const Old& old, const Model& model) {
  if (model.criticality != nullptr) {
    Warn(old.findings, codes::kNotConvertible, model.criticality->value.at,
         fmt::format("{}: requests for '{}' get this priority only when they name it", old.title,
                     model.name->value.text),
         fmt::format("a client or the gateway must send the header "
                     "x-gateway-inference-objective: {}",
                     TextAt(old.node, "metadata.name")));
  }
  if (model.targets == nullptr) return;
  for (const Node& target : model.targets->value.items) {
    if (Model::Counts(target)) continue;
    Warn(old.findings, codes::kNotConvertible, target.at,
         fmt::format("{}: target '{}' has weight 0 and is left out", old.title,
                     TextAt(target, "name")),
         "a rewrite's weights begin at 1; without the target it gets no requests either");
  }
}

std::vector<Outcome> ConvertModel(const Old& old) {
  const Node* spec = At(old.node, "spec");
  if (spec == nullptr) {
    Report(old.findings, codes::kNotConvertible, old.node.at, old.title + " has no spec",
           "it says nothing: remove it");
    return {};
  }
  const Model model(*spec);
  if (model.targets != nullptr && !model.targets->value.items.empty() && !model.has_targets()) {
    Report(old.findings, codes::kNotConvertible, model.targets->value.at,
           old.title + ": all targets have weight 0",
           "a rewrite cannot refuse a model; refuse it in the route");
    return {};
  }
  ReportModel(old, model);
  if (const Node* status = At(old.node, "status")) {
    Note(old, *status, "status is left out", "controllers write it anew");
  }
  std::vector<Outcome> out;
  if (model.criticality != nullptr || !model.has_targets()) {
    out.push_back(ToObjective(old, model.has_targets()));
  }
  if (model.has_targets()) out.push_back(ToRewrite(old));
  return out;
}

// --- kinds that keep their shape ---

Outcome ToLlmD(const Old& old, std::string_view version) {
  Outcome out{old.node, {}};
  SetText(out.wanted, "apiVersion", version);
  if (NodeMember* spec = FindMember(out.wanted, "spec")) {
    if (NodeMember* ref = FindMember(spec->value, "poolRef")) SetGroup(ref->value);
    if (NodeMember* rules = FindMember(spec->value, "rules")) {
      for (Node& rule : rules->value.items) {
        NodeMember* split = FindMember(rule, "split");
        if (split != nullptr && FindMember(rule, "targets") == nullptr) split->key = "targets";
      }
    }
  }
  out.reshape = [&old, version](Reshape& reshape) {
    reshape.SetScalar(*At(old.node, "apiVersion"), version);
    if (const Node* ref = At(old.node, "spec.poolRef")) SetGroup(*ref, reshape);
    for (const Node& rule : ItemsAt(old.node, "spec.rules")) {
      const NodeMember* split = FindMember(rule, "split");
      if (split != nullptr && FindMember(rule, "targets") == nullptr) {
        reshape.Rename(*split, "targets");
      }
    }
  };
  return out;
}

// Routes, and objects of the new groups that still name the old one.
std::vector<const Node*> PoolReferences(const Node& node) {
  std::vector<const Node*> refs;
  for (const Node& rule : ItemsAt(node, "spec.rules")) {
    for (const Node& backend : ItemsAt(rule, "backendRefs")) {
      if (TextAt(backend, "kind") == "InferencePool") refs.push_back(&backend);
    }
  }
  if (const Node* ref = At(node, "spec.poolRef")) refs.push_back(ref);
  std::erase_if(refs, [](const Node* ref) { return OldGroupOf(*ref) == nullptr; });
  return refs;
}

void WarnOfTwins(const Old& old) {
  for (const Node& rule : ItemsAt(old.node, "spec.rules")) {
    const auto& backends = ItemsAt(rule, "backendRefs");
    for (size_t i = 0; i < backends.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        const bool moved = OldGroupOf(backends[i]) != nullptr || OldGroupOf(backends[j]) != nullptr;
        const auto same = [&](std::string_view key) {
          return TextAt(backends[i], key) == TextAt(backends[j], key);
        };
        if (!moved || !same("kind") || !same("name") || !same("namespace")) continue;
        Warn(old.findings, codes::kNotConvertible, backends[i].at,
             fmt::format("{}: this backend and the one at {} are the same pool now", old.title,
                         backends[j].at.ToString()),
             "leave one of them, with the sum of the weights");
      }
    }
  }
}

Outcome ToNewReferences(const Old& old) {
  Outcome out{old.node, {}};
  for (const Node* ref : PoolReferences(out.wanted)) SetGroup(const_cast<Node&>(*ref));
  WarnOfTwins(old);
  out.reshape = [&old](Reshape& reshape) {
    for (const Node* ref : PoolReferences(old.node)) SetGroup(*ref, reshape);
  };
  return out;
}

std::vector<Outcome> ConvertOne(const Old& old) {
  const std::string_view version = TextAt(old.node, "apiVersion"), kind = TextAt(old.node, "kind");
  const bool old_group = schema::GroupOf(version) == kOldGroup;
  std::vector<Outcome> out;
  if (old_group && kind == "InferencePool") {
    out.push_back(ConvertPool(old));
  } else if (old_group && kind == "InferenceModel") {
    return ConvertModel(old);
  } else if (old_group && (kind == "InferenceObjective" || kind == "InferenceModelRewrite")) {
    out.push_back(ToLlmD(old, kNewVersion));
  } else if (old_group && kind == "EndpointPickerConfig") {
    out.push_back(ToLlmD(old, kConfigVersion));
  } else if (!PoolReferences(old.node).empty()) {
    out.push_back(ToNewReferences(old));
  }
  return out;
}

/// Converts the objects of one text, each in its place.
class Converter {
 public:
  Converter(const std::string& path, std::string_view text, const Limits& limits, Converted& out)
      : path_(path), text_(text), limits_(limits), out_(out) {}

  void Run(const std::vector<Node>& documents) {
    for (const Node& document : documents) {
      if (TextAt(document, "kind") == "List") {
        const Node* items = At(document, "items");
        for (const Node& item : ItemsAt(document, "items")) One(item, items);
      } else {
        One(document, nullptr);
      }
    }
    const auto done = Splice(text_, std::move(edits_));
    if (done.ok()) out_.text = *done;
  }

 private:
  void One(const Node& node, const Node* list) {
    const schema::Kind* kind = schema::FindKind(TextAt(node, "apiVersion"), TextAt(node, "kind"));
    if (node.kind != Node::Kind::kMap || kind == nullptr) return;
    api::Diagnostics wrong, found;
    const Old old{node,
                  fmt::format("{} {}/{}", kind->kind, TextAt(node, "metadata.namespace", "default"),
                              TextAt(node, "metadata.name")),
                  found};
    schema::Check(node, *kind, {}, wrong);
    const bool concerned = schema::GroupOf(kind->api_version) == kOldGroup
                               ? kind->kind != "InferencePoolImport"
                               : !PoolReferences(node).empty();
    if (!concerned) return;
    if (api::HasErrors(wrong)) {
      out_.findings.insert(out_.findings.end(), wrong.begin(), wrong.end());
      return;
    }
    const std::vector<Outcome> outcomes = ConvertOne(old);
    if (!outcomes.empty() && Place(node, list, outcomes, found)) ++out_.objects;
    out_.findings.insert(out_.findings.end(), found.begin(), found.end());
  }

  bool Place(const Node& node, const Node* list, const std::vector<Outcome>& outcomes,
             api::Diagnostics& found) {
    if (!node.range.known() || node.alias) {
      Report(found, codes::kNotConvertible, node.at, "an alias stands for the whole object",
             "write the object out");
      return false;
    }
    const bool in_flow = list != nullptr && list->range.known() && text_[list->range.begin] == '[';
    const size_t begin = node.range.begin;
    const size_t end =
        in_flow ? node.range.end : std::min(text_.find('\n', node.range.end), text_.size());
    std::string_view tail = text_.substr(0, end);
    const size_t stop = !in_flow && tail.ends_with('\r') ? end - 1 : end;
    const size_t line = begin == 0 ? 0 : text_.rfind('\n', begin - 1) + 1;
    const size_t column = begin - line;
    std::string text;
    for (const Outcome& outcome : outcomes) {
      if (!text.empty()) text += Between(in_flow, list != nullptr, line, begin);
      const auto one = TextOf(outcome, node, {begin, stop, column, in_flow}, found);
      if (!one) return false;
      text += *one;
    }
    edits_.push_back({begin, stop, std::move(text)});
    return true;
  }

  // What stands between two objects that were one.
  std::string Between(bool in_flow, bool in_list, size_t line, size_t begin) const {
    if (in_flow) return ", ";
    const std::string next = text_.find("\r\n") != std::string_view::npos ? "\r\n" : "\n";
    return next + (in_list ? "" : "---" + next) + std::string(text_.substr(line, begin - line));
  }

  struct Spot {
    size_t begin, end, column;
    bool in_flow;
  };

  std::optional<std::string> TextOf(const Outcome& outcome, const Node& node, const Spot& spot,
                                    api::Diagnostics& found) {
    Reshape reshape(text_, spot.begin, spot.end);
    outcome.reshape(reshape);
    std::string text = reshape.Finish();
    if (reshape.ok() && Says(text, spot.column, outcome.wanted)) return text;
    if (spot.in_flow) {
      Report(found, codes::kNotConvertible, node.at,
             "this object can't be converted where it stands", "give it a document of its own");
      return std::nullopt;
    }
    Warn(found, codes::kNotConvertible, node.at,
         "this object is written anew, without its comments", "compare it with what it was");
    return ToYamlText(outcome.wanted, spot.column);
  }

  bool Says(const std::string& text, size_t column, const Node& wanted) const {
    api::Diagnostics ignored;
    const auto read =
        ParseDocuments(path_, std::string(column, ' ') + text + "\n", ignored, limits_);
    return SameValues(read, {wanted});
  }

  const std::string& path_;
  const std::string_view text_;
  const Limits& limits_;
  Converted& out_;
  std::vector<Edit> edits_;
};

}  // namespace

Converted ConvertToV1(const std::string& path, std::string_view text, const Limits& limits) {
  Converted out;
  out.text = text;
  const std::vector<Node> documents = ParseDocuments(path, text, out.findings, limits);
  out.unusable = api::HasErrors(out.findings);
  if (!out.unusable) Converter(path, text, limits, out).Run(documents);
  return out;
}

}  // namespace inference::manifest::edit
