#include "inferencectl/traffic/patch.h"

#include <algorithm>
#include <utility>

#include "manifest/document.h"

namespace inference::ctl::traffic {
namespace {

using Pointer = Json::json_pointer;

Json ToJson(const api::Value& value) {
  if (const auto* text = value.AsString()) return *text;
  if (const auto* yes = value.AsBool()) return *yes;
  if (const auto* integer = value.AsInt()) return *integer;
  if (const auto* number = value.AsDouble()) return *number;
  if (const auto* list = value.AsList()) {
    Json out = Json::array();
    for (const api::Value& item : *list) out.push_back(ToJson(item));
    return out;
  }
  Json out;
  if (const auto* map = value.AsMap()) {
    out = Json::object();
    for (const auto& member : *map) out[member.key] = ToJson(member.value);
  }
  return out;
}

Json ToJson(const manifest::Node& document) {
  api::Diagnostics ambiguous;  // it is in force: there is none
  return ToJson(manifest::ToValue(document, ambiguous));
}

/// What must be as it is for `change` to mean the same.
void AddTests(const Json& object, const Json& change, Json& tests) {
  const auto add = [&](const Pointer& path) {
    Json test{{"op", "test"}, {"path", path.to_string()}, {"value", object.at(path)}};
    if (std::find(tests.begin(), tests.end(), test) == tests.end()) tests.push_back(test);
  };
  const Pointer path(change.at("path").get<std::string>());
  const Pointer beside = path.parent_pointer();
  if (object.at(beside).is_object()) {
    for (const char* name : {"modelRewrite", "name"}) {
      if (object.at(beside).contains(name)) add(beside / std::string(name));
    }
  }
  if (change.at("op") != "add") add(path);
}

}  // namespace

Json PatchOf(const Source& source, const WeightPlan& plan) {
  if (!plan.changes()) return Json::array();
  api::Diagnostics none;  // the plan's text has been read before
  const auto after = manifest::ParseDocuments(source.path, plan.text, none, {});
  const Json object = ToJson(source.documents[source.document]);
  const Json changes = Json::diff(object, ToJson(after[source.document]));
  Json patch = Json::array();
  for (const Json& change : changes) AddTests(object, change, patch);
  patch.insert(patch.end(), changes.begin(), changes.end());
  return patch;
}

}  // namespace inference::ctl::traffic
