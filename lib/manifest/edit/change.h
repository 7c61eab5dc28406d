#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "manifest/document.h"
#include "manifest/edit/splice.h"
#include "manifest/reader.h"

// Changes of values, and the bytes that have to become others for them.
namespace inference::manifest::edit {

/// The way to a value: a document's index, then that of an item or member on each level.
using Path = std::vector<size_t>;

/// One change of a file's values.
struct Change {
  enum class What {
    kRenameKey,   // the key of the member at `path` becomes `text`
    kSetString,   // the scalar at `path` becomes the string `text`, in quotes where it needs them
    kSetPlain,    // the scalar at `path` becomes `text` without quotes: a number, true, false
    kRemoveItem,  // the item at `path` leaves its list
  };
  What what;
  Path path;
  std::string text;
};

/// The node at `path`; null when there is none.
const Node* NodeAt(const std::vector<Node>& documents, const Path& path);
/// The member whose value is at `path`; null when that is no member of a map.
const NodeMember* MemberAt(const std::vector<Node>& documents, const Path& path);

/// What the documents become. REQUIRES: each path leads to a node of the right kind.
void ApplyTo(std::vector<Node>& documents, const std::vector<Change>& changes);

/// The bytes of one change. Fails where the text isn't known well enough: below an alias.
/// REQUIRES: `documents` is what `text` reads as, and the path leads to a node of the right kind.
Result<Edit> EditOf(std::string_view text, const std::vector<Node>& documents,
                    const Change& change);

/// Do both say the same? Comments, quotes where they change nothing, and places don't count.
bool SameValues(const std::vector<Node>& a, const std::vector<Node>& b);

/// The text with the changes made: reads it again and fails unless exactly the intended values
/// changed, so a wrong splice cannot get through. `path` is for messages.
Result<std::string> ChangeText(const std::string& path, std::string_view text,
                               const std::vector<Node>& documents,
                               const std::vector<Change>& changes, const Limits& limits = {});

}  // namespace inference::manifest::edit
