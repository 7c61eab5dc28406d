#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "api/codes.h"
#include "inference/version.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/reports/place.h"
#include "inferencectl/reports/reports.h"

// The formats that are JSON.
namespace inference::ctl {
namespace {

namespace codes = api::codes;

std::string UriOf(const api::Diagnostic& d) {
  if (!d.origin.file) return "";
  return std::filesystem::path(*d.origin.file).lexically_normal().generic_string();
}

Json FindingJson(const Places& places, const api::Diagnostic& d) {
  const Place place = places.Find(d);
  Json out = DiagnosticJson(d);
  out["endLine"] = place.end_line > 0 ? Json(place.end_line) : Json(nullptr);
  out["endColumn"] = place.end_column > 0 ? Json(place.end_column) : Json(nullptr);
  out["document"] = place.document >= 0 ? Json(place.document) : Json(nullptr);
  out["pointer"] = place.document >= 0 ? Json(place.pointer) : Json(nullptr);
  out["object"] = nullptr;
  if (place.object != nullptr) {
    out["object"] = {{"apiVersion", place.object->kind->api_version},
                     {"kind", place.object->kind->kind},
                     {"namespace", place.object->ns},
                     {"name", place.object->name}};
  }
  out["fingerprint"] = place.fingerprint;
  return out;
}

Json RuleJson(const codes::CodeInfo& info) {
  const char* level =
      info.severity == api::Severity::kInfo ? "note" : LevelName(info.severity).data();
  return {{"id", info.code},
          {"name", info.name},
          {"shortDescription", {{"text", info.title}}},
          {"fullDescription", {{"text", info.why}}},
          {"defaultConfiguration", {{"level", level}}}};
}

Json RegionJson(const api::Diagnostic& d, const Place& place) {
  Json region{{"startLine", d.origin.line}, {"startColumn", std::max(d.origin.column, 1)}};
  if (place.end_column > d.origin.column) region["endColumn"] = place.end_column;
  return region;
}

Json ResultJson(const Places& places, const api::Diagnostic& d) {
  const Place place = places.Find(d);
  Json out;
  out["ruleId"] = d.code;
  out["level"] = d.severity == api::Severity::kInfo ? "note" : LevelName(d.severity).data();
  out["message"]["text"] = d.note.empty() ? d.message : d.message + "; " + d.note;
  Json location;
  if (d.origin.file) {
    location["physicalLocation"]["artifactLocation"]["uri"] = UriOf(d);
    if (d.origin.line > 0) location["physicalLocation"]["region"] = RegionJson(d, place);
  }
  if (place.object != nullptr) {
    location["logicalLocations"] = {
        {{"fullyQualifiedName", place.object->Title() + place.pointer}, {"kind", "object"}}};
  }
  out["locations"] = Json::array();
  if (!location.is_null()) out["locations"].push_back(location);
  out["partialFingerprints"]["inferencectl/v1"] = place.fingerprint;
  return out;
}

}  // namespace

Json ValidationJson(const manifest::lint::Verdict& verdict, base::WallTime now) {
  const Places places(verdict);
  size_t errors = 0, warnings = 0;
  for (const api::Diagnostic& d : verdict.findings) {
    errors += d.severity == api::Severity::kError ? 1 : 0;
    warnings += d.severity == api::Severity::kWarning ? 1 : 0;
  }
  Json out = Envelope("ValidationReport", now);
  out["summary"] = {{"errors", errors},
                    {"warnings", warnings},
                    {"suppressed", verdict.suppressed.size()},
                    {"files", verdict.workspace.files().size()},
                    {"objects", verdict.documents}};
  out["findings"] = Json::array();
  for (const api::Diagnostic& d : verdict.findings) {
    out["findings"].push_back(FindingJson(places, d));
  }
  out["suppressed"] = Json::array();
  for (const manifest::lint::Suppressed& each : verdict.suppressed) {
    Json finding = FindingJson(places, each.finding);
    finding["reason"] = each.reason;
    out["suppressed"].push_back(finding);
  }
  return out;
}

std::string ValidationJsonLines(const manifest::lint::Verdict& verdict) {
  const Places places(verdict);
  std::string out;
  for (const api::Diagnostic& d : verdict.findings) out += ToText(FindingJson(places, d), true);
  return out;
}

std::string SarifReport(const manifest::lint::Verdict& verdict) {
  const Places places(verdict);
  Json run;
  Json& driver = run["tool"]["driver"];
  driver["name"] = "inferencectl";
  driver["semanticVersion"] = INFERENCE_VERSION;
  driver["rules"] = Json::array();
  std::set<std::string_view> used;
  for (const api::Diagnostic& d : verdict.findings) used.insert(d.code);
  for (const manifest::lint::Suppressed& each : verdict.suppressed) used.insert(each.finding.code);
  for (const codes::CodeInfo& info : codes::All()) {
    if (used.contains(info.code)) driver["rules"].push_back(RuleJson(info));
  }
  run["columnKind"] = "unicodeCodePoints";
  run["results"] = Json::array();
  for (const api::Diagnostic& d : verdict.findings) run["results"].push_back(ResultJson(places, d));
  for (const manifest::lint::Suppressed& each : verdict.suppressed) {
    Json result = ResultJson(places, each.finding);
    result["suppressions"] = {{{"kind", "inSource"}, {"justification", each.reason}}};
    run["results"].push_back(result);
  }
  Json out;
  out["$schema"] =
      "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
  out["version"] = "2.1.0";
  out["runs"] = Json::array({run});
  return ToText(out);
}

std::string GitlabReport(const manifest::lint::Verdict& verdict) {
  const Places places(verdict);
  Json out = Json::array();
  for (const api::Diagnostic& d : verdict.findings) {
    out.push_back(
        {{"description", d.message},
         {"check_name", d.code},
         {"fingerprint", places.Find(d).fingerprint},
         {"severity", d.severity == api::Severity::kError     ? "major"
                      : d.severity == api::Severity::kWarning ? "minor"
                                                              : "info"},
         {"location", {{"path", UriOf(d)}, {"lines", {{"begin", std::max(d.origin.line, 1)}}}}}});
  }
  return ToText(out);
}

}  // namespace inference::ctl
