#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "manifest/document.h"
#include "manifest/reader.h"

// One annotation of an object, in its text.
namespace inference::manifest::edit {

/// What `metadata.annotations` has under that key; null without one.
const Node* FindAnnotation(const Node& document, std::string_view key);

/// The text with the annotation set to `value`, or without it. Everything else stays byte for byte;
/// `annotations` goes with its last member where it is written as this function writes it.
/// INVALID_ARGUMENT where the text isn't known well enough (an alias, an anchor) or the object
/// would then hold more than an annotation's limit of 256 KiB. `documents` is what `text` reads as,
/// `document` an index in it. REQUIRES: the object has a name; `value` is printable ASCII.
Result<std::string> SetAnnotation(const std::string& path, std::string_view text,
                                  const std::vector<Node>& documents, size_t document,
                                  std::string_view key, const std::optional<std::string>& value,
                                  const Limits& limits = {});

}  // namespace inference::manifest::edit
