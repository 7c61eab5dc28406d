#include "manifest/edit/fixes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <span>

#include "api/codes.h"
#include "api/plugin_catalogue.h"
#include "base/text.h"
#include "manifest/edit/meant.h"
#include "manifest/schema/check.h"

namespace inference::manifest::edit {
namespace {

namespace codes = api::codes;
using What = Change::What;
using lint::At;
using lint::ItemsAt;
using lint::TextAt;

constexpr std::string_view kPoolGroup = "inference.networking.k8s.io";
constexpr std::string_view kLegacyGroup = "inference.networking.x-k8s.io";

/// A finding's value, with what its kind says about it.
struct Spot {
  const lint::Workspace& workspace;
  const lint::Location& where;
  const Node& node;      // the value
  const Node* root;      // the object, or the configuration's document
  const Node* parent;    // null: the document itself
  std::string_view key;  // of the member; empty in a list
  const schema::Kind* kind = nullptr;
  const schema::Field* field = nullptr;  // of the value; null: unknown
  std::span<const schema::Field> siblings = {};
  bool text_map = false;  // a label or an annotation

  std::string_view ns() const {
    return where.object != nullptr ? std::string_view(where.object->ns) : "default";
  }
};

size_t Mistakes(const Node& object, const schema::Kind& kind) {
  api::Diagnostics found;
  schema::Check(object, kind, {}, found);
  return found.size();
}

// The changes made to a copy of the object alone must leave it with no more mistakes; with `fewer`
// their own one must be gone and nothing else have come, as far as the kind's table can see.
bool IsBetter(const Spot& spot, const std::vector<Change>& changes, bool fewer) {
  if (spot.kind == nullptr) return !fewer;
  std::vector<Node> copy{*spot.root};
  std::vector<Change> moved = changes;
  for (Change& change : moved) {
    change.path.erase(change.path.begin(),
                      change.path.begin() + static_cast<ptrdiff_t>(spot.where.depth));
    change.path.insert(change.path.begin(), 0);
  }
  const size_t before = Mistakes(copy[0], *spot.kind);
  ApplyTo(copy, moved);
  const size_t after = Mistakes(copy[0], *spot.kind);
  return fewer ? after < before : after <= before;
}

Fix Rename(const Spot& spot, std::string name) {
  return {fmt::format("rename it to '{}'", name), {}, {{What::kRenameKey, spot.where.path, name}}};
}

Fix SetString(const Path& path, const std::string& text) {
  return {fmt::format("write '{}'", text), {}, {{What::kSetString, path, text}}};
}

// Suggestions always, the fix only when one of them is sure.
template <typename Make>
Fix FromMeant(const Meant& meant, Make make) {
  Fix fix;
  if (!meant.sure.empty()) fix = make(std::string(meant.sure));
  fix.suggestions = meant.likely;
  return fix;
}

Path Sibling(const Spot& spot, std::string_view key) {
  Path path = spot.where.path;
  for (size_t i = 0; spot.parent != nullptr && i < spot.parent->members.size(); ++i) {
    if (spot.parent->members[i].key != key) continue;
    path.back() = i;
    return path;
  }
  return {};
}

Fix UnknownField(const Spot& spot) {
  if (!spot.where.key || spot.parent == nullptr) return {};
  std::vector<std::string_view> names;
  for (const schema::Field& field : spot.siblings) {
    if (At(*spot.parent, field.name) == nullptr) names.push_back(field.name);
  }
  const Meant meant = MeantBy(spot.key, names);
  Fix fix = FromMeant(meant, [&](auto name) { return Rename(spot, name); });
  // A name that is only near must fit its value as well.
  if (fix.safe() && !meant.same_letters && !IsBetter(spot, fix.changes, true)) fix.changes.clear();
  return fix;
}

// The plugin that the value is a parameter of; null when it is none.
const api::PluginInfo* PluginAround(const Spot& spot) {
  const Path& path = spot.where.path;
  if (spot.parent == nullptr || path.size() < 4) return nullptr;
  const Node* plugin = NodeAt(spot.where.file->documents, Path(path.begin(), path.end() - 2));
  const bool parameters = plugin != nullptr && At(*plugin, "parameters") == spot.parent;
  return parameters ? api::FindPlugin(TextAt(*plugin, "type")) : nullptr;
}

std::span<const api::ParamSpec> ParamsOf(const api::PluginInfo& info) {
  return info.available ? info.params : api::ReferenceParams(info.type).value_or(info.params);
}

Fix UnknownParameter(const Spot& spot) {
  const api::PluginInfo* info = PluginAround(spot);
  if (!spot.where.key || info == nullptr) return {};
  std::vector<std::string_view> names;
  for (const api::ParamSpec& param : ParamsOf(*info)) {
    if (At(*spot.parent, param.name) == nullptr) names.push_back(param.name);
  }
  return FromMeant(MeantBy(spot.key, names), [&](auto name) { return Rename(spot, name); });
}

Fix UnknownPluginRef(const Spot& spot) {
  if (!spot.key.ends_with("luginRef")) return {};
  std::vector<std::string_view> names;
  for (const Node& plugin : ItemsAt(*spot.root, "plugins")) {
    names.push_back(TextAt(plugin, "name", TextAt(plugin, "type")));
  }
  return FromMeant(MeantBy(spot.node.text, names),
                   [&](auto name) { return SetString(spot.where.path, name); });
}

Fix BadValue(const Spot& spot) {
  if (spot.key == "pluginRef") return UnknownPluginRef(spot);
  if (spot.field == nullptr || spot.field->one_of.empty()) return {};
  const auto& words = spot.field->one_of;
  return FromMeant(MeantBy(spot.node.text, {words.begin(), words.end()}),
                   [&](auto word) { return SetString(spot.where.path, word); });
}

// Everything in the document that refers to a plugin by this name.
void RenameRefs(const Node& node, Path& path, std::string_view from, const std::string& to,
                std::vector<Change>& out) {
  path.push_back(0);
  for (size_t i = 0; i < node.items.size(); ++i) {
    path.back() = i;
    RenameRefs(node.items[i], path, from, to, out);
  }
  for (size_t i = 0; i < node.members.size(); ++i) {
    path.back() = i;
    const NodeMember& member = node.members[i];
    if (member.key.ends_with("luginRef") && member.value.text == from) {
      out.push_back({What::kSetString, path, to});
    }
    RenameRefs(member.value, path, from, to, out);
  }
  path.pop_back();
}

// A plugin without a name of its own is referred to by its type.
Fix PluginType(const Spot& spot, const std::string& type) {
  Fix fix = SetString(spot.where.path, type);
  if (spot.parent != nullptr && At(*spot.parent, "name") == nullptr) {
    Path path{spot.where.path[0]};
    RenameRefs(*spot.root, path, spot.node.text, type, fix.changes);
  }
  return fix;
}

Fix UnknownPlugin(const Spot& spot) {
  if (spot.key != "type") return {};
  std::vector<std::string_view> types;
  for (const api::PluginInfo& info : api::PluginCatalogue()) types.push_back(info.type);
  return FromMeant(MeantBy(spot.node.text, types),
                   [&](auto type) { return PluginType(spot, type); });
}

Fix RenamedPlugin(const Spot& spot) {
  // Only what takes the same parameters under its new name.
  if (spot.key != "type" || spot.node.text != "tokenizer") return {};
  return PluginType(spot, "token-producer");
}

// `true` where a string must be; "8000" where a number must be.
Fix WrongType(const Spot& spot) {
  if (spot.node.kind != Node::Kind::kScalar || spot.where.key) return {};
  const bool string = spot.text_map || spot.key == "name" ||
                      (spot.field != nullptr && spot.field->type == schema::Type::kString);
  if (string && TypeOf(spot.node) != ScalarType::kString) {
    Fix fix{"put it in quotes", {}, {{What::kSetString, spot.where.path, spot.node.text}}};
    return fix;
  }
  if (spot.field == nullptr) return {};
  const ScalarType plain = PlainTypeOf(spot.node.text);
  const schema::Type type = spot.field->type;
  const bool fits =
      (type == schema::Type::kInteger && plain == ScalarType::kInt) ||
      (type == schema::Type::kBool && plain == ScalarType::kBool) ||
      (type == schema::Type::kNumber && (plain == ScalarType::kInt || plain == ScalarType::kFloat));
  if (!spot.node.plain && fits) {
    return {"write it without quotes", {}, {{What::kSetPlain, spot.where.path, spot.node.text}}};
  }
  return {};
}

// What a field takes that a plain value stands in: of its kind, or of a plugin.
schema::Type WantedAt(const Spot& spot) {
  if (spot.text_map || spot.key == "name") return schema::Type::kString;
  if (spot.field != nullptr) return spot.field->type;
  const api::PluginInfo* info = PluginAround(spot);
  if (info == nullptr) return schema::Type::kAny;
  for (const api::ParamSpec& param : ParamsOf(*info)) {
    if (param.name != spot.key) continue;
    if (param.type == api::ParamType::kBool) return schema::Type::kBool;
    if (param.type == api::ParamType::kString) return schema::Type::kString;
    if (param.type == api::ParamType::kInt) return schema::Type::kInteger;
    if (param.type == api::ParamType::kNumber) return schema::Type::kNumber;
  }
  return schema::Type::kAny;
}

// 0x1f, 0o17 and 0b11 as every reader takes them that takes them as numbers; empty: 010, which is
// eight or ten, and what is no such number.
std::string DecimalOf(std::string_view text) {
  const int base = text.starts_with("0x")   ? 16
                   : text.starts_with("0o") ? 8
                   : text.starts_with("0b") ? 2
                                            : 0;
  if (base == 0) return {};
  text.remove_prefix(2);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() ? std::to_string(value) : "";
}

// yes, 0x1f: what the field wants says what was meant.
Fix AmbiguousScalar(const Spot& spot) {
  if (spot.node.kind != Node::Kind::kScalar || spot.where.key) return {};
  const schema::Type wanted = WantedAt(spot);
  std::string meant;
  if (wanted == schema::Type::kString) {
    return {"put it in quotes", {}, {{What::kSetString, spot.where.path, spot.node.text}}};
  }
  if (wanted == schema::Type::kBool) {
    const std::string word = base::ToLower(spot.node.text);
    meant = word == "yes" || word == "on" ? "true" : word == "no" || word == "off" ? "false" : "";
  } else if (wanted == schema::Type::kInteger || wanted == schema::Type::kNumber) {
    meant = DecimalOf(spot.node.text);
  }
  if (meant.empty()) return {};
  return {fmt::format("write {}", meant), {}, {{What::kSetPlain, spot.where.path, meant}}};
}

Fix UnknownKind(const Spot& spot) {
  if (spot.key != "kind" || spot.root == nullptr) return {};
  std::vector<std::string_view> kinds;
  for (const schema::Kind& kind : schema::Kinds()) {
    if (kind.api_version == TextAt(*spot.root, "apiVersion")) kinds.push_back(kind.kind);
  }
  return FromMeant(MeantBy(spot.node.text, kinds),
                   [&](auto kind) { return SetString(spot.where.path, kind); });
}

// A name that exists, but for its case. Other near names are somebody else's.
Fix UnknownName(const Spot& spot, std::string_view kind) {
  std::string_view ns = spot.ns();
  if (spot.parent != nullptr) ns = TextAt(*spot.parent, "namespace", ns);
  std::vector<std::string_view> names;
  for (const lint::Object* object : spot.workspace.OfKind(kind, ns)) names.push_back(object->name);
  Meant meant = MeantBy(spot.node.text, names);
  if (!base::EqualsIgnoreCase(meant.sure, spot.node.text)) meant.sure = {};
  return FromMeant(meant, [&](auto name) { return SetString(spot.where.path, name); });
}

Fix UnknownReference(const Spot& spot) {
  const bool pool = spot.key == "name" && spot.parent != nullptr &&
                    TextAt(*spot.parent, "kind", "InferencePool") == "InferencePool";
  return pool ? UnknownName(spot, "InferencePool") : Fix{};
}

Fix PickerNotFound(const Spot& spot) {
  return spot.key == "name" ? UnknownName(spot, "Service") : Fix{};
}

Fix LegacyGroup(const Spot& spot) {
  const Path group = Sibling(spot, "group");
  if (spot.key != "name" || group.empty() || TextAt(*spot.parent, "group") != kLegacyGroup) {
    return {};
  }
  const std::string_view ns = TextAt(*spot.parent, "namespace", spot.ns());
  if (spot.workspace.Find(kPoolGroup, "InferencePool", ns, spot.node.text) == nullptr) return {};
  return SetString(group, std::string(kPoolGroup));
}

Fix LegacyField(const Spot& spot) {
  const bool split = spot.where.key && spot.key == "split" && spot.parent != nullptr &&
                     At(*spot.parent, "targets") == nullptr;
  return split ? Rename(spot, "targets") : Fix{};
}

// The nearest list item around the finding that says the same as one in front of it.
Fix DuplicateItem(const Spot& spot) {
  const auto& documents = spot.where.file->documents;
  for (Path path = spot.where.path; path.size() > spot.where.depth; path.pop_back()) {
    const Node* list = NodeAt(documents, Path(path.begin(), path.end() - 1));
    if (list == nullptr || list->kind != Node::Kind::kList) continue;
    const Node& item = list->items[path.back()];
    const bool twice =
        std::any_of(list->items.begin(), list->items.begin() + static_cast<ptrdiff_t>(path.back()),
                    [&](const Node& other) { return SameValues({other}, {item}); });
    if (twice) return {"remove it: it is there twice", {}, {{What::kRemoveItem, path, ""}}};
    return {};
  }
  return {};
}

struct Row {
  std::string_view code;
  Fix (*make)(const Spot&);
  bool fewer;  // see IsBetter
};

constexpr Row kRows[] = {
    {codes::kUnknownField, &UnknownField, false},
    {codes::kUnknownKind, &UnknownKind, false},
    {codes::kWrongType, &WrongType, true},
    {codes::kAmbiguousScalar, &AmbiguousScalar, false},
    {codes::kBadValue, &BadValue, false},
    {codes::kDuplicateItem, &DuplicateItem, false},
    {codes::kTargetPorts, &DuplicateItem, false},
    {codes::kUnknownReference, &UnknownReference, false},
    {codes::kPickerNotFound, &PickerNotFound, false},
    {codes::kLegacyReference, &LegacyGroup, false},
    {codes::kPoolGroupMismatch, &LegacyGroup, false},
    {codes::kLegacyField, &LegacyField, false},
    {codes::kUnknownPlugin, &UnknownPlugin, false},
    {codes::kPluginReference, &UnknownPluginRef, false},
    {codes::kDeprecatedPlugin, &RenamedPlugin, false},
    {codes::kPluginNotAvailable, &RenamedPlugin, false},
    {codes::kUnknownParameter, &UnknownParameter, false},
};

const schema::Field* FieldNamed(std::span<const schema::Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const schema::Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

// Walks from the object down to the value, and along its kind's fields.
Spot SpotOf(const lint::Workspace& workspace, const lint::Location& where) {
  Spot spot{workspace, where, where.node(), nullptr, nullptr, {}};
  const auto& documents = where.file->documents;
  spot.root = NodeAt(documents, Path(where.path.begin(),
                                     where.path.begin() + static_cast<ptrdiff_t>(where.depth)));
  spot.kind = schema::FindKind(TextAt(*spot.root, "apiVersion"), TextAt(*spot.root, "kind"));
  if (spot.kind != nullptr) spot.siblings = spot.kind->fields;
  const Node* at = spot.root;
  std::string_view first;  // key below the object
  for (size_t i = where.depth; i < where.path.size(); ++i) {
    const size_t index = where.path[i];
    spot.parent = at;
    const schema::Field* above = spot.field;
    if (at->kind == Node::Kind::kList) {
      spot.key = {};
      spot.field = above != nullptr ? above->items : nullptr;
      at = &at->items[index];
      continue;
    }
    spot.key = at->members[index].key;
    if (i == where.depth) first = spot.key;
    if (i == where.depth + 2 && first == "metadata") spot.text_map = true;
    at = &at->members[index].value;
    if (i > where.depth) {
      spot.siblings = above != nullptr ? above->fields : std::span<const schema::Field>();
    }
    spot.field = above != nullptr && above->type == schema::Type::kMap
                     ? above->items
                     : FieldNamed(spot.siblings, spot.key);
  }
  return spot;
}

}  // namespace

Fix Fixer::For(const api::Diagnostic& finding) {
  const auto* row = std::find_if(std::begin(kRows), std::end(kRows),
                                 [&](const Row& r) { return r.code == finding.code; });
  if (row == std::end(kRows)) return {};
  const auto where = locator_.Find(finding.origin);
  if (!where || where->within) return {};
  const Spot spot = SpotOf(workspace_, *where);
  Fix fix = row->make(spot);
  if (!fix.safe()) {
    fix.title.clear();
    return fix;
  }
  const std::string_view text = where->file->text;
  const bool known = std::all_of(fix.changes.begin(), fix.changes.end(), [&](const Change& c) {
    return EditOf(text, where->file->documents, c).ok();
  });
  if (!known || !IsBetter(spot, fix.changes, row->fewer)) {
    fix.title.clear();
    fix.changes.clear();
  }
  return fix;
}

namespace {

struct Planned {
  std::string title;
  std::vector<Change> changes;
};

// All at once; when they don't fit together, those that fit with the ones before.
void Carry(const lint::SourceFile& file, const std::vector<Planned>& plan, const Limits& limits,
           std::vector<FixedFile>& out) {
  std::vector<Change> all;
  std::vector<std::string> titles;
  for (const Planned& each : plan) {
    all.insert(all.end(), each.changes.begin(), each.changes.end());
    titles.push_back(each.title);
  }
  auto text = ChangeText(file.path, file.text, file.documents, all, limits);
  if (text.ok()) {
    out.push_back({file.path, std::move(*text), std::move(titles)});
    return;
  }
  FixedFile fixed{file.path, file.text, {}};
  all.clear();
  for (const Planned& each : plan) {
    std::vector<Change> more = all;
    more.insert(more.end(), each.changes.begin(), each.changes.end());
    auto next = ChangeText(file.path, file.text, file.documents, more, limits);
    if (!next.ok()) continue;
    all = std::move(more);
    fixed.text = std::move(*next);
    fixed.titles.push_back(each.title);
  }
  if (!all.empty()) out.push_back(std::move(fixed));
}

bool SameChange(const Change& a, const Change& b) {
  return a.what == b.what && a.path == b.path && a.text == b.text;
}

}  // namespace

std::vector<FixedFile> FixAll(const lint::Verdict& verdict, const Limits& limits) {
  Fixer fixer(verdict.workspace);
  std::map<std::string_view, std::vector<Planned>> plans;
  std::map<std::string_view, std::vector<Change>> planned;
  for (const api::Diagnostic& finding : verdict.findings) {
    Fix fix = fixer.For(finding);
    if (!fix.safe()) continue;
    std::vector<Change>& known = planned[*finding.origin.file];
    std::erase_if(fix.changes, [&](const Change& change) {
      return std::any_of(known.begin(), known.end(),
                         [&](const Change& other) { return SameChange(other, change); });
    });
    if (fix.changes.empty()) continue;
    known.insert(known.end(), fix.changes.begin(), fix.changes.end());
    plans[*finding.origin.file].push_back(
        {fmt::format("{}: {}", finding.origin.ToString(), fix.title), std::move(fix.changes)});
  }
  std::vector<FixedFile> out;
  for (const lint::SourceFile& file : verdict.workspace.files()) {
    const auto plan = plans.find(file.path);
    if (plan != plans.end() && !file.unusable) Carry(file, plan->second, limits, out);
  }
  return out;
}

}  // namespace inference::manifest::edit
