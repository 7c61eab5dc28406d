#pragma once

#include <string>

#include "inferencectl/envelope.h"
#include "inferencectl/option_table.h"

// Help made from the option table.
namespace inference::ctl {

std::string ProgramHelp(bool brief);
std::string VerbHelp(const VerbRow& verb, bool brief);
/// Of the verbs under a first word such as "config". Empty when there are none.
std::string ParentHelp(std::string_view parent);

/// The whole command line: verbs, options, exit codes.
Json DescribeCommandLine();

}  // namespace inference::ctl
