#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "api/diagnostic.h"
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
  Place Find(const api::Diagnostic& diagnostic) const;

 private:
  struct Known {
    int document;
    std::string pointer;
    std::string value;  // of a scalar or a key
  };
  struct File {
    std::unordered_map<int, Known> by_id;
    std::vector<const manifest::lint::Object*> by_document;
    std::string_view text;
  };
  void Index(const manifest::Node& node, int document, const std::string& pointer, File& file);

  std::unordered_map<std::string_view, File> files_;
};

}  // namespace inference::ctl
