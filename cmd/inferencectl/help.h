#pragma once

#include <string>

#include "inferencectl/envelope.h"
#include "inferencectl/option_table.h"

// Help made from the option table. `program`: how usage lines call it.
namespace inference::ctl {

std::string ProgramHelp(bool brief, std::string_view program = "inferencectl");
std::string VerbHelp(const VerbRow& verb, bool brief, std::string_view program = "inferencectl");
/// Of the verbs under a first word such as "config". Empty when there are none.
std::string ParentHelp(std::string_view parent, std::string_view program = "inferencectl");

/// The whole command line: verbs, options, exit codes.
Json DescribeCommandLine();

}  // namespace inference::ctl
