#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{.name = "status",
            .summary = "is the daemon well, and with which configuration",
            .description =
                "Shows the daemon's version, listeners, totals and the state of its "
                "configuration: the generation that runs, and what was wrong with the last change "
                "when it was refused.",
            .examples = "inferencectl status\ninferencectl status -o json",
            .exits = "4 no daemon answers",
            .run = RunStatus},
    VerbRow{.name = "get",
            .operands = "pools|endpoints|manifests [NAME...]",
            .min_operands = 1,
            .max_operands = -1,
            .words = Words::kResourceAndNames,
            .summary = "list pools, endpoints with live metrics, or manifests",
            .description =
                "Endpoints are shown as the picker sees them: what each model server reported and "
                "how old that is, what is in flight from here. A value that is not known is "
                "<unknown>, never 0; what was reported too long ago is not known any more, and its "
                "AGE is marked stale. Manifests are shown with the file that has them, or the "
                "generation that applied them. A name that doesn't exist makes the exit code 1.",
            .examples = "inferencectl get pools\ninferencectl get endpoints --pool llm/qwen3 -w\n"
                        "inferencectl get endpoints -o wide --sort-by waiting\n"
                        "inferencectl get endpoints rack-7-gpu-1 -o json\n"
                        "inferencectl get manifests -o text > backup.yaml",
            .exits = "1 a name doesn't exist\n4 no daemon answers",
            .run = RunGet},
    VerbRow{.name = "describe",
            .operands = "pool|endpoint|rewrite|model|route NAME",
            .min_operands = 2,
            .max_operands = 2,
            .words = Words::kResourceAndNames,
            .summary = "all that is known of one pool, endpoint or rule",
            .description =
                "A pool with where it is defined, what it selects, how it schedules, what is wrong "
                "with it, and its endpoints. An endpoint with its labels, what its server "
                "reported, what was sent there from here, why it isn't ready, who drains it and "
                "what is in the way, and what happened to it last. A rewrite, model or route with "
                "where it is written, what its rules match, and the share of the requests that "
                "each target should get and got. For people; programs ask get and traffic get.",
            .examples = "inferencectl describe pool llm/qwen3\n"
                        "inferencectl describe endpoint rack-7-gpu-1\n"
                        "inferencectl describe rewrite llm/chat",
            .exits = "1 the name doesn't exist\n4 no daemon answers",
            .run = RunDescribe},
    VerbRow{.name = "pick",
            .summary = "which endpoint would be picked now, and why",
            .description =
                "A dry run on the running daemon by the same code that serves requests. It "
                "reserves nothing and teaches the prefix index nothing. The prompt goes to the "
                "daemon and is not kept there.",
            .examples = "inferencectl pick --model qwen3 --prompt 'Hello'\n"
                        "inferencectl pick --pool llm/qwen3 --body-file request.json -o json\n"
                        "inferencectl pick --model qwen3 --tokens 4000",
            .exits = "1 the request would be refused\n3 the body doesn't parse\n"
                     "4 no daemon answers",
            .run = RunPick},
    VerbRow{.name = "why",
            .operands = "REQUEST-ID",
            .min_operands = 1,
            .max_operands = 1,
            .summary = "why a request that was served went where it went",
            .description =
                "Tells the story of one decision: what was known of each candidate then, how each "
                "scorer judged it, which endpoints were left out and by what, where the request "
                "went, and how it ended. The daemon remembers the last few thousand; the request "
                "id is the header x-request-id.",
            .examples = "inferencectl why 6e0c7b1a-8c1e-4d0f-9d2e-0a1b2c3d4e5f",
            .exits = "1 no such request is remembered\n4 no daemon answers",
            .run = RunWhy},
    VerbRow{.name = "events",
            .operands = "[NAME...]",
            .max_operands = -1,
            .words = Words::kEndpoints,
            .summary = "what happened to endpoints and the configuration",
            .description =
                "Drains, weights, ejections, slow starts, servers that can't be reached, changes "
                "and reloads, refused ones as well, the oldest first. With names, only of these "
                "endpoints; configuration is a name too. The daemon remembers the last 4096 of its "
                "run; what was done by command is in history for longer. --watch goes on until "
                "Ctrl-C, over restarts of the daemon.",
            .examples = "inferencectl events --since 10m\ninferencectl events gpu-1 -w\n"
                        "inferencectl events -w --warnings -o jsonl",
            .exits = "4 no daemon answers",
            .run = RunEvents},
};

