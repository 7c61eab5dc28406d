#pragma once

#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "manifest/edit/change.h"
#include "manifest/lint/lint.h"
#include "manifest/lint/locate.h"

// What can be done about a finding without asking. A fix is offered only where nothing else can
// have been meant: equal but for case, one letter away from exactly one name that fits, a string
// without its quotes, an item that is there twice. It must leave fewer mistakes in its object.
namespace inference::manifest::edit {

struct Fix {
  std::string title;                     // "rename it to 'failureMode'"; empty: no fix
  std::vector<std::string> suggestions;  // what was probably meant, best first, at most 3
  std::vector<Change> changes;           // in the finding's file

  bool safe() const { return !changes.empty(); }
};

/// Not thread-safe. The workspace must outlive it.
class Fixer {
 public:
  explicit Fixer(const lint::Workspace& workspace) : workspace_(workspace), locator_(workspace) {}
  Fix For(const api::Diagnostic& finding);
  lint::Locator& locator() { return locator_; }

 private:
  const lint::Workspace& workspace_;
  lint::Locator locator_;
};

/// A file that fixes change.
struct FixedFile {
  std::string path;
  std::string text;                 // as it becomes
  std::vector<std::string> titles;  // "3:5: rename it to 'failureMode'"
};

/// The fixes of all findings, by file. What does not fit together is left for another round.
std::vector<FixedFile> FixAll(const lint::Verdict& verdict, const Limits& limits = {});

}  // namespace inference::manifest::edit
