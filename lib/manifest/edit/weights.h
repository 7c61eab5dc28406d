#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "manifest/document.h"
#include "manifest/reader.h"

// Weights of rules that choose by them: InferenceModelRewrite, InferenceModel, HTTPRoute.
namespace inference::manifest::edit {

/// A target and its weight. Of an HTTPRoute only pools count, as "namespace/name".
struct TargetWeight {
  std::string name;
  std::optional<int64_t> weight;

  bool operator==(const TargetWeight&) const = default;
};

/// What rule `rule` (0: of an InferenceModel, which has one) of the object says. kNotFound when the
/// kind has no weights, or the object no such rule or no targets.
Result<std::vector<TargetWeight>> WeightsOf(const Node& document, size_t rule);

/// May a target of the object have the weight 0, or must it go?
bool TakesZero(const Node& document);

/// The text with the rule's targets and weights as wanted; names that are new become targets, those
/// that are left out go. Comments and everything else stay byte for byte. Fails where the text
/// isn't known well enough (below an alias) and unless reading it again gives exactly what was
/// wanted. `documents` is what `text` reads as, `document` an index in it. REQUIRES: wanted isn't
/// empty, its names are different, all have weights.
Result<std::string> SetWeights(const std::string& path, std::string_view text,
                               const std::vector<Node>& documents, size_t document, size_t rule,
                               const std::vector<TargetWeight>& wanted, const Limits& limits = {});

}  // namespace inference::manifest::edit
