#pragma once

#include <vector>

#include "api/diagnostic.h"
#include "manifest/lint/workspace.h"
#include "manifest/reader.h"

// Documents in the text of a scalar, such as a configuration in a ConfigMap.
namespace inference::manifest::lint {

/// May that be a configuration, right or wrong? Cheap: most texts are something else.
bool MayHoldConfiguration(const Node& value);

/// The documents in a scalar of `file`, with places in that file. In a literal block (`|`) these
/// are exact; in other styles, where a line of the text is no line of the file, everything is at
/// the scalar and a mistake of syntax says which line of the text it is in. The nodes have the
/// scalar's id and no ranges.
std::vector<Node> ParseEmbedded(const SourceFile& file, const Node& value, api::Diagnostics& out,
                                const Limits& limits);

}  // namespace inference::manifest::lint
