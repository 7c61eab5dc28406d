#pragma once

#include <string_view>

#include "api/diagnostic.h"
#include "manifest/document.h"
#include "manifest/schema/schema.h"

namespace inference::manifest::schema {

struct CheckOptions {
  /// The release of the Gateway API Inference Extension that the manifests are for, "1.3"; fields
  /// that it doesn't have are reported. Empty: any.
  std::string_view release;
};

/// Checks a document against its kind: unknown fields, types, ranges, patterns, what is required.
/// A field that is null counts as left out. `metadata` is checked where the kind has it, `status`
/// is not: controllers write it. Every mistake is reported, in the order of the file.
/// REQUIRES: the document is a map of that kind.
void Check(const Node& document, const Kind& kind, const CheckOptions& options,
           api::Diagnostics& out);

/// Is release `a` earlier than `b`? "1.4" is earlier than "1.10".
bool IsEarlier(std::string_view a, std::string_view b);

/// Does `text` have that form? The patterns of the CRDs.
bool Matches(Format format, std::string_view text);

}  // namespace inference::manifest::schema
