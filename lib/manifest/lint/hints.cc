#include "manifest/lint/hints.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

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

}  // namespace

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
