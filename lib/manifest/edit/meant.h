#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inference::manifest::edit {

struct Meant {
  std::string_view sure;            // nothing else can have been meant; empty: nobody can tell
  bool same_letters = false;        // `sure` differs in case, '-' and '_' only
  std::vector<std::string> likely;  // best first, at most 3
};

/// What somebody meant who wrote `text` where one of `candidates` should be. Sure is what differs
/// in case, '-' and '_' only, or by one letter (missing, added, other, swapped with its neighbour)
/// in a text of at least 4; and only when that fits exactly one candidate.
Meant MeantBy(std::string_view text, std::vector<std::string_view> candidates);

}  // namespace inference::manifest::edit
