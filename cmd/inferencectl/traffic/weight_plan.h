#pragma once

#include <string>
#include <vector>

#include "inferencectl/invocation.h"
#include "inferencectl/traffic/split.h"
#include "manifest/document.h"
#include "manifest/edit/weights.h"

// What `traffic set` makes of a manifest.
namespace inference::ctl::traffic {

using Weights = std::vector<manifest::edit::TargetWeight>;

/// "v1=90 v2=10"
std::string Listed(const Weights& weights);

/// One text with the object in it.
struct Source {
  std::string path;  // what messages show
  std::string text;
  std::vector<manifest::Node> documents;
  size_t document = 0;
};
/// NOT_FOUND: the object isn't there. INVALID_ARGUMENT: the text can't be read.
Result<Source> Parse(const std::string& path, std::string text, const Target& target);

/// What a text's weights are, what they are to be, and the text with those.
struct WeightPlan {
  Weights now, wanted;
  std::vector<std::string> removed;   // by weight 0, now or earlier; they may come back
  std::vector<std::string> warnings;  // for people
  std::string text;                   // empty when nothing changes
  bool changes() const { return now != wanted; }
};
/// By the command line's words, --percent, --allow-new and --expect.
Answer MakePlan(const Invocation& run, const Target& target, const Source& source,
                WeightPlan& plan);

}  // namespace inference::ctl::traffic
