#include "inferencectl/validation/fixing.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "inferencectl/whole_file.h"
#include "manifest/edit/fixes.h"
#include "manifest/edit/splice.h"

namespace inference::ctl {
namespace {

// More than that many mistakes hidden behind each other are for another run.
constexpr int kRounds = 5;

manifest::lint::SourceText* Find(Sources& sources, const std::string& path) {
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&](const auto& source) { return source.path == path; });
  return found == sources.end() ? nullptr : &*found;
}

}  // namespace

Fixed FixUntilDone(const Sources& sources,
                   const std::function<manifest::lint::Verdict(const Sources&)>& judge) {
  Sources now = sources;
  Fixed out{judge(now), {}, {}};
  for (int round = 0; round < kRounds; ++round) {
    auto fixed = manifest::edit::FixAll(out.verdict);
    if (fixed.empty()) break;
    for (manifest::edit::FixedFile& file : fixed) {
      Find(now, file.path)->text = file.text;
      std::move(file.titles.begin(), file.titles.end(), std::back_inserter(out.titles));
      if (auto* known = Find(out.changed, file.path)) {
        known->text = std::move(file.text);
      } else {
        out.changed.push_back({file.path, std::move(file.text)});
      }
    }
    out.verdict = judge(now);
  }
  return out;
}

std::string DiffOf(const Sources& before, const Sources& changed) {
  std::string out;
  for (const auto& source : before) {
    for (const auto& after : changed) {
      if (after.path != source.path) continue;
      out += manifest::edit::UnifiedDiff(source.path, source.text, after.text);
    }
  }
  return out;
}

Status WriteChanged(const Sources& changed) {
  std::string written;
  for (const auto& file : changed) {
    const Status status = RewriteFile(file.path, file.text);
    if (!status.ok()) {
      return {status.code(),
              status.message() + (written.empty() ? "" : fmt::format("; written: {}", written))};
    }
    written += (written.empty() ? "" : ", ") + file.path;
  }
  return Status::Ok();
}

}  // namespace inference::ctl
