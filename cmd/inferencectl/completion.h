#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inferencectl/invocation.h"
#include "inferencectl/option_table.h"

// What a shell offers for the word under the cursor, all from the option table. The shells' scripts
// (completions/) call `inferencectl __complete -- WORD...`, the last word being the one to
// complete, perhaps empty. The form is cobra's, so that kubectl's plugin completion understands it:
// a line "value<TAB>description" each, then ":" and the sum of the bits below.
namespace inference::ctl {

inline constexpr std::string_view kCompleteVerb = "__complete";

inline constexpr int kFilesBit = 0;    // nothing said: the shell offers files
inline constexpr int kNoSpaceBit = 2;  // no space behind the word: it may go on
inline constexpr int kNoFilesBit = 4;

struct Candidate {
  std::string value;
  std::string description;
};

struct Completion {
  std::vector<Candidate> candidates;  // a word in front of '=', as in --pool=x, is left out
  int bits = kNoFilesBit;
};

/// Names that only a daemon has: pools, endpoints, models, rules and their targets of the one at
/// `server` (empty: the usual one).
using NameSource = std::function<std::vector<std::string>(Words words, const std::string& server)>;

Completion Complete(std::span<const std::string> words, const NameSource& names,
                    const Environment& environment);

/// Does `__complete`: writes to standard output only, whatever happens.
void PrintCompletions(int count, const char* const* words, World& world);

}  // namespace inference::ctl
