#include "inferencectl/output/kinds.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "inferencectl/envelope.h"
#include "manifest/schema/json_schema.h"

namespace inference::ctl::output {
namespace {

/// What a manifest's schema forbids an output's allows: more fields, and null for what isn't known.
void Open(Json& schema) {
  if (!schema.is_object()) return;
  if (schema.contains("additionalProperties")) {
    if (schema["additionalProperties"].is_boolean()) {
      schema.erase("additionalProperties");
    } else {
      Open(schema["additionalProperties"]);
    }
  }
  if (schema.contains("items")) Open(schema["items"]);
  if (!schema.contains("properties")) return;
  const Json required = schema.value("required", Json::array());
  for (auto& [name, property] : schema["properties"].items()) {
    Open(property);
    const bool sure = std::find(required.begin(), required.end(), name) != required.end();
    if (sure || !property.contains("type")) continue;
    property["type"] = {property["type"], "null"};
    if (property.contains("enum")) property["enum"].push_back(nullptr);
  }
}

}  // namespace

std::span<const Kind> Kinds() {
  static const std::vector<Kind> kAll = [] {
    std::vector<Kind> all;
    for (const auto kinds :
         {ChangeKinds(), DaemonKinds(), DecisionKinds(), OfflineKinds(), TrafficKinds()}) {
      all.insert(all.end(), kinds.begin(), kinds.end());
    }
    std::sort(all.begin(), all.end(), [](const Kind& a, const Kind& b) { return a.kind < b.kind; });
    return all;
  }();
  return kAll;
}

const Kind* FindKind(std::string_view name) {
  for (const Kind& kind : Kinds()) {
    if (base::EqualsIgnoreCase(kind.kind, name)) return &kind;
  }
  return nullptr;
}

std::string JsonSchemaOf(const Kind& kind) {
  Json schema = Json::parse(manifest::schema::JsonSchemaOf(kind));
  Open(schema);
  return ToText(schema);
}

}  // namespace inference::ctl::output
