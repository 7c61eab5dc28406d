#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/origin.h"
#include "manifest/lint/workspace.h"

namespace inference::manifest::lint {

/// Where in the documents something was found.
struct Location {
  const SourceFile* file = nullptr;
  const Object* object = nullptr;  // that it is in; null: in none that was understood
  /// A document's index, then that of an item or member on each level.
  std::vector<size_t> path;
  size_t depth = 0;     // of the object in `path`; 1, and more in a List
  bool key = false;     // the member's key, not its value
  bool within = false;  // somewhere in the scalar's text, which holds a document of its own

  const Node& node() const;
  /// RFC 6901, from the document (`from` 1) or from the object (`from` depth); empty: the whole.
  std::string Pointer(size_t from = 1) const;
};

/// Finds the values that findings are about. Looks into a file when it is first asked about one of
/// its places; not thread-safe. The workspace must outlive it.
class Locator {
 public:
  explicit Locator(const Workspace& workspace);
  /// Empty when the place is no value or key: a syntax error, a comment.
  std::optional<Location> Find(const api::Origin& origin);

 private:
  struct Entry {
    int parent = 0;    // id; 0: a document
    size_t index = 0;  // in the parent
    bool key = false;
    bool known = false;
  };
  struct File {
    size_t index = 0;  // in the workspace
    std::vector<Entry> by_id;
    std::unordered_map<int, const Object*> objects;  // by id
  };
  void Index(const Node& node, int parent, size_t index, File& file);
  const File& FileOf(size_t index);

  const Workspace& workspace_;
  std::unordered_map<std::string_view, size_t> by_path_;
  std::unordered_map<size_t, std::vector<const Object*>> objects_;  // by file
  std::unordered_map<size_t, File> files_;
};

}  // namespace inference::manifest::lint
