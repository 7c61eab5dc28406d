#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "apply",
            .operands = "[PATH...]",
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "have a daemon serve these manifests, and keep them",
            .description =
                "The objects are checked here, then by the daemon together with all that it has; "
                "all of them are taken or none. They are in its store, on the disk, when this "
                "returns, and there again after a restart. What a file of the daemon defines is "
                "refused: it is changed there. Applying the same text again changes nothing.",
            .examples = "inferencectl apply -f pool.yaml --reason 'OPS-112'\n"
                        "inferencectl apply -f deploy/ --dry-run=server\n"
                        "inferencectl apply -f deploy/ --prune -l team=search --wait\n"
                        "render | inferencectl apply -f - --expect-generation 41",
            .exits = "1 with --exit-code: something was changed\n3 the manifests have errors\n"
                     "4 no daemon answers\n5 with --wait: not all endpoints are ready in time\n"
                     "6 another generation than expected, or an object that a file defines",
            .run = RunApply},
    VerbRow{.name = "delete",
            .operands = "[KIND NAME...]",
            .max_operands = -1,
            .summary = "take applied objects away",
            .description =
                "Names are namespace/name, or names in --namespace. Requests that run are not "
                "touched; new ones no longer see the object. What a file of the daemon defines is "
                "taken out of the file.",
            .examples = "inferencectl delete pool llm/qwen3\ninferencectl delete -f pool.yaml",
            .exits = "1 there is no such applied object\n3 the files can't be read\n"
                     "4 no daemon answers\n6 another generation than expected, or an object that "
                     "a file defines",
            .run = RunDelete},
    VerbRow{.name = "diff",
            .operands = "[PATH...]",
            .max_operands = -1,
            .words = Words::kFiles,
            .summary = "what apply would change",
            .description =
                "Asks the daemon for a dry run of apply and prints the differences of the "
                "objects' texts as a unified diff.",
            .examples = "inferencectl diff -f deploy/\n"
                        "inferencectl diff -f deploy/ --external 'diff -u -N'",
            .exits = "1 there are differences\n3 the manifests have errors\n4 no daemon answers\n"
                     "6 an object that a file defines",
            .run = RunDiff},
    VerbRow{.name = "history",
            .operands = "[GENERATION]",
            .max_operands = 1,
            .summary = "who changed what by command, when and why",
            .description =
                "Lists the changes of the applied objects, which have a generation, and what else "
                "was done by command, as drains, the newest first. With a generation, that change "
                "alone, with its differences.",
            .examples = "inferencectl history\ninferencectl history 41 -o json",
            .exits = "1 there is no such generation (any more)\n4 no daemon answers\n"
                     "6 the daemon keeps nothing",
            .run = RunHistory},
    VerbRow{.name = "daemon reload",
            .summary = "have a daemon read all its files again",
            .description =
                "Changed files are noticed without this; it is for file systems that send no "
                "events, and for scripts that want the answer. With --wait it ends when the files "
                "are in force or refused, and prints what is not as it was; refused files change "
                "nothing. What only a restart can change is named. Each finding has its place.",
            .examples = "inferencectl daemon reload --wait\n"
                        "inferencectl daemon reload --wait --reason 'OPS-112' -o json",
            .exits = "1 the files are refused; what was in force stays\n4 no daemon answers\n"
                     "5 not done within --timeout",
            .run = RunDaemonReload},
    VerbRow{.name = "daemon stop",
            .summary = "end a daemon as SIGTERM does",
            .description =
                "It takes no new requests and ends those it has within drainTimeout. Refused while "
                "an endpoint is drained in a pool that fails open: without a picker the gateway "
                "would send requests there too. A service manager may start it again; where one "
                "runs it, better ask that one.",
            .examples = "inferencectl daemon stop --wait --reason 'OPS-112'\n"
                        "inferencectl daemon stop --dry-run=server",
            .exits = "4 no daemon answers\n5 with --wait: it has not ended in time\n"
                     "6 endpoints are drained that a gateway would use meanwhile",
            .run = RunDaemonStop},
    VerbRow{.name = "rollback",
            .summary = "bring the applied objects of an earlier generation back",
            .description =
                "The whole applied state becomes as it was then; 0 is the state before anything "
                "was applied. That is a change like any other: a new generation, which can be "
                "taken back as well.",
            .examples = "inferencectl rollback --to 41 --reason 'v2 is slow'\n"
                        "inferencectl rollback --to 41 --dry-run=server",
            .exits = "1 there is no such generation (any more)\n3 it does not fit what files "
                     "define now\n4 no daemon answers\n5 with --wait: not all endpoints are ready "
                     "in time\n6 another generation than expected, or an object that a file "
                     "defines now",
            .run = RunRollback},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "apply|delete|rollback",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|name|json|yaml",
              .doc = "the form of the answer; name names the objects only"},
    OptionRow{.verbs = "daemon reload|daemon stop",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "daemon reload",
              .name = "wait",
              .doc = "until the files are in force or refused, for --timeout at most; else it only "
                     "asks"},
    OptionRow{.verbs = "daemon stop",
              .name = "wait",
              .doc = "until it has ended its requests and is gone, for --timeout at most"},
    OptionRow{.verbs = "daemon stop",
              .name = "force",
              .doc = "stop all the same; a gateway that fails open uses drained endpoints then"},
    OptionRow{.verbs = "diff",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|yaml",
              .doc = "the form of the answer; json and yaml have the whole texts"},
    OptionRow{.verbs = "history",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "table|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "apply|delete|diff",
              .name = "filename",
              .letter = 'f',
              .argument = "PATH",
              .repeatable = true,
              .words = Words::kFiles,
              .doc = "a file, a folder with all in it (*.yaml, *.yml, *.json), a glob, or - for "
                     "standard input"},
    OptionRow{.verbs = "apply",
              .name = "dry-run",
              .argument = "WHERE",
              .fallback = "none",
              .choices = "none|client|server",
              .doc = "change nothing; client: check the files only, server: ask the daemon what "
                     "would become of them"},
    OptionRow{.verbs = "delete|rollback|daemon stop",
              .name = "dry-run",
              .argument = "WHERE",
              .fallback = "none",
              .choices = "none|server",
              .doc = "change nothing; ask the daemon what would be done"},
    OptionRow{.verbs = "apply|delete|rollback|daemon reload|daemon stop",
              .name = "reason",
              .argument = "TEXT",
              .env = "INFERENCECTL_REASON",
              .doc = "why, for the history"},
    OptionRow{.verbs = "apply|delete|rollback|diff",
              .name = "expect-generation",
              .argument = "N",
              .doc = "refuse when the applied generation is another; somebody was faster"},
    OptionRow{.verbs = "apply|delete|rollback",
              .name = "wait",
              .doc = "until all endpoints are ready; those of the pools that it touches, for "
                     "--timeout at most"},
    OptionRow{.verbs = "apply|delete|rollback",
              .name = "exit-code",
              .doc = "exit code 1 when something was (or would be) changed, 0 when nothing was"},
    OptionRow{.verbs = "apply|diff",
              .name = "prune",
              .doc = "delete applied objects that aren't given; those with the labels of "
                     "--selector"},
    OptionRow{.verbs = "apply|diff",
              .name = "selector",
              .letter = 'l',
              .argument = "LABELS",
              .doc = "KEY=VALUE[,KEY=VALUE...], all of them; for --prune"},
    OptionRow{.verbs = "diff",
              .name = "external",
              .argument = "COMMAND",
              .env = "INFERENCECTL_EXTERNAL_DIFF",
              .doc = "show the differences by this program; it gets two folders, and its exit "
                     "status counts: 0, or 1 for differences; 'diff -u -N' is one"},
    OptionRow{.verbs = "delete",
              .name = "namespace",
              .letter = 'n',
              .argument = "NAMESPACE",
              .fallback = "default",
              .doc = "of names that have none"},
    OptionRow{.verbs = "delete",
              .name = "ignore-not-found",
              .doc = "an object that isn't there is deleted already"},
    OptionRow{.verbs = "rollback",
              .name = "to",
              .argument = "GENERATION",
              .doc = "the generation to go back to, as history lists them"},
    OptionRow{.verbs = "history",
              .name = "limit",
              .argument = "N",
              .fallback = "20",
              .doc = "how many, the newest; 1 to 1000"},
    OptionRow{.verbs = "history", .name = "no-headers", .doc = "the table without its first line"},
};

}  // namespace

VerbGroup ChangeGroup() {
  return {.title = "Change what a daemon serves", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
