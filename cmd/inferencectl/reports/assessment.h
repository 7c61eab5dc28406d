#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "inferencectl/reports/place.h"
#include "manifest/edit/fixes.h"
#include "manifest/lint/lint.h"

// A verdict with all that the reports show of it.
namespace inference::ctl {

/// What became of a finding since an earlier state; kNone when there is none to compare with.
enum class Since { kNone, kNew, kUnchanged };
std::string_view SinceName(Since since);  // "new", "unchanged"; empty for kNone

/// A finding of an earlier state: of a baseline file, or judged again.
struct EarlierFinding {
  std::string fingerprint, code, level, file, object, message;
};

struct Finding {
  api::Diagnostic diagnostic;
  Place place;
  manifest::edit::Fix fix = {};
  std::vector<manifest::edit::Edit> edits = {};  // the fix' bytes in the finding's file
  Since since = Since::kNone;
  std::string reason = {};  // of a suppressed one
};

struct Assessment {
  /// Everything that was found. The verdict must outlive it. Implicit: a verdict alone is one.
  Assessment(const manifest::lint::Verdict& judged);  // NOLINT: implicit

  /// Tells new findings from those of an earlier state, and remembers which of those are gone. Two
  /// that are alike are counted.
  void Compare(const std::vector<EarlierFinding>& earlier);
  /// Leaves out what is in none of these files.
  void KeepOnly(const std::vector<std::string>& files);

  /// Not less severe than `level`; new ones only, where they are told apart and `only_new`.
  size_t Count(api::Severity level, bool only_new = false) const;
  /// Of exactly that level.
  size_t CountOf(api::Severity level) const;
  size_t CountOf(Since since) const;
  /// Is it told in the formats that cannot mark it as known?
  bool Shows(const Finding& finding) const {
    return show_unchanged || finding.since != Since::kUnchanged;
  }

  const manifest::lint::Verdict& verdict;
  std::vector<Finding> findings;
  std::vector<Finding> suppressed;
  std::vector<EarlierFinding> fixed;  // that are gone
  bool compared = false;
  size_t elsewhere = 0;                                  // left out by KeepOnly
  bool show_unchanged = false, show_suppressed = false;  // in those formats
};

/// As a baseline remembers it.
EarlierFinding Remembered(const Finding& finding);

}  // namespace inference::ctl