constexpr std::array kOptions{
    OptionRow{.verbs = "status|pick|why",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .config = "output",
              .choices = "table|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{.verbs = "events",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|jsonl|yaml",
              .doc = "the form of the answer; jsonl is one event per line"},
    OptionRow{.verbs = "events",
              .name = "watch",
              .letter = 'w',
              .doc = "go on with what happens, until Ctrl-C"},
    OptionRow{.verbs = "events",
              .name = "since",
              .argument = "DURATION",
              .doc = "only what happened in that time"},
    OptionRow{.verbs = "events", .name = "warnings", .doc = "only what somebody should look at"},
    OptionRow{.verbs = "get",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .config = "output",
              .choices = "table|wide|json|jsonl|yaml|name|text|jsonpath=|custom-columns=",
              .doc = "the form of the answer; wide has more columns, jsonl is one object per line, "
                     "name names only, text is manifests as they were written, "
                     "jsonpath={.items[*].name} what a path points at, "
                     "custom-columns=NAME:.name,STATE:.state a table of paths into each item"},
    OptionRow{.verbs = "get",
              .name = "columns",
              .argument = "NAME,...",
              .doc = "only these columns of the wide table, in this order; help lists them"},
    OptionRow{.verbs = "get",
              .name = "watch",
              .letter = 'w',
              .doc = "show endpoints again and again; redraws on a terminal, else appends"},
    OptionRow{.verbs = "get",
              .name = "interval",
              .argument = "DURATION",
              .fallback = "1s",
              .doc = "between two looks of --watch, 100ms to 60s"},
    OptionRow{.verbs = "get", .name = "no-headers", .doc = "tables without their first line"},
    OptionRow{.verbs = "get",
              .name = "sort-by",
              .argument = "COLUMN",
              .fallback = "",
              .choices = "name|pool|state|running|waiting|kv|in-flight|picks|age",
              .doc = "the order of the rows; numbers descend, unknown ones last; by default the "
                     "daemon's order"},
    OptionRow{.verbs = "get|pick",
              .name = "pool",
              .letter = 'p',
              .argument = "POOL",
              .words = Words::kPools,
              .doc = "namespace/name, or the name alone when only one pool has it"},
    OptionRow{.verbs = "get|describe|pick",
              .name = "namespace",
              .letter = 'n',
              .argument = "NAMESPACE",
              .doc = "only what is there; names that have no namespace are in this one"},
    OptionRow{.verbs = "pick",
              .name = "model",
              .letter = 'm',
              .argument = "MODEL",
              .words = Words::kModels,
              .doc = "the model that the request asks for; needed unless --body-file has it"},
    OptionRow{.verbs = "pick",
              .name = "prompt",
              .argument = "TEXT",
              .doc = "the prompt, as /v1/completions takes it"},
    OptionRow{.verbs = "pick",
              .name = "prompt-file",
              .argument = "FILE",
              .words = Words::kFiles,
              .doc = "the prompt, from a file; - is standard input"},
    OptionRow{.verbs = "pick",
              .name = "tokens",
              .argument = "N",
              .doc = "a prompt of that many tokens; nobody has sent it before"},
    OptionRow{
        .verbs = "pick",
        .name = "body-file",
        .argument = "FILE",
        .words = Words::kFiles,
        .doc = "a whole JSON request body, parsed as the data plane does; - is standard input"},
    OptionRow{.verbs = "pick",
              .name = "path",
              .argument = "PATH",
              .fallback = "/v1/chat/completions",
              .doc = "the path that --body-file is sent to"},
    OptionRow{.verbs = "pick",
              .name = "header",
              .letter = 'H',
              .argument = "NAME=VALUE",
              .repeatable = true,
              .doc = "a request header"},
    OptionRow{.verbs = "pick",
              .name = "route",
              .argument = "ROUTE",
              .doc = "Envoy's route name, to choose the pool by `routes:`"},
    OptionRow{.verbs = "pick",
              .name = "subset",
              .argument = "IP[:PORT]",
              .repeatable = true,
              .doc = "an endpoint that the gateway allows; without it all are"},
};

}  // namespace

VerbGroup InspectGroup() {
  return {.title = "Look at a daemon", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
