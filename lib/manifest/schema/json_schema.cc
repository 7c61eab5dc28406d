#include "manifest/schema/json_schema.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <string_view>

namespace inference::manifest::schema {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kDialect = "https://json-schema.org/draft/2020-12/schema";

std::string_view PatternOf(Format format) {
  switch (format) {
    case Format::kGroup:
      return "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    case Format::kDnsSubdomain:
      return "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
    case Format::kKind:
      return "^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$";
    case Format::kNamespace:
      return "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
    case Format::kLabelKey:
      return "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
    case Format::kLabelValue:
      return "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$";
    case Format::kControllerName:
    case Format::kIpAddress:
    case Format::kHostName:
    case Format::kNone:
      return "";
  }
  return "";
}

// A default is written as YAML: a number, true, false, or a text.
Json DefaultOf(const Field& field) {
  if (field.type == Type::kBool) return field.def == "true";
  if (field.type == Type::kInteger || field.type == Type::kNumber) {
    int64_t value = 0;
    std::from_chars(field.def.data(), field.def.data() + field.def.size(), value);
    return value;
  }
  return field.def == "\"\"" ? "" : std::string(field.def);
}

void AddBounds(const Field& field, std::string_view low, std::string_view high, Json& out) {
  if (field.min != kNoMin) out[std::string(low)] = field.min;
  if (field.max != kNoMax) out[std::string(high)] = field.max;
}

Json SchemaOf(const Field& field);

void AddFields(std::span<const Field> fields, bool open, Json& out) {
  out["type"] = "object";
  Json required = Json::array();
  for (const Field& field : fields) {
    out["properties"][std::string(field.name)] = SchemaOf(field);
    if (field.required) required.push_back(field.name);
  }
  if (!required.empty()) out["required"] = required;
  if (!open) out["additionalProperties"] = false;
}

void AddText(const Field& field, Json& out) {
  out["type"] = "string";
  AddBounds(field, "minLength", "maxLength", out);
  if (!field.one_of.empty()) out["enum"] = field.one_of;
  const std::string_view pattern = PatternOf(field.format);
  if (!pattern.empty()) out["pattern"] = pattern;
}

Json SchemaOf(const Field& field) {
  Json out = Json::object();
  if (!field.doc.empty()) out["description"] = field.doc;
  switch (field.type) {
    case Type::kObject:
      AddFields(field.fields, field.open, out);
      break;
    case Type::kMap:
      out["type"] = "object";
      AddBounds(field, "minProperties", "maxProperties", out);
      out["additionalProperties"] = SchemaOf(*field.items);
      break;
    case Type::kList:
      out["type"] = "array";
      AddBounds(field, "minItems", "maxItems", out);
      out["items"] = SchemaOf(*field.items);
      break;
    case Type::kString:
      AddText(field, out);
      break;
    case Type::kInteger:
      out["type"] = "integer";
      AddBounds(field, "minimum", "maximum", out);
      break;
    case Type::kNumber:
      out["type"] = "number";
      AddBounds(field, "minimum", "maximum", out);
      break;
    case Type::kBool:
      out["type"] = "boolean";
      break;
    case Type::kDuration:
      out["type"] = "string";
      out["pattern"] = "^(0|([0-9]+(\\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$";
      break;
    case Type::kQuantity:
    case Type::kIntOrString:
      out["type"] = {"integer", "string"};
      break;
    case Type::kAny:
      break;
  }
  if (!field.def.empty()) out["default"] = DefaultOf(field);
  return out;
}

Json BodyOf(const Kind& kind) {
  Json out = Json::object();
  out["title"] = kind.kind;
  out["description"] = kind.doc;
  AddFields(kind.fields, false, out);
  Json properties = Json::object();
  properties["apiVersion"]["const"] = kind.api_version;
  properties["kind"]["const"] = kind.kind;
  if (kind.has_metadata) {
    properties["metadata"] = {{"type", "object"},
                              {"properties", {{"name", {{"type", "string"}}}}},
                              {"required", {"name"}}};
  }
  properties.update(out["properties"]);
  out["properties"] = properties;
  Json required = {"apiVersion", "kind"};
  if (kind.has_metadata) required.push_back("metadata");
  if (out.contains("required")) {
    required.insert(required.end(), out["required"].begin(), out["required"].end());
  }
  out["required"] = required;
  return out;
}

}  // namespace

std::string JsonSchemaOf(const Kind& kind, std::string_view path) {
  Json out = Json::object();
  out["$schema"] = kDialect;
  out.update(path.empty() ? BodyOf(kind) : SchemaOf(*FindField(kind, path)));
  return out.dump(2) + "\n";
}

std::string JsonSchemaOfAll() {
  Json out = Json::object();
  out["$schema"] = kDialect;
  out["title"] = "Manifests and configuration of inferenced";
  for (const Kind& kind : Kinds()) out["oneOf"].push_back(BodyOf(kind));
  return out.dump(2) + "\n";
}

}  // namespace inference::manifest::schema
