#pragma once

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

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  bool plain = false;  // a scalar written without quotes and without a !!str tag
  std::string text;    // of a scalar
  std::vector<Node> items;
  std::vector<NodeMember> members;  // keys are unique
  api::Origin at;
};

struct NodeMember {
  std::string key;
  api::Origin key_at;
  Node value;
};

/// What a scalar is. Plain ones follow the rules that YAML 1.1, 1.2 and JSON agree on; where they
/// differ (yes, 010, 0x1f, .inf ...) it is kAmbiguous, and must be quoted or written otherwise.
enum class ScalarType { kString, kBool, kInt, kFloat, kAmbiguous };
ScalarType TypeOf(const Node& scalar);

/// All documents of the text, empty ones left out. After an error of syntax the documents in front
/// of it are still returned.
std::vector<Node> ParseDocuments(const std::string& path, std::string_view text,
                                 api::Diagnostics& diagnostics, const Limits& limits);

/// The tree as plain values. Ambiguous scalars become diagnostics.
api::Value ToValue(const Node& node, api::Diagnostics& diagnostics);

}  // namespace inference::manifest
