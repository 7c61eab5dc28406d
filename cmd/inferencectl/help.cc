#include "inferencectl/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

constexpr size_t kWidth = 80;

/// Words wrapped at 80 columns; every line but the first is indented.
std::string Wrap(std::string_view text, size_t indent, size_t first_column) {
  std::string out;
  size_t column = first_column;
  for (std::string_view word : base::SplitTrimmed(text, ' ')) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

std::string Spelling(const OptionRow& option) {
  std::string out = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  out += "--" + std::string(option.name);
  if (!option.argument.empty()) out += " " + std::string(option.argument);
  if (option.repeatable) out += "...";
  return out;
}

std::string OptionLines(const OptionRow& option, bool brief) {
  constexpr size_t kIndent = 6;
  if (brief) {
    const size_t end = std::min(option.doc.find_first_of(";,"), option.doc.size());
    return fmt::format("  {:<32}{}\n", Spelling(option), option.doc.substr(0, end));
  }
  std::string doc(option.doc);
  if (!option.choices.empty()) {
    doc += ". One of ";
    std::string list(option.choices);
    for (size_t bar; (bar = list.find('|')) != std::string::npos;) list.replace(bar, 1, ", ");
    doc += list;
  }
  if (!option.fallback.empty()) doc += ". Default " + std::string(option.fallback);
  if (!option.env.empty()) doc += ". Environment " + std::string(option.env);
  return "  " + Spelling(option) + "\n" + std::string(kIndent, ' ') +
         Wrap(doc + ".", kIndent, kIndent);
}

std::string OptionSection(std::string_view title, bool brief, bool own, const VerbRow* verb) {
  std::string lines;
  for (const OptionRow& option : Options()) {
    const bool is_own = !option.verbs.empty();
    if (is_own != own || (verb != nullptr && !Takes(*verb, option))) continue;
    lines += OptionLines(option, brief);
  }
  return lines.empty() ? "" : "\n" + std::string(title) + ":\n" + lines;
}

std::string Indented(std::string_view text) {
  std::string out;
  for (std::string_view line : base::SplitTrimmed(text, '\n')) {
    out += "  " + std::string(line) + "\n";
  }
  return out;
}

std::string ExitCodeHelp() {
  std::string out = "Exit codes: one meaning each, for every verb, whatever the output format.\n\n";
  for (const ExitCodeRow& row : kExitCodes) {
    out += fmt::format("{:>4}  {:<12} ", static_cast<int>(row.code), row.name);
    out += Wrap(std::string(row.meaning) + ": " + std::string(row.examples) + ".", 19, 19);
  }
  return out;
}

std::string EnvironmentHelp() {
  std::string out = "Environment. An option on the command line wins.\n\n";
  std::vector<std::string_view> seen;
  for (const OptionRow& option : Options()) {
    if (option.env.empty() || std::find(seen.begin(), seen.end(), option.env) != seen.end()) {
      continue;
    }
    seen.push_back(option.env);
    out += fmt::format("  {:<24}the default of --{}\n", option.env, option.name);
  }
  out +=
      "  NO_COLOR                when not empty: no colours\n"
      "  CLICOLOR_FORCE          when not empty and not 0: colours in a pipe too\n"
      "  TERM                    dumb: no colours, no redrawing\n"
      "  XDG_RUNTIME_DIR         where a daemon without root has its socket\n";
  return out;
}

constexpr std::string_view kFormattingHelp =
    "Output. Standard output holds the answer, standard error everything else.\n\n"
    "  table   for people: columns aligned, ages as 180ms or 2.1s; what is not known\n"
    "          is <unknown>, never 0\n"
    "  wide    table with more columns\n"
    "  json    one document: apiVersion cli.inferenced.dev/v1, kind, metadata, and\n"
    "          `items` or `item`; a failure is a document too, of kind Error\n"
    "  jsonl   one object per line, the form for --watch\n"
    "  name    one name per line, as endpoint/NAME or pool/NAMESPACE/NAME\n\n"
    "In JSON an unknown number is absent or null. Fields are only ever added to v1.\n"
    "The exit code doesn't depend on the format, on -q, or on a terminal.\n";

std::string ExitSection(const VerbRow& verb) {
  std::string out = "\nExit codes:\n  0  done\n";
  for (std::string_view line : base::SplitTrimmed(verb.exits, '\n')) {
    const size_t space = line.find(' ');
    out += fmt::format("  {:<3}", line.substr(0, space)) + Wrap(line.substr(space + 1), 5, 5);
  }
  return out + "More: inferencectl help exit-codes\n";
}

std::string AliasText(const VerbRow& verb) {
  std::string out;
  for (std::string_view alias : base::SplitTrimmed(verb.aliases, '|')) {
    out += (out.empty() ? "" : ", ") + std::string(alias);
  }
  return out;
}

}  // namespace

