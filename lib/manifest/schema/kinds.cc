#include <algorithm>
#include <vector>

#include "manifest/schema/schema.h"

namespace inference::manifest::schema {
namespace {

std::vector<Kind> AllKinds() {
  std::vector<Kind> all;
  for (const auto kinds : {InferenceKinds(), OurKinds(), ConfigurationKinds(), CommandLineKinds(),
                           TestKinds(), OlderInferenceKinds(), GatewayKinds(), WorkloadKinds()}) {
    all.insert(all.end(), kinds.begin(), kinds.end());
  }
  return all;
}

const Field* Inner(const Field* field) {
  while (field != nullptr && field->items != nullptr) field = field->items;
  return field;
}

const Field* FindIn(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const Field& field) { return field.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace

std::span<const Kind> Kinds() {
  static const std::vector<Kind> kAll = AllKinds();
  return kAll;
}

const Kind* FindKind(std::string_view api_version, std::string_view kind) {
  const auto kinds = Kinds();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& known) {
    return known.api_version == api_version && known.kind == kind;
  });
  return found == kinds.end() ? nullptr : &*found;
}

std::string_view GroupOf(std::string_view api_version) {
  const size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

const Field* FindField(const Kind& kind, std::string_view path) {
  std::span<const Field> fields = kind.fields;
  const Field* field = nullptr;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    while (name.ends_with("[]") || name.ends_with("{}")) name.remove_suffix(2);
    field = FindIn(fields, name);
    if (field == nullptr) return nullptr;
    fields = Inner(field)->fields;
  }
  return field;
}

std::string TypeName(const Field& field) {
  switch (field.type) {
    case Type::kObject:
      return "object";
    case Type::kMap:
      return "map of " + TypeName(*field.items) + "s";
    case Type::kList:
      return "list of " + TypeName(*field.items) + "s";
    case Type::kString:
      return "string";
    case Type::kInteger:
      return "integer";
    case Type::kNumber:
      return "number";
    case Type::kBool:
      return "boolean";
    case Type::kDuration:
      return "duration";
    case Type::kQuantity:
      return "quantity";
    case Type::kIntOrString:
      return "integer or string";
    case Type::kAny:
      return "value";
  }
  return "value";
}

}  // namespace inference::manifest::schema
