#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{
        .name = "traffic get",
        .operands = "[TARGET...]",
        .max_operands = -1,
        .words = Words::kRules,
        .summary = "rules that choose by weight, and what they did",
        .description =
            "A TARGET is rewrite/NAME, model/NAME or route/NAME, with :RULE behind it for "
            "another rule than the first. A target that weight 0 took out is shown as removed: "
            "traffic set brings it back. Requests are counted since the weights are what they "
            "are; of several daemons (--server more than once, or replicas:) they are added up.",
        .examples = "inferencectl traffic get\ninferencectl traffic get rewrite/llm/chat -o json",
        .exits = "1 no such rule is in force\n4 no daemon answers\n"
                 "7 not all daemons answer, or they have different weights",
        .run = RunTrafficGet},
    VerbRow{
        .name = "traffic set",
        .operands = "TARGET NAME=WEIGHT...",
        .min_operands = 2,
        .max_operands = -1,
        .words = Words::kRuleAndWeights,
        .summary = "give the targets of a rule other weights",
        .description =
            "Weights that are not named stay. A target of weight 0 gets nothing; where its kind "
            "has no such weight it leaves the rule, and the object's annotation "
            "inferenced.dev/removed-targets remembers it: with a weight it comes back. An applied "
            "object is changed in the "
            "daemon's store, at once and for good; one that a file defines is changed in that "
            "file with --write, comments and all. Nothing happens when somebody else was "
            "faster. Several daemons (--server more than once, or replicas:) are all asked whether "
            "they would, then changed one after the other.",
        .examples =
            "inferencectl traffic set rewrite/llm/chat v1=90 v2=10 --expect v1=100\n"
            "inferencectl traffic set rewrite/llm/chat v1=50 v2=50 --percent --reason OPS-7\n"
            "inferencectl traffic set route/llm/chat blue=0 green=100 --write r.yaml --wait\n"
            "inferencectl traffic set rewrite/llm/chat v2=0 --emit-patch > patch.json",
        .exits = "1 no such object, rule or target\n3 the file can't be read or changed\n"
                 "4 no daemon answers\n5 with --wait: the daemon does not take it in time\n"
                 "6 not as --expect says, changed meanwhile, or a file defines it\n"
                 "7 not in force in all daemons",
        .run = RunTrafficSet},
    VerbRow{.name = "traffic verify",
            .operands = "TARGET",
            .min_operands = 1,
            .max_operands = 1,
            .words = Words::kRules,
            .summary = "do requests go where the weights say?",
            .description =
                "Compares each target's share of the requests with its weight. They fit when they "
                "differ by no more than --tolerance, or than three standard deviations of as many "
                "independent draws, whichever is more.",
            .examples =
                "inferencectl traffic verify rewrite/llm/chat\n"
                "inferencectl traffic verify route/llm/chat --window 30s --min-requests 200",
            .exits = "1 a share is off, or no such rule is in force\n4 no daemon answers\n"
                     "6 the weights were changed meanwhile, or daemons have different ones\n"
                     "7 the requests fit, but not all daemons answer\n"
                     "8 too few requests to judge",
            .run = RunTrafficVerify},
};

constexpr std::array kOptions{
    ReplicasOption("traffic get|traffic set|traffic verify"),
    OptionRow{.verbs = "traffic get|traffic verify",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "table|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "traffic set",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|yaml",
              .doc = "the form of the answer"},
    OptionRow{.verbs = "traffic get|traffic set|traffic verify",
              .name = "namespace",
              .letter = 'n',
              .argument = "NAMESPACE",
              .fallback = "default",
              .doc = "of names that have none"},
    OptionRow{.verbs = "traffic get|traffic verify",
              .name = "no-headers",
              .doc = "the table without its first line"},
    OptionRow{.verbs = "traffic set",
              .name = "expect",
              .argument = "NAME=WEIGHT",
              .repeatable = true,
              .doc = "refuse when the weight is another now; a single target counts as 100"},
    OptionRow{.verbs = "traffic set",
              .name = "percent",
              .doc = "the numbers are percentages, with fractions if you like; they add up to 100, "
                     "and who is not named gets nothing"},
    OptionRow{.verbs = "traffic set",
              .name = "allow-new",
              .doc = "names that never were targets become targets; one that weight 0 took out "
                     "needs no such word"},
    OptionRow{.verbs = "traffic set",
              .name = "write",
              .argument = "FILE",
              .words = Words::kFiles,
              .doc = "change the object in this file; everything else in it stays byte for byte"},
    OptionRow{.verbs = "traffic set",
              .name = "emit-patch",
              .doc = "change nothing; print the change as a JSON patch with test operations, for "
                     "kubectl patch --type=json or kustomize"},
    OptionRow{.verbs = "traffic set",
              .name = "wait",
              .doc = "until all daemons draw by the file's weights; for --timeout at most"},
    OptionRow{.verbs = "traffic set",
              .name = "dry-run",
              .argument = "WHERE",
              .fallback = "none",
              .choices = "none|server",
              .doc = "change nothing; show what would be changed"},
    OptionRow{.verbs = "traffic set",
              .name = "reason",
              .argument = "TEXT",
              .env = "INFERENCECTL_REASON",
              .doc = "why, for the history"},
    OptionRow{.verbs = "traffic verify",
              .name = "window",
              .argument = "DURATION",
              .doc = "watch from now on for so long, as 30s; without it all requests since the "
                     "weights are what they are"},
    OptionRow{.verbs = "traffic verify",
              .name = "tolerance",
              .argument = "POINTS",
              .fallback = "2pp",
              .doc = "percentage points that a share may be off"},
    OptionRow{.verbs = "traffic verify",
              .name = "min-requests",
              .argument = "N",
              .fallback = "500",
              .doc = "judge nothing with fewer requests; exit code 8 then"},
};

}  // namespace

VerbGroup TrafficGroup() {
  return {.title = "Shift traffic", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
