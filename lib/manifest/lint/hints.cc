#include "manifest/lint/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "base/text.h"

namespace inference::manifest::lint {
namespace {

using schema::Field;

/// How older and newer versions of a kind say the same.
struct Renamed {
  std::string_view kind, version, field, note;  // version: that doesn't have the field
};
constexpr Renamed kRenamed[] = {
    {"InferencePool", "/v1", "targetPortNumber", "here it is targetPorts: [{number: 8000}]"},
    {"InferencePool", "/v1", "extensionRef",
     "here it is endpointPickerRef: {name: NAME, port: {number: 9002}}"},
    {"InferencePool", "/v1alpha2", "targetPorts", "here it is targetPortNumber: 8000; v1 has it"},
    {"InferencePool", "/v1alpha2", "endpointPickerRef", "here it is extensionRef; v1 has it"},
    {"InferencePool", "/v1alpha2", "matchLabels", "here labels stand in selector itself"},
    {"InferenceObjective", "", "criticality",
     "here it is priority, a number: more is served first, below 0 is shed first"},
};

/// The way to the member: the fields that are known on each level, and its names.
struct Way {
  const Node* parent = nullptr;
  std::span<const Field> fields, above;
  std::string_view parent_name;
};

const Field* Named(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::span<const Field> Inside(const Field& field) {
  const Field* inner = &field;
  while (inner->items != nullptr) inner = inner->items;
  return inner->fields;
}

// Down to the map that has the key at that place.
bool Find(const Node& node, const Way& here, const api::Origin& key, Way& out) {
  for (const Node& item : node.items) {
    if (Find(item, here, key, out)) return true;
  }
  for (const NodeMember& member : node.members) {
    if (member.key_at.line == key.line && member.key_at.column == key.column) {
      out = here;
      out.parent = &node;
      return true;
    }
    const Field* field = Named(here.fields, member.key);
    if (field == nullptr) continue;
    const Way next{nullptr, Inside(*field), here.fields, member.key};
    if (Find(member.value, next, key, out)) return true;
  }
  return false;
}

std::string_view KeyAt(const Node& map, const api::Origin& key) {
  for (const NodeMember& member : map.members) {
    if (member.key_at.line == key.line && member.key_at.column == key.column) return member.key;
  }
  return {};
}

// The scalar at that place, and its field.
const Node* FindScalar(const Node& node, const Field* field, std::span<const Field> fields,
                       const api::Origin& at, const Field*& out) {
  if (node.kind == Node::Kind::kScalar && node.at.line == at.line && node.at.column == at.column) {
    out = field;
    return &node;
  }
  for (const Node& item : node.items) {
    const Field* inner = field != nullptr ? field->items : nullptr;
    const Node* found = FindScalar(item, inner, inner != nullptr ? inner->fields : fields, at, out);
    if (found != nullptr) return found;
  }
  for (const NodeMember& member : node.members) {
    const Field* inner = Named(fields, member.key);
    if (inner == nullptr) continue;
    if (const Node* found = FindScalar(member.value, inner, inner->fields, at, out)) return found;
  }
  return nullptr;
}

}  // namespace

std::string WrongShapeNote(const Node& document, const schema::Kind& kind,
                           const api::Origin& value) {
  const Field* field = nullptr;
  const Node* node = FindScalar(document, nullptr, kind.fields, value, field);
  if (node == nullptr || field == nullptr || node->text.empty()) return "";
  const std::string text = base::Printable(node->text, 60);
  if (field->type == schema::Type::kList) {
    const bool scalars = field->items != nullptr && field->items->fields.empty();
    return scalars ? fmt::format("write it as a list: [{}]", text) : "";
  }
  if (field->type != schema::Type::kObject || field->fields.empty()) return "";
  const auto required = std::find_if(field->fields.begin(), field->fields.end(),
                                     [](const Field& each) { return each.required; });
  if (required == field->fields.end() || !required->fields.empty()) return "";
  return fmt::format("write it as {{{}: {}}}", required->name, text);
}

std::string UnknownFieldNote(const Node& document, const schema::Kind& kind,
                             const api::Origin& key) {
  Way way;
  if (!Find(document, {nullptr, kind.fields, {}, ""}, key, way)) return "";
  const std::string_view name = KeyAt(*way.parent, key);
  for (const Renamed& renamed : kRenamed) {
    if (renamed.kind == kind.kind && renamed.field == name &&
        kind.api_version.ends_with(renamed.version)) {
      return std::string(renamed.note);
    }
  }
  for (const Field& field : way.fields) {
    if (Named(Inside(field), name) == nullptr) continue;
    return field.items != nullptr ? fmt::format("it belongs into an item of {}", field.name)
                                  : fmt::format("it belongs into {}: indent it", field.name);
  }
  if (!way.parent_name.empty() && Named(way.above, name) != nullptr) {
    return fmt::format("it belongs beside {}, a level higher", way.parent_name);
  }
  const Field* labels = Named(way.fields, "matchLabels");
  if (labels != nullptr) return "labels go into matchLabels";
  return "";
}

}  // namespace inference::manifest::lint
