#pragma once

#include <functional>
#include <string>
#include <vector>

#include "inference/result.h"
#include "manifest/lint/lint.h"

namespace inference::ctl {

using Sources = std::vector<manifest::lint::SourceText>;

/// What became of the files.
struct Fixed {
  manifest::lint::Verdict verdict;  // of the files as they are now
  Sources changed;                  // those that changed, with their text
  std::vector<std::string> titles;  // "pool.yaml:3:5: rename it to 'failureMode'"
};

/// Judges, makes all safe fixes, and again, until none is left: what was hidden behind one mistake
/// shows when that one is gone.
Fixed FixUntilDone(const Sources& sources,
                   const std::function<manifest::lint::Verdict(const Sources&)>& judge);

/// The unified diff from `before` to what changed.
std::string DiffOf(const Sources& before, const Sources& changed);

/// Writes what changed, each file whole or not at all. At the first that can't be written it says
/// which ones were.
Status WriteChanged(const Sources& changed);

}  // namespace inference::ctl
