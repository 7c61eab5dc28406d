#include "inferencectl/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "api/codes.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/format.h"
#include "inferencectl/option_table.h"
#include "inferencectl/output/kinds.h"
#include "telemetry/event_log.h"

namespace inference::ctl {
namespace {

std::string ExitCodesText() {
  std::string out = "Exit codes: one meaning each, for every verb, whatever the output format.\n\n";
  for (const ExitCodeRow& row : kExitCodes) {
    out += fmt::format("{:>4}  {:<12} ", static_cast<int>(row.code), row.name);
    out += Wrapped(std::string(row.meaning) + ": " + std::string(row.examples) + ".", 19, 19);
  }
  out += "\nIf several apply, the first of these is given:";
  for (const ExitCode code : kPriority) out += fmt::format(" {}", static_cast<int>(code));
  return out + ".\n";
}

std::string EnvironmentText() {
  std::string out = "Environment. An option on the command line wins.\n\n";
  for (const Variable& variable : Variables()) {
    out += fmt::format("  {:<28}", variable.name) + Wrapped(variable.effect, 30, 30);
  }
  return out;
}

Json EnvironmentJson() {
  Json out = Json::array();
  for (const Variable& variable : Variables()) {
    out.push_back({{"name", variable.name}, {"effect", variable.effect}});
  }
  return out;
}

struct FormatRow {
  std::string_view name, what;
};
constexpr std::array kFormats{
    FormatRow{"table",
              "for people: columns aligned, ages as 180ms or 2.1s; what is not known is <unknown>, "
              "never 0"},
    FormatRow{"wide", "table with more columns"},
    FormatRow{"text", "for people, where there is nothing to align"},
    FormatRow{"json",
              "one document: apiVersion cli.inferenced.dev/v1, kind, metadata, and `items` or "
              "`item`; a failure is a document too, of kind Error"},
    FormatRow{"yaml", "the same document as YAML"},
    FormatRow{"jsonl", "one object per line, the form for --watch"},
    FormatRow{"jsonpath=",
              "what paths in a template point at, as kubectl's: text, {.items[*].name}, "
              "{['a.b']}, {[0]}, {[-1]}, {\"\\n\"}, {range .items[*]}...{end}; no filters, slices, "
              "unions or search below"},
    FormatRow{"custom-columns=",
              "a table of paths into each item, as NAME:.name,KV:.kvCacheUsage.value"},
    FormatRow{"name", "one name per line, as endpoint/NAME or pool/NAMESPACE/NAME"},
    FormatRow{"short", "findings as file:line:column: level: message, as compilers print"},
    FormatRow{"junit", "findings as test results that CI servers show"},
    FormatRow{"sarif", "findings as SARIF 2.1.0, for code scanning"},
    FormatRow{"github", "findings as annotations of GitHub Actions"},
    FormatRow{"gitlab", "findings as a code quality report of GitLab"},
};

std::string FormattingText() {
  std::string out =
      "Output. Standard output holds the answer, standard error everything else. Not\n"
      "every verb has every format; see its --output.\n\n";
  for (const FormatRow& row : kFormats) {
    out += fmt::format("  {:<16}", row.name) + Wrapped(row.what, 18, 18);
  }
  out += "\nKinds of documents (inferencectl schema KIND):\n  ";
  std::string kinds;
  for (const manifest::schema::Kind& kind : output::Kinds()) {
    kinds += (kinds.empty() ? "" : ", ") + std::string(kind.kind);
  }
  return out + Wrapped(kinds, 2, 2) +
         "\nIn JSON an unknown number is absent or null. Fields are only ever added to v1.\n"
         "The exit code doesn't depend on the format, on -q, or on a terminal.\n";
}

Json FormattingJson() {
  Json out = Json::array();
  for (const FormatRow& row : kFormats) out.push_back({{"name", row.name}, {"what", row.what}});
  return out;
}

struct SelectorRow {
  std::string_view form, what;
};
constexpr std::array kSelectors{
    SelectorRow{"NAMESPACE/NAME",
                "a pool or manifest; the name alone is enough when only one has "
                "it"},
    SelectorRow{"-n NAMESPACE",
                "only what is there; names without a namespace are in this one. delete takes "
                "default when it is left out"},
    SelectorRow{"KIND/NAME", "an object, for delete: pool/qwen3, endpointset/rack-7"},
    SelectorRow{"IP:PORT", "an endpoint, in place of its name; IPv6 in brackets"},
    SelectorRow{"-p POOL", "the endpoints of one pool"},
    SelectorRow{"-l KEY=VALUE,...",
                "applied objects with all of these labels, for --prune; == is "
                "= too"},
    SelectorRow{"--columns NAME,...", "columns of a table; --columns help lists them"},
    SelectorRow{"jsonpath={...}", "fields of the answer, for -o; see the topic formatting"},
    SelectorRow{"KIND.FIELD.FIELD", "a field, for explain: InferencePool.spec.selector"},
    SelectorRow{"INFnnnn or its name",
                "findings, for --enable, --disable, --severity and ignores: INF0104 is "
                "unknown-field"},
    SelectorRow{"FILE, FOLDER, 'GLOB', -",
                "manifests, for -f; a folder is read with all in it: *.yaml, *.yml, *.json"},
};

std::string SelectorsText() {
  std::string out = "How objects, fields and findings are named on the command line.\n\n";
  for (const SelectorRow& row : kSelectors) {
    out += fmt::format("  {:<24}", row.form) + Wrapped(row.what, 26, 26);
  }
  return out;
}

Json SelectorsJson() {
  Json out = Json::array();
  for (const SelectorRow& row : kSelectors) out.push_back({{"form", row.form}, {"what", row.what}});
  return out;
}

std::string EventsText() {
  std::string out =
      "Kinds of events, as inferencectl events shows them; ! are warnings, which\n"
      "--warnings chooses. A name is never given to another meaning.\n\n";
  for (const telemetry::EventKind& kind : telemetry::events::kAll) {
    out += fmt::format("  {} {:<13}", kind.warning ? '!' : ' ', kind.name);
    out += Wrapped(kind.doc, 17, 17);
  }
  return out;
}

Json EventsJson() {
  Json out = Json::array();
  for (const telemetry::EventKind& kind : telemetry::events::kAll) {
    out.push_back({{"name", kind.name}, {"warning", kind.warning}, {"what", kind.doc}});
  }
  return out;
}

std::string CodesText() {
  std::string out =
      "Codes of findings. One is never given to another meaning. More about one:\n"
      "inferencectl explain CODE\n\n"
      "  INF00xx text  01xx one object  02xx references  03xx traffic  04xx lifecycle\n"
      "  05xx picker configuration  07xx security  09xx migration  11xx running daemon\n\n";
  for (const api::codes::CodeInfo& info : api::codes::All()) {
    out += fmt::format("  {}  {:7}  ", info.code, LevelName(info.severity));
    out += Wrapped(std::string(info.title) + (info.retired ? " (retired)" : ""), 20, 20);
  }
  return out;
}

Json CodesJson() {
  Json out = Json::array();
  for (const api::codes::CodeInfo& info : api::codes::All()) {
    out.push_back({{"code", info.code},
                   {"name", info.name},
                   {"level", LevelName(info.severity)},
                   {"title", info.title},
                   {"retired", info.retired}});
  }
  return out;
}

constexpr std::array kTopics{
    Topic{"exit-codes", "what each exit code means", ExitCodesText, "ExitCodeList",
          DescribeExitCodes},
    Topic{"environment", "variables that it reads", EnvironmentText, "VariableList",
          EnvironmentJson},
    Topic{"formatting", "the forms of output", FormattingText, "FormatList", FormattingJson},
    Topic{"selectors", "how things are named and chosen", SelectorsText, "SelectorList",
          SelectorsJson},
    Topic{"event-kinds", "the kinds of events", EventsText, "EventKindList", EventsJson},
    Topic{"codes", "the codes of findings", CodesText, "CodeList", CodesJson},
};

}  // namespace

std::span<const Topic> Topics() {
  return kTopics;
}

const Topic* FindTopic(std::string_view name) {
  for (const Topic& topic : kTopics) {
    if (topic.name == name) return &topic;
  }
  return nullptr;
}

std::span<const Variable> Variables() {
  static const std::vector<Variable> kAll = [] {
    std::vector<Variable> all;
    for (const OptionRow& option : Options()) {
      const bool seen = std::any_of(all.begin(), all.end(), [&](const Variable& variable) {
        return variable.name == option.env;
      });
      if (option.env.empty() || seen) continue;
      all.push_back({option.env, "the default of --" + std::string(option.name)});
    }
    all.insert(all.end(),
               {{"NO_COLOR", "when not empty: no colours"},
                {"CLICOLOR_FORCE", "when not empty and not 0: colours in a pipe too"},
                {"TERM", "dumb: no colours, no redrawing"},
                {"GITHUB_ACTIONS", "true: validate adds annotations, when no format is asked for"},
                {"GITHUB_STEP_SUMMARY", "with these annotations: a file that gets a summary, too"},
                {"XDG_CONFIG_HOME", "folder of inferencectl/config.yaml; by default ~/.config"},
                {"XDG_CACHE_HOME",
                 "folder of inferencectl/ with names for completion; by default ~/.cache"},
                {"TMPDIR", "where diff --external has the texts for its program; by default /tmp"},
                {"XDG_RUNTIME_DIR", "where a daemon without root has its socket"}});
    return all;
  }();
  return kAll;
}

Json DescribeExitCodes() {
  Json out = Json::array();
  for (const ExitCodeRow& row : kExitCodes) {
    out.push_back({{"code", static_cast<int>(row.code)},
                   {"name", row.name},
                   {"meaning", row.meaning},
                   {"examples", row.examples}});
  }
  return out;
}

}  // namespace inference::ctl
