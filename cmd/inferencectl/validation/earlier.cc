#include "inferencectl/validation/earlier.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <tuple>

#include "base/text.h"
#include "inferencectl/validation/inputs.h"
#include "manifest/reader.h"

namespace inference::ctl {
namespace {

constexpr std::string_view kBaselineKind = "ValidationBaseline";
constexpr std::string_view kGit = "git:";

Status Unusable(const std::string& path, std::string_view what) {
  return {Code::kInvalidArgument,
          fmt::format("{}: {}; --write-baseline makes one", base::Printable(path, 400), what)};
}

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

Result<std::vector<EarlierFinding>> ReadBaseline(const std::string& path) {
  const auto text = manifest::ReadFile(path);
  if (!text) return Status(Code::kInvalidArgument, text.status().message());
  const Json json = Json::parse(*text, nullptr, false);
  if (!json.is_object() || TextOf(json, "kind") != kBaselineKind || !json.contains("findings") ||
      !json["findings"].is_array()) {
    return Unusable(path, "not a baseline");
  }
  std::vector<EarlierFinding> out;
  for (const Json& each : json["findings"]) {
    if (!each.is_object() || TextOf(each, "fingerprint").empty()) {
      return Unusable(path, "a finding of the baseline has no fingerprint");
    }
    out.push_back({TextOf(each, "fingerprint"), TextOf(each, "code"), TextOf(each, "level"),
                   TextOf(each, "file"), TextOf(each, "object"), TextOf(each, "message")});
  }
  return out;
}

std::string BaselineText(const Assessment& assessment) {
  std::vector<EarlierFinding> findings;
  for (const Finding& finding : assessment.findings) findings.push_back(Remembered(finding));
  std::stable_sort(findings.begin(), findings.end(), [](const auto& a, const auto& b) {
    return std::tie(a.file, a.object, a.code, a.fingerprint) <
           std::tie(b.file, b.object, b.code, b.fingerprint);
  });
  std::string lines;
  for (const EarlierFinding& each : findings) {
    const Json line{{"fingerprint", each.fingerprint},
                    {"code", each.code},
                    {"level", each.level},
                    {"file", each.file},
                    {"object", each.object},
                    {"message", each.message}};
    const std::string text = ToText(line, true);
    lines += lines.empty() ? "\n    " : ",\n    ";
    lines += base::TrimSpace(text);
  }
  return fmt::format(
      "{{\n  \"apiVersion\": \"cli.inferenced.dev/v1\",\n  \"kind\": \"{}\",\n  \"findings\": "
      "[{}{}]\n}}\n",
      kBaselineKind, lines, lines.empty() ? "" : "\n  ");
}

std::vector<EarlierFinding> EarlierFindings(const manifest::lint::Verdict& verdict) {
  Places places(verdict);
  std::vector<EarlierFinding> out;
  for (const api::Diagnostic& d : verdict.findings) {
    out.push_back(Remembered({d, places.Find(d)}));
  }
  return out;
}

Result<std::vector<manifest::lint::SourceText>> EarlierSources(
    std::string_view against, const std::vector<std::string>& paths) {
  if (against.starts_with(kGit)) {
    return ReadInputsAt(paths, std::string(against.substr(kGit.size())));
  }
  std::istringstream nothing;
  const std::string before(against);
  auto sources = ReadInputs({before}, nothing);
  if (Status status = AllReadable(sources); !status.ok()) return status;
  if (paths.size() != 1) return sources;
  // A finding outside of any object is known by its file's name.
  std::error_code error;
  if (!std::filesystem::is_directory(before, error)) {
    if (sources.size() == 1) sources.front().path = paths[0];
    return sources;
  }
  for (manifest::lint::SourceText& source : sources) {
    source.path = (std::filesystem::path(paths[0]) /
                   std::filesystem::path(source.path).lexically_relative(before))
                      .string();
  }
  return sources;
}

}  // namespace inference::ctl
