#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "manifest/document.h"
#include "manifest/lint/workspace.h"

// What a container is started with, as far as its manifest tells.
namespace inference::manifest::lint {

/// A word of a command line and the node that it stands in.
using Word = std::pair<std::string, const Node*>;

/// The words of a text, as a shell without quotes would split it.
std::vector<Word> SplitWords(const Node& text);

/// The words of a container's command and args, a shell's script split at blanks.
std::vector<Word> WordsOf(const Node& container);

/// The value of "--name=value" or "--name value" (one dash will do); empty text for a flag without
/// one, nothing when the flag is not there.
std::optional<Word> FlagOf(const Node& container, const std::string& name);

/// The name of the pool that a picker is started for; nothing when it is none. Releases before 1.0
/// spelled the flag in one word.
std::optional<Word> PoolNameOf(const Node& container);

/// Does one of the workload's containers run a picker?
bool RunsPicker(const Object& workload);

/// Is it vLLM, by its image or its command?
bool IsVllm(const Node& container);

}  // namespace inference::manifest::lint
