#pragma once

#include <cstddef>
#include <string_view>

// How far a value of YAML text reaches: yaml-cpp says only where one begins.
namespace inference::manifest {

/// Bytes [begin, end) of the text; end <= begin: not known.
struct Extent {
  size_t begin = 0, end = 0;
  bool known() const { return end > begin; }
};

// `offset` is where the parser says that the value begins; an anchor or a tag may stand there, in
// front of it. None of them reads behind the end of the text.

/// A scalar in any style. `value` is what the parser read.
Extent ScalarExtent(std::string_view text, size_t offset, std::string_view value);
/// A null that is written out (null, ~); not known for one that is left out.
Extent NullExtent(std::string_view text, size_t offset);
/// "*name"
Extent AliasExtent(std::string_view text, size_t offset);
/// A list or map. `content_end` is behind its last child, 0 without any: in flow style it reaches
/// to its bracket, else to there.
Extent CollectionExtent(std::string_view text, size_t offset, size_t content_end);

/// `offset` moved behind anchor and tag, and the space and comments that follow them.
size_t SkipProperties(std::string_view text, size_t offset);

}  // namespace inference::manifest
