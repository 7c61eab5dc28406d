#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "api/origin.h"
#include "api/value.h"
#include "manifest/reader.h"

// YAML and JSON text to trees of nodes with positions. The text is untrusted: size, depth,
// expansion of aliases, encoding and duplicate keys are checked here, so that nobody above has to.
namespace inference::manifest {

struct NodeMember;

/// Bytes `begin` up to `end` of the file's text, a byte order mark counted; anchors, tags and
/// comments around the value don't belong to it. Empty: not known, or the value isn't written out
/// (`key:`).
struct Range {
  uint32_t begin = 0, end = 0;

  bool known() const { return end > begin; }
  size_t size() const { return end - begin; }
};

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool plain = false;  // a scalar written without quotes and without a !!str tag
  std::string text;    // of a scalar
  std::vector<Node> items;
  std::vector<NodeMember> members;  // keys are unique
  api::Origin at;
  /// Of an alias (*name): the alias itself; what is below it has no range.
  Range range;
  bool alias = false;
};

struct NodeMember {
  std::string key;
  api::Origin key_at;
  Range key_range;
  Node value;
};

/// What a scalar is. Plain ones follow the rules that YAML 1.1, 1.2 and JSON agree on; where they
/// differ (yes, 010, 0x1f, .inf ...) it is kAmbiguous, and must be quoted or written otherwise.
enum class ScalarType { kString, kBool, kInt, kFloat, kAmbiguous };
ScalarType TypeOf(const Node& scalar);
/// The same for a text written without quotes.
ScalarType PlainTypeOf(std::string_view text);

/// All documents of the text, empty ones left out. After an error of syntax the documents in front
/// of it are still returned.
std::vector<Node> ParseDocuments(const std::string& path, std::string_view text,
                                 api::Diagnostics& diagnostics, const Limits& limits);

/// The tree as plain values. Ambiguous scalars become diagnostics.
api::Value ToValue(const Node& node, api::Diagnostics& diagnostics);

}  // namespace inference::manifest
