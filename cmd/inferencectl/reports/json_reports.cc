#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "api/codes.h"
#include "inference/version.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/reports/reports.h"

// The formats that are JSON.
namespace inference::ctl {
namespace {

namespace codes = api::codes;

std::string UriOf(const api::Diagnostic& d) {
  if (!d.origin.file) return "";
  return std::filesystem::path(*d.origin.file).lexically_normal().generic_string();
}

/// A place in a text, from a byte.
struct TextPlace {
  int line = 1, column = 1;
};

TextPlace PlaceOf(std::string_view text, size_t offset) {
  const size_t mark = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  TextPlace place;
  for (size_t i = mark; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

std::string_view TextOf(const Assessment& assessment, const Finding& finding) {
  for (const auto& file : assessment.verdict.workspace.files()) {
    if (finding.diagnostic.origin.file && file.path == *finding.diagnostic.origin.file) {
      return file.text;
    }
  }
  return {};
}

Json FixJson(const Assessment& assessment, const Finding& finding) {
  if (finding.edits.empty()) return nullptr;
  const std::string_view text = TextOf(assessment, finding);
  Json edits = Json::array();
  for (const manifest::edit::Edit& edit : finding.edits) {
    const TextPlace begin = PlaceOf(text, edit.begin), end = PlaceOf(text, edit.end);
    edits.push_back({{"offset", edit.begin},
                     {"length", edit.end - edit.begin},
                     {"line", begin.line},
                     {"column", begin.column},
                     {"endLine", end.line},
                     {"endColumn", end.column},
                     {"replacement", edit.replacement}});
  }
  return {{"title", finding.fix.title}, {"edits", edits}};
}

Json ObjectJson(const manifest::lint::Object* object) {
  if (object == nullptr) return nullptr;
  return {{"apiVersion", object->kind->api_version},
          {"kind", object->kind->kind},
          {"namespace", object->ns},
          {"name", object->name}};
}

Json FindingJson(const Assessment& assessment, const Finding& finding) {
  const Place& place = finding.place;
  Json out = DiagnosticJson(finding.diagnostic);
  out["endLine"] = place.end_line > 0 ? Json(place.end_line) : Json(nullptr);
  out["endColumn"] = place.end_column > 0 ? Json(place.end_column) : Json(nullptr);
  out["document"] = place.document >= 0 ? Json(place.document) : Json(nullptr);
  out["pointer"] = place.document >= 0 ? Json(place.pointer) : Json(nullptr);
  out["object"] = ObjectJson(place.object);
  out["fingerprint"] = place.fingerprint;
  out["suggestions"] = finding.fix.suggestions;
  out["fix"] = FixJson(assessment, finding);
  if (finding.since != Since::kNone) out["status"] = SinceName(finding.since);
  return out;
}

Json FixedJson(const EarlierFinding& gone) {
  return {{"code", gone.code},
          {"level", gone.level},
          {"message", gone.message},
          {"file", gone.file},
          {"object", gone.object.empty() ? Json(nullptr) : Json(gone.object)},
          {"fingerprint", gone.fingerprint},
          {"status", "fixed"}};
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

// A fix as SARIF 2.1.0 has it (3.55).
Json SarifFix(const Assessment& assessment, const Finding& finding) {
  const std::string_view text = TextOf(assessment, finding);
  Json replacements = Json::array();
  for (const manifest::edit::Edit& edit : finding.edits) {
    const TextPlace begin = PlaceOf(text, edit.begin), end = PlaceOf(text, edit.end);
    Json replacement;
    replacement["deletedRegion"] = {{"startLine", begin.line},
                                    {"startColumn", begin.column},
                                    {"endLine", end.line},
                                    {"endColumn", end.column}};
    replacement["insertedContent"]["text"] = edit.replacement;
    replacements.push_back(replacement);
  }
  Json change;
  change["artifactLocation"]["uri"] = UriOf(finding.diagnostic);
  change["replacements"] = replacements;
  Json fix;
  fix["description"]["text"] = finding.fix.title;
  fix["artifactChanges"] = Json::array({change});
  return fix;
}

Json ResultJson(const Assessment& assessment, const Finding& finding) {
  const api::Diagnostic& d = finding.diagnostic;
  const Place& place = finding.place;
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
  if (finding.since != Since::kNone) out["baselineState"] = SinceName(finding.since);
  if (!finding.edits.empty()) out["fixes"] = Json::array({SarifFix(assessment, finding)});
  return out;
}

}  // namespace

Json ValidationJson(const Assessment& assessment, base::WallTime now) {
  Json out = Envelope("ValidationReport", now);
  Json& summary = out["summary"];
  summary = {{"errors", assessment.CountOf(api::Severity::kError)},
             {"warnings", assessment.CountOf(api::Severity::kWarning)},
             {"suppressed", assessment.suppressed.size()},
             {"files", assessment.verdict.workspace.files().size()},
             {"objects", assessment.verdict.documents}};
  if (assessment.compared) {
    summary["new"] = assessment.CountOf(Since::kNew);
    summary["unchanged"] = assessment.CountOf(Since::kUnchanged);
    summary["fixed"] = assessment.fixed.size();
  }
  out["findings"] = Json::array();
  for (const Finding& finding : assessment.findings) {
    out["findings"].push_back(FindingJson(assessment, finding));
  }
  out["suppressed"] = Json::array();
  for (const Finding& each : assessment.suppressed) {
    Json finding = FindingJson(assessment, each);
    finding["reason"] = each.reason;
    out["suppressed"].push_back(finding);
  }
  if (!assessment.compared) return out;
  out["fixed"] = Json::array();
  for (const EarlierFinding& gone : assessment.fixed) out["fixed"].push_back(FixedJson(gone));
  return out;
}

std::string ValidationJsonLines(const Assessment& assessment) {
  std::string out;
  for (const Finding& finding : assessment.findings) {
    out += ToText(FindingJson(assessment, finding), true);
  }
  for (const EarlierFinding& gone : assessment.fixed) out += ToText(FixedJson(gone), true);
  return out;
}

std::string SarifReport(const Assessment& assessment) {
  Json run;
  Json& driver = run["tool"]["driver"];
  driver["name"] = "inferencectl";
  driver["semanticVersion"] = INFERENCE_VERSION;
  driver["rules"] = Json::array();
  std::set<std::string_view> used;
  for (const Finding& finding : assessment.findings) used.insert(finding.diagnostic.code);
  for (const Finding& each : assessment.suppressed) used.insert(each.diagnostic.code);
  for (const codes::CodeInfo& info : codes::All()) {
    if (used.contains(info.code)) driver["rules"].push_back(RuleJson(info));
  }
  run["columnKind"] = "unicodeCodePoints";
  run["results"] = Json::array();
  for (const Finding& finding : assessment.findings) {
    run["results"].push_back(ResultJson(assessment, finding));
  }
  for (const Finding& each : assessment.suppressed) {
    Json result = ResultJson(assessment, each);
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

std::string GitlabReport(const Assessment& assessment) {
  Json out = Json::array();
  // GitLab compares with the target branch by itself.
  for (const Finding& finding : assessment.findings) {
    const api::Diagnostic& d = finding.diagnostic;
    out.push_back(
        {{"description", d.message},
         {"check_name", d.code},
         {"fingerprint", finding.place.fingerprint},
         {"severity", d.severity == api::Severity::kError     ? "major"
                      : d.severity == api::Severity::kWarning ? "minor"
                                                              : "info"},
         {"location", {{"path", UriOf(d)}, {"lines", {{"begin", std::max(d.origin.line, 1)}}}}}});
  }
  return ToText(out);
}

}  // namespace inference::ctl
