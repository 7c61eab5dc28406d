#include "inferencectl/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "inferencectl/format.h"
#include "inferencectl/topics.h"

namespace inference::ctl {
namespace {

std::string Spelling(const OptionRow& option) {
  std::string out = option.letter != 0 ? fmt::format("-{}, ", option.letter) : "    ";
  out += "--" + std::string(option.name);
  if (IsValueOptional(option)) {
    out += option.argument;
  } else if (!option.argument.empty()) {
    out += " " + std::string(option.argument);
  }
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
  if (!option.config.empty()) doc += ". Configuration " + std::string(option.config);
  return "  " + Spelling(option) + "\n" + std::string(kIndent, ' ') +
         Wrapped(doc + ".", kIndent, kIndent);
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

std::string ExitSection(const VerbRow& verb) {
  std::string out = "\nExit codes:\n  0  done\n";
  for (std::string_view line : base::SplitTrimmed(verb.exits, '\n')) {
    const size_t space = line.find(' ');
    out += fmt::format("  {:<3}", line.substr(0, space)) + Wrapped(line.substr(space + 1), 5, 5);
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

std::string ProgramHelp(bool brief, std::string_view program) {
  std::string out =
      "inferencectl: look at an inference endpoint picker, and ask it why\n\n"
      "Usage: " +
      std::string(program) + " VERB [OPTION...]\n";
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
  out += "\nTopics:\n";
  for (const Topic& topic : Topics()) {
    out += fmt::format("  {:<18}{}\n", topic.name, topic.summary);
  }
  return out + "\nMore: inferencectl help VERB, inferencectl help TOPIC\n";
}

std::string VerbHelp(const VerbRow& verb, bool brief, std::string_view program) {
  std::string out =
      fmt::format("inferencectl {}: {}\n\nUsage: {} {}{}{} [OPTION...]\n", verb.name, verb.summary,
                  program, verb.name, verb.operands.empty() ? "" : " ", verb.operands);
  if (!brief) out += "\n" + Wrapped(verb.description, 0, 0);
  if (!brief && !verb.aliases.empty()) out += "Also called " + AliasText(verb) + ".\n";
  out += OptionSection("Options", brief, /*own=*/true, &verb);
  if (brief) return out + "\nMore: inferencectl help " + std::string(verb.name) + "\n";
  out += OptionSection("Options of every verb", brief, /*own=*/false, &verb);
  return out + "\nExamples:\n" + Indented(verb.examples) + ExitSection(verb);
}

std::string ParentHelp(std::string_view parent, std::string_view program) {
  std::string out;
  for (const VerbRow* verb : VerbsUnder(parent)) {
    out += fmt::format("  {:<18}{}\n", verb->name, verb->summary);
  }
  return out.empty() ? out
                     : fmt::format("Usage: {} {} VERB [OPTION...]\n\n", program, parent) + out;
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
    if (!option.config.empty()) out["config"] = option.config;
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
  out["topics"] = Json::array();
  for (const Topic& topic : Topics()) {
    out["topics"].push_back({{"name", topic.name}, {"summary", topic.summary}});
  }
  out["exitCodes"] = DescribeExitCodes();
  return out;
}

}  // namespace inference::ctl
