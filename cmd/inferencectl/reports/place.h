#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "api/diagnostic.h"
#include "manifest/edit/fixes.h"
#include "manifest/lint/lint.h"

namespace inference::ctl {

/// Where a finding is, beyond its line and column.
struct Place {
  const manifest::lint::Object* object = nullptr;  // null: in no object that was understood
  int document = -1;                               // in its file, from 0; -1: unknown
  std::string pointer;                             // RFC 6901, in the document; empty: the whole
  int end_line = 0, end_column = 0;                // just behind it, in code points; 0: unknown
  /// The same for the same mistake in the same field of the same object, wherever it moves to.
  std::string fingerprint;
};

/// Finds the places of findings. Keeps pointers into the verdict, which must outlive it.
class Places {
 public:
  explicit Places(const manifest::lint::Verdict& verdict);
  Place Find(const api::Diagnostic& diagnostic);

 private:
  manifest::lint::Locator locator_;
  std::unordered_map<std::string_view, std::string_view> texts_;  // by path
};

}  // namespace inference::ctl
