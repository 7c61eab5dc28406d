#include "inferencectl/changes/object_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "inferencectl/changes/change_view.h"
#include "inferencectl/changes/kinds.h"
#include "inferencectl/format.h"
#include "inferencectl/list_view.h"
#include "inferencectl/table.h"

namespace inference::ctl {
namespace {

using admin::v1::ListObjectsResponse;
using admin::v1::Object;

std::string NameOf(const Object& object) {
  return object.key().namespace_() + "/" + object.key().name();
}

Json ObjectJson(const Object& object) {
  Json out = KeyJson(object.key());
  out["labels"] = Json::object();
  for (const auto& [key, value] :
       std::map<std::string, std::string>(object.labels().begin(), object.labels().end())) {
    out["labels"][key] = value;
  }
  const bool applied = object.file().empty();
  out["source"] = applied ? "applied" : "file";
  out["file"] = applied ? Json(nullptr) : Json(object.file());
  out["line"] = applied ? Json(nullptr) : Json(object.line());
  out["appliedGeneration"] = applied ? Json(object.applied_generation()) : Json(nullptr);
  out["text"] = object.text();
  return out;
}

void PrintTexts(const Invocation& run, const ListObjectsResponse& list) {
  bool first = true;
  for (const Object& object : list.objects()) {
    run.Print((first ? "" : "---\n") + object.text());
    first = false;
  }
}

Table ObjectTable(const ListObjectsResponse& list, bool wide) {
  Table table;
  table.AddColumn("KIND");
  table.AddColumn("NAME");
  table.AddColumn("SOURCE");
  if (wide) table.AddColumn("GROUP");
  for (const Object& object : list.objects()) {
    std::vector<Cell> row{SafeForTerminal(object.key().kind()), SafeForTerminal(NameOf(object)),
                          SourceText(object)};
    if (wide) row.emplace_back(SafeForTerminal(object.key().group()));
    table.AddRow(std::move(row));
  }
  return table;
}

Json ListJson(const Invocation& run, const ListObjectsResponse& list) {
  Json out = Envelope("ManifestList", run.world.clock.WallNow(), run.Server());
  out["generation"] = list.generation();
  out["appliedGeneration"] = list.applied_generation();
  out["items"] = Json::array();
  for (const Object& object : list.objects()) out["items"].push_back(ObjectJson(object));
  return out;
}

}  // namespace

std::string SourceText(const Object& object) {
  if (object.file().empty()) {
    return fmt::format("applied, generation {}", object.applied_generation());
  }
  return SafeForTerminal(fmt::format("{}:{}:{}", object.file(), object.line(), object.column()));
}

std::vector<std::string> KeepNamed(const std::vector<std::string>& names,
                                   ListObjectsResponse& list) {
  if (names.empty()) return {};
  std::set<std::string> unseen(names.begin(), names.end());
  const auto named = [&](const Object& object) {
    bool wanted = false;
    for (const std::string& name : names) {
      if (name != NameOf(object) && name != object.key().name()) continue;
      wanted = true;
      unseen.erase(name);
    }
    return wanted;
  };
  auto* objects = list.mutable_objects();
  objects->erase(std::remove_if(objects->begin(), objects->end(),
                                [&](const Object& object) { return !named(object); }),
                 objects->end());
  return {unseen.begin(), unseen.end()};
}

Table ObjectColumns() {
  return ObjectTable({}, /*wide=*/true);
}

void PrintObjects(const Invocation& run, const ListObjectsResponse& list) {
  if (run.format() == "jsonl") {
    for (const Object& object : list.objects()) {
      Json out{{"apiVersion", kOutputVersion}, {"kind", "Manifest"}};
      out["item"] = ObjectJson(object);
      run.Print(ToText(out, /*compact=*/true));
    }
  } else if (run.format() == "name") {
    for (const Object& object : list.objects()) run.Print(Title(object.key()) + "\n");
  } else if (run.format() == "text") {
    PrintTexts(run, list);
  } else if (!PrintListDocument(run, ListJson(run, list))) {
    Table table = ObjectTable(list, WantsAllColumns(run));
    if (table.empty()) {
      run.Remark("no manifests");
      return;
    }
    PrintTable(run, std::move(table), /*headers=*/true);
  }
}

}  // namespace inference::ctl
