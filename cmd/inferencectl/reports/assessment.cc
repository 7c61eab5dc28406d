#include "inferencectl/reports/assessment.h"

#include <algorithm>
#include <map>
#include <set>

#include "inferencectl/diagnostic_view.h"

namespace inference::ctl {
namespace {

Finding Describe(const api::Diagnostic& d, Places& places, manifest::edit::Fixer& fixer) {
  Finding finding{d, places.Find(d), fixer.For(d)};
  if (!finding.fix.safe()) return finding;
  const auto where = fixer.locator().Find(d.origin);
  for (const manifest::edit::Change& change : finding.fix.changes) {
    auto edit = manifest::edit::EditOf(where->file->text, where->file->documents, change);
    if (edit.ok()) finding.edits.push_back(std::move(*edit));
  }
  return finding;
}

}  // namespace

std::string_view SinceName(Since since) {
  return since == Since::kNew ? "new" : since == Since::kUnchanged ? "unchanged" : "";
}

Assessment::Assessment(const manifest::lint::Verdict& judged) : verdict(judged) {
  Places places(judged);
  manifest::edit::Fixer fixer(judged.workspace);
  for (const api::Diagnostic& d : judged.findings) findings.push_back(Describe(d, places, fixer));
  for (const manifest::lint::Suppressed& each : judged.suppressed) {
    suppressed.push_back({each.finding, places.Find(each.finding)});
    suppressed.back().reason = each.reason;
  }
}

void Assessment::Compare(const std::vector<EarlierFinding>& earlier) {
  compared = true;
  std::map<std::string_view, size_t> left;
  for (const EarlierFinding& each : earlier) ++left[each.fingerprint];
  for (Finding& finding : findings) {
    const auto known = left.find(finding.place.fingerprint);
    const bool unchanged = known != left.end() && known->second > 0;
    finding.since = unchanged ? Since::kUnchanged : Since::kNew;
    if (unchanged) --known->second;
  }
  // What is ignored now is neither new nor gone.
  for (const Finding& finding : suppressed) {
    const auto known = left.find(finding.place.fingerprint);
    if (known != left.end() && known->second > 0) --known->second;
  }
  for (const EarlierFinding& each : earlier) {
    size_t& count = left[each.fingerprint];
    if (count == 0) continue;
    --count;
    fixed.push_back(each);
  }
}

void Assessment::KeepOnly(const std::vector<std::string>& files) {
  const std::set<std::string_view> kept(files.begin(), files.end());
  elsewhere += std::erase_if(findings, [&](const Finding& finding) {
    return !finding.diagnostic.origin.file || !kept.contains(*finding.diagnostic.origin.file);
  });
}

size_t Assessment::Count(api::Severity level, bool only_new) const {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const Finding& finding) {
        return finding.diagnostic.severity <= level &&
               (!only_new || finding.since != Since::kUnchanged);
      }));
}

size_t Assessment::CountOf(api::Severity level) const {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [&](const Finding& finding) { return finding.diagnostic.severity == level; }));
}

size_t Assessment::CountOf(Since since) const {
  return static_cast<size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [&](const Finding& finding) { return finding.since == since; }));
}

EarlierFinding Remembered(const Finding& finding) {
  const api::Diagnostic& d = finding.diagnostic;
  return {finding.place.fingerprint,
          d.code,
          std::string(LevelName(d.severity)),
          d.origin.file ? *d.origin.file : "",
          finding.place.object != nullptr ? finding.place.object->Title() : "",
          d.message};
}

}  // namespace inference::ctl
