#include "manifest/lint/ignores.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/locate.h"

namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

constexpr std::string_view kMarker = "inferencectl:ignore";
constexpr std::string_view kAnnotation = "inferencectl.dev/ignore";

struct Ignore {
  api::Origin at;                  // of the '#' or of the annotation's value
  int line = 0;                    // that it is for; 0: the whole file
  const Object* object = nullptr;  // that it is for; null: a comment
  std::vector<std::string_view> codes;
  std::string reason;
  std::vector<std::string_view> unused;
};

// The '#' of the marker's comment, or npos.
size_t CommentOf(std::string_view line) {
  const size_t marker = line.find(kMarker);
  if (marker == std::string_view::npos) return std::string_view::npos;
  const size_t hash = line.rfind('#', marker);
  if (hash == std::string_view::npos) return hash;
  const bool only_space =
      line.substr(hash + 1, marker - hash - 1).find_first_not_of(" \t") == std::string_view::npos;
  const bool starts = hash == 0 || line[hash - 1] == ' ' || line[hash - 1] == '\t';
  return only_space && starts ? hash : std::string_view::npos;
}

// "INF0304, INF0305 - why" to codes and reason. Reports what is wrong with it.
bool ParseIgnore(std::string_view text, Ignore& ignore, api::Diagnostics& out) {
  text = base::TrimSpace(text);
  while (true) {
    const size_t end = std::min(text.find_first_of(" \t,:"), text.size());
    const std::string_view word = text.substr(0, end);
    const codes::CodeInfo* info = codes::Find(word);
    if (info == nullptr) {
      Report(out, codes::kIgnoreWithoutReason, ignore.at,
             fmt::format("'{}' is no code of a finding", base::Printable(word, 60)),
             "write it as: # inferencectl:ignore INF0304 - the reason");
      return false;
    }
    ignore.codes.push_back(info->code);
    text = base::TrimSpace(text.substr(end));
    if (!text.starts_with(',')) break;
    text = base::TrimSpace(text.substr(1));
  }
  for (const std::string_view dash : {"-", ":", "–", "—"}) {
    if (text.starts_with(dash)) text.remove_prefix(dash.size());
  }
  ignore.reason = std::string(base::TrimSpace(text));
  if (!ignore.reason.empty()) return true;
  Report(
      out, codes::kIgnoreWithoutReason, ignore.at,
      fmt::format("{} is ignored without a reason", ignore.codes.front()),
      "write it as: # inferencectl:ignore " + std::string(ignore.codes.front()) + " - the reason");
  return false;
}

std::vector<Ignore> IgnoresOf(const SourceFile& file, api::Diagnostics& out) {
  std::vector<Ignore> ignores;
  if (file.text.find(kMarker) == std::string::npos) return ignores;
  const auto path = std::make_shared<const std::string>(file.path);
  std::string_view rest = file.text;
  bool content_seen = false;
  std::vector<size_t> waiting;  // for the next line with content
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t first = line.find_first_not_of(" \t\r");
    const bool comment_only = first != std::string_view::npos && line[first] == '#';
    const bool content =
        first != std::string_view::npos && !comment_only && !line.starts_with("---");
    if (content) {
      for (const size_t i : waiting) ignores[i].line = number;
      waiting.clear();
    }
    const size_t hash = CommentOf(line);
    if (hash != std::string_view::npos) {
      Ignore ignore;
      ignore.at = {path, number, static_cast<int>(CodePoints(line.substr(0, hash))) + 1};
      ignore.line = comment_only ? -1 : number;
      const std::string_view text = line.substr(line.find(kMarker) + kMarker.size());
      if (ParseIgnore(text, ignore, out)) {
        if (comment_only && !content_seen) {
          ignore.line = 0;
        } else if (comment_only) {
          waiting.push_back(ignores.size());
        }
        ignore.unused = ignore.codes;
        ignores.push_back(std::move(ignore));
      }
    }
    content_seen = content_seen || content;
  }
  return ignores;
}

