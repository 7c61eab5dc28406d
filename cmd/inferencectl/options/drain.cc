#include <array>

#include "inferencectl/commands/commands.h"
#include "inferencectl/option_table.h"

namespace inference::ctl {
namespace {

constexpr std::array kVerbs{
    VerbRow{
        .name = "drain",
        .operands = "[ENDPOINT...]",
        .max_operands = -1,
        .words = Words::kEndpoints,
        .summary = "send endpoints no new requests; wait until all is done",
        .description =
            "Gives each endpoint a lease of --owner: from then on no new request goes there, "
            "neither as a fallback nor when nothing else is left. Drained is proven twice: no "
            "request that a daemon sent there is left, for --settle; and a metrics page that was "
            "asked for after that has no running and no waiting request. Leases survive restarts "
            "of the daemon and go with undrain only, unless --on-timeout says otherwise. Several "
            "daemons (--server more than once, or replicas: in a configuration file) must all say "
            "so. The last ready endpoint of a pool is not drained. The same command again goes on "
            "waiting. Ctrl-C leaves the drain as it is.",
        .examples =
            "inferencectl drain gpu-1 --reason 'kernel upgrade' --timeout 10m\n"
            "inferencectl drain -l rack=7 --pool llm/qwen3 --min-ready 80% --exec ./upgrade.sh\n"
            "inferencectl drain gpu-1 --replicas unix:///a.sock --replicas unix:///b.sock",
        .exits = "1 no such endpoint, or it went away with requests\n4 no daemon answers\n"
                 "5 not drained within --timeout\n6 refused: too little would be left, or nothing "
                 "can be kept\n7 drained but unverified, or not all daemons answer",
        .run = RunDrain},
    VerbRow{.name = "drain status",
            .operands = "[ENDPOINT...]",
            .max_operands = -1,
            .words = Words::kEndpoints,
            .summary = "what is drained, how far it is, and what is in the way",
            .description =
                "Without names: all that is drained, or warms after an undrain. SERVER is "
                "what the model server says that it has; ACK how many daemons drain it.",
            .examples = "inferencectl drain status\ninferencectl drain status gpu-1 --watch",
            .exits = "1 a named endpoint isn't drained at all\n4 no daemon answers\n"
                     "5 a time limit is over\n7 drained but unverified, or not all daemons answer\n"
                     "8 not drained yet",
            .run = RunDrainStatus},
    VerbRow{.name = "undrain",
            .operands = "[ENDPOINT...]",
            .max_operands = -1,
            .words = Words::kEndpoints,
            .summary = "take a drain back",
            .description =
                "Takes the lease of --owner away. Others' leases stay and are named: the endpoint "
                "has requests again when the last one goes, with --ramp a share that rises from "
                "1 % to all of it.",
            .examples = "inferencectl undrain gpu-1 --ramp 60s\n"
                        "inferencectl undrain gpu-1 --owner node-upgrader",
            .exits = "1 there is no such endpoint\n4 no daemon answers\n6 only others drain it, or "
                     "--all-owners without --yes\n7 not all daemons answer",
            .run = RunUndrain},
    VerbRow{.name = "cordon",
            .operands = "[ENDPOINT...]",
            .max_operands = -1,
            .words = Words::kEndpoints,
            .summary = "send endpoints no new requests: drain --no-wait",
            .description = "As drain, without waiting for what runs there.",
            .examples = "inferencectl cordon gpu-1 --reason 'looks ill'",
            .exits =
                "1 no such endpoint\n4 no daemon answers\n6 refused: too little would be left, "
                "or nothing can be kept\n7 not all daemons answer",
            .run = RunCordon},
    VerbRow{.name = "endpoint weight",
            .operands = "[ENDPOINT...] PERCENT",
            .min_operands = 1,
            .max_operands = -1,
            .words = Words::kEndpoints,
            .summary = "give endpoints another share of the requests",
            .description =
                "Of the requests that an endpoint would be a candidate for, it takes part in that "
                "share; when nothing else is left, in all of them. 100% takes back what was set. "
                "It outlives restarts of the daemon; get endpoints shows it, with who set it and "
                "why.",
            .examples = "inferencectl endpoint weight gpu-1 50% --reason 'a fan is broken'\n"
                        "inferencectl endpoint weight -l rack=7 -p llm/qwen3 12.5%\n"
                        "inferencectl endpoint weight gpu-1 100%",
            .exits = "1 no such endpoint\n4 no daemon answers, or it doesn't let you\n"
                     "6 nothing can be kept there\n7 not all daemons answer",
            .run = RunEndpointWeight},
};

constexpr std::string_view kDrain = "drain|cordon";
constexpr std::string_view kChoosing = "drain|undrain|cordon|endpoint weight";

constexpr std::array kOptions{
    ReplicasOption("drain|drain status|undrain|cordon|endpoint weight"),
    OptionRow{.verbs = "drain",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|jsonl|yaml",
              .doc = "the form of the answer; jsonl has a line for each progress and result"},
    OptionRow{.verbs = "drain status",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "table",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "table|json|jsonl|yaml",
              .doc = "the form of the answer; jsonl is one endpoint per line"},
    OptionRow{.verbs = "undrain|cordon|endpoint weight",
              .name = "output",
              .letter = 'o',
              .argument = "FORMAT",
              .fallback = "text",
              .env = "INFERENCECTL_OUTPUT",
              .choices = "text|json|yaml",
              .doc = "the form of the answer; for people, or one document"},
    OptionRow{
        .verbs = kChoosing,
        .name = "selector",
        .letter = 'l',
        .argument = "LABELS",
        .doc = "KEY=VALUE[,KEY=VALUE...], all of them: the endpoints of --pool that have them"},
    OptionRow{.verbs = kChoosing,
              .name = "pool",
              .letter = 'p',
              .argument = "POOL",
              .words = Words::kPools,
              .doc = "only endpoints of this pool"},
    OptionRow{.verbs = "drain|undrain|cordon",
              .name = "owner",
              .argument = "OWNER",
              .env = "INFERENCECTL_OWNER",
              .doc = "whose lease it is; by default user@host"},
    OptionRow{.verbs = kChoosing,
              .name = "reason",
              .argument = "TEXT",
              .env = "INFERENCECTL_REASON",
              .doc = "why, for the lease and the history"},
    OptionRow{.verbs = kChoosing,
              .name = "dry-run",
              .argument = "WHERE",
              .fallback = "none",
              .choices = "none|server",
              .doc = "change nothing; ask the daemons whether they would"},
    OptionRow{.verbs = kDrain,
              .name = "soft",
              .doc = "requests that it has cached still go there; those of whose prompt it has at "
                     "least half, for --soft-for"},
    OptionRow{.verbs = kDrain, .name = "hard", .doc = "no new requests at all; the default"},
    OptionRow{.verbs = kDrain,
              .name = "soft-for",
              .argument = "DURATION",
              .fallback = "5m",
              .doc = "how long it is soft, then it is hard; nothing is proven before that"},
    OptionRow{.verbs = kDrain,
              .name = "no-timeout",
              .doc = "no time limit; else --timeout, here 10m unless it is given"},
    OptionRow{.verbs = kDrain,
              .name = "on-timeout",
              .argument = "WHAT",
              .fallback = "leave",
              .choices = "leave|undo|force",
              .doc = "leave it draining; undo the lease; force: leave it, and run --exec all the "
                     "same. 5 in any case"},
    OptionRow{.verbs = kDrain,
              .name = "settle",
              .argument = "DURATION",
              .fallback = "2s",
              .doc = "how long nothing of ours must be there"},
    OptionRow{.verbs = "drain|drain status",
              .name = "allow-unverified",
              .doc = "metrics may tell nothing; such a server counts as drained"},
    OptionRow{.verbs = kDrain,
              .name = "min-ready",
              .argument = "N|P%",
              .doc = "ready endpoints that each pool must have left; 1 in any case"},
    OptionRow{.verbs = kDrain,
              .name = "max-saturation",
              .argument = "FRACTION",
              .doc =
                  "how full the KV caches of those left may be on average, if they take over all "
                  "of its load; 0.85 as an example"},
    OptionRow{.verbs = kDrain,
              .name = "force-capacity",
              .doc = "drain whatever is left, the last endpoint of a pool as well"},
    OptionRow{
        .verbs = kDrain, .name = "allow-empty", .doc = "a selector that matches nothing is fine"},
    OptionRow{.verbs = kDrain,
              .name = "max-parallel",
              .argument = "N",
              .fallback = "1",
              .doc = "how many at a time; the next one begins when one is drained"},
    OptionRow{.verbs = kDrain,
              .name = "exec",
              .argument = "COMMAND",
              .doc = "run by sh once an endpoint is drained, with INFERENCE_ENDPOINT, "
                     "INFERENCE_NAMESPACE and INFERENCE_ADDRESS set; its failure ends the drain"},
    OptionRow{.verbs = "drain", .name = "no-wait", .doc = "return when no new requests go there"},
    OptionRow{.verbs = "drain status",
              .name = "watch",
              .letter = 'w',
              .doc = "every second, until all is drained"},
    OptionRow{
        .verbs = "drain status", .name = "no-headers", .doc = "the table without its first line"},
    OptionRow{.verbs = "undrain",
              .name = "ramp",
              .argument = "DURATION",
              .doc = "over which its share of requests rises"},
    OptionRow{.verbs = "undrain",
              .name = "all-owners",
              .doc = "take everybody's leases away; wants --yes"},
    OptionRow{.verbs = "undrain", .name = "yes", .letter = 'y', .doc = "no question"},
};

}  // namespace

VerbGroup DrainGroup() {
  return {.title = "Drain and weigh endpoints", .verbs = kVerbs, .options = kOptions};
}

}  // namespace inference::ctl
