#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/document.h"
#include "manifest/reader.h"

namespace inference::manifest {

struct ExpectedKind {
  std::vector<std::string_view> api_versions;  // the first is the current one
  std::string_view kind;
};

/// The one document of a configuration file, when it is of the kind expected; else null, reported.
const Node* OnlyDocument(const std::string& path, const std::vector<Node>& documents,
                         const ExpectedKind& expected, api::Diagnostics& out);

/// Puts what was found after position `first` into the order of the file.
void SortByPosition(api::Diagnostics& diagnostics, size_t first);

/// Reads a file of exactly one document with `read`. Empty when anything is wrong.
template <typename T, typename Read>
std::optional<T> ReadSingle(const std::string& path, std::string_view text,
                            const ExpectedKind& expected, const Limits& limits,
                            api::Diagnostics& diagnostics, Read read) {
  api::Diagnostics found;
  const std::vector<Node> documents = ParseDocuments(path, text, found, limits);
  std::optional<T> value;
  const Node* document = documents.empty() && HasErrors(found)
                             ? nullptr
                             : OnlyDocument(path, documents, expected, found);
  if (document) value = read(*document, found);
  if (HasErrors(found)) value.reset();
  SortByPosition(found, 0);
  diagnostics.insert(diagnostics.end(), found.begin(), found.end());
  return value;
}

}  // namespace inference::manifest