// "INF0304=why; INF0401=why", a code each.
void AddAnnotation(const Object& object, const Node& value, std::vector<Ignore>& ignores,
                   api::Diagnostics& out) {
  for (const std::string_view part : base::SplitTrimmed(value.text, ';')) {
    const size_t equals = std::min(part.find('='), part.size());
    const std::string_view word = base::TrimSpace(part.substr(0, equals));
    const codes::CodeInfo* info = codes::Find(word);
    Ignore ignore;
    ignore.at = value.at;
    ignore.object = &object;
    ignore.reason = base::TrimSpace(part.substr(std::min(equals + 1, part.size())));
    if (info == nullptr || ignore.reason.empty()) {
      Report(
          out, codes::kIgnoreWithoutReason, value.at,
          info == nullptr ? fmt::format("'{}' is no code of a finding", base::Printable(word, 60))
                          : fmt::format("{} is ignored without a reason", info->code),
          fmt::format("write it as {}: \"INF0304=the reason; INF0401=the reason\"", kAnnotation));
      continue;
    }
    ignore.codes = ignore.unused = {info->code};
    ignores.push_back(std::move(ignore));
  }
}

std::vector<Ignore> IgnoresOf(const Object& object, api::Diagnostics& out) {
  std::vector<Ignore> ignores;
  const Node* annotations = At(*object.node, "metadata.annotations");
  if (annotations == nullptr) return ignores;
  for (const NodeMember& member : annotations->members) {
    if (member.key == kAnnotation) AddAnnotation(object, member.value, ignores, out);
  }
  return ignores;
}

/// All that is ignored, and what for.
class Ignores {
 public:
  Ignores(const Workspace& workspace, bool compared, api::Diagnostics& complaints)
      : locator_(workspace), compared_(compared) {
    for (const SourceFile& file : workspace.files()) {
      auto found = IgnoresOf(file, complaints);
      if (!found.empty()) by_file_.emplace(file.path, std::move(found));
    }
    for (const Object& object : workspace.objects()) {
      auto found = IgnoresOf(object, complaints);
      if (!found.empty()) by_object_.emplace(&object, std::move(found));
    }
  }

  /// What takes this finding back, marked as used; null when nothing does.
  const Ignore* Use(const api::Diagnostic& d) {
    const Ignore* by = nullptr;
    const auto file = d.origin.file ? by_file_.find(*d.origin.file) : by_file_.end();
    if (file != by_file_.end()) {
      for (Ignore& ignore : file->second) {
        if (ignore.line == 0 || ignore.line == d.origin.line) UseOne(ignore, d, by);
      }
    }
    if (by_object_.empty()) return by;
    const auto where = locator_.Find(d.origin);
    const auto object = where ? by_object_.find(where->object) : by_object_.end();
    if (object == by_object_.end()) return by;
    for (Ignore& ignore : object->second) UseOne(ignore, d, by);
    return by;
  }

  void ReportUnused(api::Diagnostics& out) const {
    for (const auto& [path, ignores] : by_file_) ReportUnused(ignores, out);
    for (const auto& [object, ignores] : by_object_) ReportUnused(ignores, out);
  }

 private:
  static void UseOne(Ignore& ignore, const api::Diagnostic& d, const Ignore*& by) {
    if (std::find(ignore.codes.begin(), ignore.codes.end(), d.code) == ignore.codes.end()) return;
    std::erase(ignore.unused, d.code);
    by = &ignore;
  }

  void ReportUnused(const std::vector<Ignore>& ignores, api::Diagnostics& out) const {
    for (const Ignore& ignore : ignores) {
      const std::string_view where = ignore.object != nullptr ? "in this object"
                                     : ignore.line == 0       ? "in this file"
                                                              : "here";
      for (const std::string_view code : ignore.unused) {
        if (code == codes::kImmutableField && !compared_) continue;
        Warn(out, codes::kUnusedIgnore, ignore.at,
             fmt::format("there is no {} to be ignored {}", code, where),
             "remove it: it would hide the next one");
      }
    }
  }

  Locator locator_;
  const bool compared_;
  std::map<std::string_view, std::vector<Ignore>> by_file_;
  std::map<const Object*, std::vector<Ignore>> by_object_;
};

}  // namespace

std::vector<Suppressed> TakeIgnored(const Workspace& workspace, api::Diagnostics& findings,
                                    bool compared) {
  api::Diagnostics complaints;
  Ignores ignores(workspace, compared, complaints);
  std::vector<Suppressed> suppressed;
  api::Diagnostics kept;
  for (api::Diagnostic& d : findings) {
    const Ignore* by = ignores.Use(d);
    if (by == nullptr) {
      kept.push_back(std::move(d));
    } else {
      suppressed.push_back({std::move(d), by->reason});
    }
  }
  ignores.ReportUnused(complaints);
  std::move(complaints.begin(), complaints.end(), std::back_inserter(kept));
  findings = std::move(kept);
  return suppressed;
}

}  // namespace inference::manifest::lint
