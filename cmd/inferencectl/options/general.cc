#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "version",
            .summary = "the version of this program",
            .description = "Prints the version. The daemon's own is in status.",
            .examples = "inferencectl version -o json",
            .run = RunVersion},
    VerbRow{.name = "help",
            .operands = "[VERB|TOPIC]",
            .max_operands = 2,
            .words = Words::kTopics,
            .summary = "how to use a verb, or a topic",
            .description = "Without a word it lists the verbs and the topics. With -o json a topic "
                           "is a table, and "
                           "without a word the whole command line is described.",
            .examples = "inferencectl help get\ninferencectl help exit-codes -o json",
            .run = RunHelp},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "version|help",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .choices = "text|json",
              .doc = "the form of the answer; for people, or one JSON document"},
};

}  // namespace

VerbGroup GeneralGroup() {
  return {.title = "This program", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
