#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/document.h"

// The text that a document was read from. Pure functions; thread-safe.
namespace inference::manifest {

/// One document of a stream, without its `---`.
struct DocumentText {
  int first_line = 1;     // of `text` in the stream
  std::string_view text;  // comments in front of the first key included
};

/// Cuts at the markers `---` and `...`, which YAML 1.2 (9.1.2) lets stand at the start of a line
/// for nothing else, not even in a block scalar.
std::vector<DocumentText> SplitDocuments(std::string_view text);

/// The text of that document, ending in one newline. `document` comes from the same stream.
std::string TextOf(const Node& document, const std::vector<DocumentText>& texts);

/// A node as a YAML document of its own; reads back to an equal tree. Comments are not in a node.
std::string WriteDocument(const Node& node);

}  // namespace inference::manifest