std::string ProgramHelp(bool brief) {
  std::string out =
      "inferencectl: look at an inference endpoint picker, and ask it why\n\n"
      "Usage: inferencectl VERB [OPTION...]\n";
  std::string_view title;
  for (const VerbGroup& group : Groups()) {
    if (group.verbs.empty()) continue;
    if (group.title != title) out += fmt::format("\n{}:\n", group.title);
    title = group.title;
    for (const VerbRow& verb : group.verbs) {
      out += fmt::format("  {:<18}{}\n", verb.name, verb.summary);
    }
  }
  out += OptionSection("Options of every verb", brief, /*own=*/false, nullptr);
  return out +
         "\nSee inferencectl help VERB, and the topics exit-codes, environment, formatting.\n";
}

std::string VerbHelp(const VerbRow& verb, bool brief) {
  std::string out =
      fmt::format("inferencectl {}: {}\n\nUsage: inferencectl {}{}{} [OPTION...]\n", verb.name,
                  verb.summary, verb.name, verb.operands.empty() ? "" : " ", verb.operands);
  if (!brief) out += "\n" + Wrap(verb.description, 0, 0);
  if (!brief && !verb.aliases.empty()) out += "Also called " + AliasText(verb) + ".\n";
  out += OptionSection("Options", brief, /*own=*/true, &verb);
  if (brief) return out + "\nMore: inferencectl help " + std::string(verb.name) + "\n";
  out += OptionSection("Options of every verb", brief, /*own=*/false, &verb);
  return out + "\nExamples:\n" + Indented(verb.examples) + ExitSection(verb);
}

std::string ParentHelp(std::string_view parent) {
  std::string out;
  for (const VerbRow* verb : VerbsUnder(parent)) {
    out += fmt::format("  {:<18}{}\n", verb->name, verb->summary);
  }
  return out.empty() ? out
                     : fmt::format("Usage: inferencectl {} VERB [OPTION...]\n\n", parent) + out;
}

std::string TopicHelp(std::string_view topic) {
  if (topic == "exit-codes") return ExitCodeHelp();
  if (topic == "environment") return EnvironmentHelp();
  if (topic == "formatting") return std::string(kFormattingHelp);
  return "";
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

namespace {

Json DescribeExits(const VerbRow& verb) {
  Json out = Json::array({{{"code", 0}, {"meaning", "done"}}});
  for (std::string_view line : base::SplitTrimmed(verb.exits, '\n')) {
    const size_t space = line.find(' ');
    out.push_back({{"code", std::stoi(std::string(line.substr(0, space)))},
                   {"meaning", line.substr(space + 1)}});
  }
  return out;
}

}  // namespace

Json DescribeCommandLine() {
  auto describe = [](const OptionRow& option) {
    Json out;
    out["name"] = "--" + std::string(option.name);
    if (option.letter != 0) out["short"] = std::string("-") + option.letter;
    if (!option.argument.empty()) out["argument"] = option.argument;
    if (!option.fallback.empty()) out["default"] = option.fallback;
    if (!option.env.empty()) out["environment"] = option.env;
    if (!option.choices.empty()) out["choices"] = base::SplitTrimmed(option.choices, '|');
    out["repeatable"] = option.repeatable;
    out["doc"] = option.doc;
    return out;
  };
  Json out;
  out["options"] = Json::array();
  for (const OptionRow& option : Options()) {
    if (option.verbs.empty()) out["options"].push_back(describe(option));
  }
  out["verbs"] = Json::array();
  for (const VerbRow& verb : Verbs()) {
    Json v{{"name", verb.name},
           {"operands", verb.operands},
           {"summary", verb.summary},
           {"description", verb.description}};
    v["aliases"] = Json(base::SplitTrimmed(verb.aliases, '|'));
    v["exits"] = DescribeExits(verb);
    v["examples"] = base::SplitTrimmed(verb.examples, '\n');
    v["options"] = Json::array();
    for (const OptionRow& option : Options()) {
      if (!option.verbs.empty() && Takes(verb, option)) v["options"].push_back(describe(option));
    }
    out["verbs"].push_back(std::move(v));
  }
  out["topics"] = {"exit-codes", "environment", "formatting"};
  out["exitCodes"] = DescribeExitCodes();
  return out;
}

}  // namespace inference::ctl
