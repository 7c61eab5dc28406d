#include "inferencectl/arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/text.h"
#include "inferencectl/settings.h"
#include "net/address.h"

namespace inference::ctl {
namespace {

using Values = std::map<std::string, std::vector<std::string>, std::less<>>;

Status Usage(std::string message) {
  return Status(Code::kInvalidArgument, std::move(message));
}

std::string Quoted(std::string_view text) {
  return "\"" + base::Printable(text) + "\"";
}

std::string DidYouMean(std::string_view meant, std::string_view prefix = "") {
  if (meant.empty()) return "";
  return "; did you mean \"" + std::string(prefix) + std::string(meant) + "\"?";
}

void AddOption(CLI::App& app, const OptionRow& row, Values& values) {
  std::string names = "--" + std::string(row.name);
  if (row.letter != 0) names = std::string("-") + row.letter + "," + names;
  const std::string key(row.name);
  if (IsValueOptional(row)) {
    const std::string first(row.choices.substr(0, row.choices.find('|')));
    // Empty, which Given() doesn't count, unless the option is there.
    app.add_flag(names + "{" + first + "}", values[key]);
    return;
  }
  if (row.argument.empty()) {
    app.add_flag_callback(names, [&values, key] { values[key] = {"true"}; });
    return;
  }
  auto* option = app.add_option_function<std::vector<std::string>>(
      names, [&values, key, has_letter = row.letter != 0](std::vector<std::string> given) {
        // As kubectl takes -o=json, which CLI11 doesn't know. No such value begins with '='.
        for (std::string& value : given) {
          if (has_letter && value.starts_with('=')) value.erase(0, 1);
        }
        values[key] = std::move(given);
      });
  option->expected(1)->allow_extra_args(false)->multi_option_policy(
      row.repeatable ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
}

/// `parent`: the words of the verb that were understood, when they don't name one yet.
Status UnknownWord(const std::vector<std::string>& words, const VerbRow* verb,
                   const std::string& parent) {
  const std::string& word = words.front();
  if (word.size() > 1 && word[0] == '-') {
    std::vector<std::string_view> names;
    for (const OptionRow& option : Options()) {
      if (verb == nullptr ? option.verbs.empty() : Takes(*verb, option)) {
        names.push_back(option.name);
      }
    }
    const std::string_view bare = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    const std::string_view name = bare.substr(0, bare.find('='));
    const std::string where = verb ? " for " + std::string(verb->name) : " before a verb";
    return Usage("unknown option " + Quoted(word) + where +
                 DidYouMean(base::ClosestMatch(name, names), "--"));
  }
  if (verb != nullptr) {
    return Usage("unexpected argument " + Quoted(word) + " for " + std::string(verb->name));
  }
  std::vector<std::string_view> names;
  for (const VerbRow& row : Verbs()) names.push_back(row.name);
  const std::string command = parent.empty() ? word : parent + " " + word;
  return Usage("unknown command " + Quoted(command) +
               DidYouMean(base::ClosestMatch(command, names)));
}

/// For a first word alone that has verbs under it only.
Status NeedsSecondWord(const std::string& parent) {
  std::string list;
  for (const VerbRow* verb : VerbsUnder(parent)) {
    list += (list.empty() ? "" : ", ") + std::string(verb->name.substr(parent.size() + 1));
  }
  return Usage(parent + " needs a second word: " + list);
}

void AddVerb(CLI::App& app, const VerbRow& verb, Values& values,
             std::vector<std::string>& operands) {
  CLI::App* parent = &app;
  std::string_view name = verb.name;
  if (const size_t space = name.find(' '); space != std::string_view::npos) {
    const std::string first(name.substr(0, space));
    name.remove_prefix(space + 1);
    const auto known =
        app.get_subcommands([&](const CLI::App* each) { return each->get_name() == first; });
    parent = known.empty() ? app.add_subcommand(first) : known.front();
    if (known.empty()) {
      parent->set_help_flag("");
      parent->fallthrough();
      parent->allow_extras();
      parent->require_subcommand(0, 1);
    }
  }
  CLI::App* sub = parent->add_subcommand(std::string(name));
  for (std::string_view alias : base::SplitTrimmed(verb.aliases, '|')) {
    sub->alias(std::string(alias));
  }
  sub->set_help_flag("");
  sub->fallthrough();
  sub->allow_extras();
  for (const OptionRow& option : Options()) {
    if (!option.verbs.empty() && Takes(verb, option)) AddOption(*sub, option, values);
  }
  sub->add_option("operands", operands);
}

/// The words that name the verb, as far as there are any.
std::string ParsedVerb(const CLI::App& app) {
  std::string name;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    name += (name.empty() ? "" : " ") + at->get_name();
  }
  return name;
}

Status CheckChoice(const OptionRow& option, const std::string& value) {
  const auto choices = base::SplitTrimmed(option.choices, '|');
  std::string_view chosen = value;
  if (option.argument.ends_with("[=FILE]")) {
    chosen = chosen.substr(0, chosen.find('='));
    if (chosen.size() + 1 == value.size()) {
      return Usage("--" + std::string(option.name) + " " + Quoted(value) +
                   " lacks the file's name");
    }
  }
  for (std::string_view choice : choices) {
    if (choice == chosen) return Status::Ok();
    // "jsonpath=" wants more behind it.
    if (choice.ends_with('=') && chosen.size() > choice.size() && chosen.starts_with(choice)) {
      return Status::Ok();
    }
  }
  std::string list;
  for (std::string_view choice : choices) list += (list.empty() ? "" : ", ") + std::string(choice);
  return Usage("--" + std::string(option.name) + " " + Quoted(value) + " is not one of " + list +
               DidYouMean(base::ClosestMatch(chosen, choices)));
}

Status CheckOperands(const VerbRow& verb, const std::vector<std::string>& operands) {
  for (const std::string& operand : operands) {
    if (!base::IsValidUtf8(operand)) return Usage("an argument is not valid UTF-8");
    if (operand.empty()) {
      return Usage("an argument of " + std::string(verb.name) + " is empty; it " +
                   (verb.operands.empty() ? "takes none" : "needs " + std::string(verb.operands)));
    }
  }
  const int n = static_cast<int>(operands.size());
  if (n < verb.min_operands) {
    return Usage(std::string(verb.name) + " needs " + std::string(verb.operands) +
                 "; see inferencectl help " + std::string(verb.name));
  }
  if (verb.max_operands >= 0 && n > verb.max_operands) {
    return Usage("unexpected argument " + Quoted(operands[verb.max_operands]) + " for " +
                 std::string(verb.name));
  }
  return Status::Ok();
}

/// CLI11 doesn't tell -h from --help; the last one counts.
bool AsksForShortHelp(int argc, const char* const* argv) {
  bool is_short = false;
  for (int i = 1; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) is_short = false;
    if (std::strcmp(argv[i], "-h") == 0) is_short = true;
  }
  return is_short;
}

}  // namespace

Status CheckValue(const OptionRow& option, const std::string& value) {
  if (!base::IsValidUtf8(value)) {
    return Usage("the value of --" + std::string(option.name) + " is not valid UTF-8");
  }
  if (!option.choices.empty()) return CheckChoice(option, value);
  if (option.argument == "ADDRESS") {
    const auto where = net::ParseAddress(value);
    if (!where || !where->is_unix()) {
      return Usage("--" + std::string(option.name) + " " + Quoted(value) +
                   " is not the address of a Unix socket; write unix:///absolute/path");
    }
  }
  if (option.argument == "DURATION") {
    if (auto parsed = ParseDuration(value); !parsed) {
      return Usage("--" + std::string(option.name) + ": " + parsed.status().message());
    }
  }
  return Status::Ok();
}

const std::string& Arguments::Text(std::string_view option) const {
  static const std::string kEmpty;
  if (const auto given = values_.find(option); given != values_.end()) return given->second.back();
  const auto fallback = fallbacks_.find(option);
  return fallback == fallbacks_.end() ? kEmpty : fallback->second.values.back();
}

const std::vector<std::string>& Arguments::List(std::string_view option) const {
  static const std::vector<std::string> kEmpty;
  if (const auto given = values_.find(option); given != values_.end()) return given->second;
  const auto fallback = fallbacks_.find(option);
  const bool from_file = fallback != fallbacks_.end() && fallback->second.from_file;
  return from_file ? fallback->second.values : kEmpty;
}

std::string Arguments::Origin(std::string_view option) const {
  if (Given(option)) return "--" + std::string(option);
  const auto fallback = fallbacks_.find(option);
  return fallback == fallbacks_.end() ? "default" : fallback->second.origin;
}

void Arguments::AddSettings(const OptionRow& option, const Settings& settings) {
  const Setting* setting = option.config.empty() ? nullptr : settings.Find(option.config);
  // Who names a daemon means that one, not the usual one as well.
  if (!option.repeatable || setting == nullptr || option.name == "server") return;
  std::vector<std::string>& given = values_[std::string(option.name)];
  given.insert(given.begin(), setting->values.begin(), setting->values.end());
}

Status Arguments::Fill(const Environment& environment, const Settings& settings) {
  for (const OptionRow& option : Options()) {
    const std::string name(option.name);
    if (!Takes(*verb_, option)) continue;
    if (Given(name)) {
      AddSettings(option, settings);
      continue;
    }
    // A format that another verb has is not this verb's business.
    auto fits = [&](const std::string& value) {
      return name != "output" || CheckValue(option, value).ok();
    };
    const char* variable =
        option.env.empty() ? nullptr : environment(std::string(option.env).c_str());
    const Setting* setting = option.config.empty() ? nullptr : settings.Find(option.config);
    if (variable != nullptr && *variable != '\0' && fits(variable)) {
      const Status status = CheckValue(option, variable);
      if (!status.ok()) return Usage(std::string(option.env) + ": " + status.message());
      fallbacks_[name] = {{variable}, std::string(option.env)};
    } else if (setting != nullptr && !setting->values.empty() && fits(setting->values.back())) {
      fallbacks_[name] = {setting->values, setting->origin, true};
    }
  }
  return Status::Ok();
}

std::chrono::milliseconds Arguments::Duration(std::string_view option) const {
  const auto parsed = ParseDuration(Text(option));
  return parsed ? *parsed : std::chrono::milliseconds(0);
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [unit_begin, fault] = std::from_chars(text.data(), end, number);
  const std::string_view unit(unit_begin, static_cast<size_t>(end - unit_begin));
  double scale = 0;  // of an unknown unit
  if (unit == "ms") scale = 1;
  if (unit == "s") scale = 1000;
  if (unit == "m") scale = 60'000;
  if (unit == "h") scale = 3'600'000;
  const double millis = number * scale;
  if (fault != std::errc() || scale == 0 || !std::isfinite(millis)) {
    return Usage(Quoted(text) + " is not a duration; write 500ms, 10s or 2m");
  }
  if (millis < 1) return Usage(Quoted(text) + " is too short; 1ms is the least");
  if (millis > 1e10) return Usage(Quoted(text) + " is too long; 2777h is the most");
  return std::chrono::milliseconds(std::llround(millis));
}

std::string RequestedFormat(int argc, const char* const* argv, const Environment& environment) {
  const char* from_environment = environment("INFERENCECTL_OUTPUT");
  std::string format = from_environment == nullptr ? "" : from_environment;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    std::string_view asked;
    if (word == "--") break;
    if ((word == "-o" || word == "--output") && i + 1 < argc) {
      asked = argv[i + 1];
    } else if (word.substr(0, 9) == "--output=") {
      asked = word.substr(9);
    } else if (word.size() > 2 && word.substr(0, 2) == "-o") {
      asked = word.substr(word[2] == '=' ? 3 : 2);
    }
    // What goes to a file isn't what standard output is to hold.
    if (!asked.empty() && asked.find('=') == std::string_view::npos) format = asked;
  }
  return format;
}

Result<Arguments> ParseArguments(int argc, const char* const* argv) {
  Arguments out;
  Values values;
  CLI::App app;
  app.set_help_flag("");
  app.allow_extras();
  app.require_subcommand(0, 1);
  for (const OptionRow& option : Options()) {
    if (option.verbs.empty()) AddOption(app, option, values);
  }
  std::vector<std::string> operands;
  for (const VerbRow& verb : Verbs()) AddVerb(app, verb, values, operands);
  // What stands behind "--" are operands; CLI11 takes them so only when there is none in front.
  const int options_end =
      static_cast<int>(std::find(argv, argv + argc, std::string_view("--")) - argv);
  try {
    app.parse(options_end, argv);
  } catch (const CLI::ParseError& error) {
    return Usage(base::Printable(error.what()));
  }
  const std::string named = ParsedVerb(app);
  out.verb_ = named.empty() ? nullptr : FindVerb(named);
  if (options_end < argc) operands.insert(operands.end(), argv + options_end + 1, argv + argc);
  const auto extras = app.remaining(true);
  if (!extras.empty()) {
    return UnknownWord(extras, out.verb_, named);
  }
  out.short_help = AsksForShortHelp(argc, argv);
  std::erase_if(values, [](const auto& given) { return given.second.empty(); });
  out.values_ = std::move(values);
  out.operands_ = std::move(operands);
  if (out.verb_ == nullptr && !named.empty()) {
    if (!out.Given("help")) return NeedsSecondWord(named);
    out.verb_ = FindVerb("help");
    out.operands_ = {named};
  }
  if (out.verb_ == nullptr) {
    const bool version = out.Given("version");
    if (!version && !out.Given("help")) {
      return Usage("no command given; see inferencectl --help");
    }
    out.verb_ = FindVerb(version ? "version" : "help");
  }
  for (const OptionRow& option : Options()) {
    if (!Takes(*out.verb_, option)) continue;
    const std::string name(option.name);
    out.fallbacks_[name] = {{std::string(option.fallback)}, "default"};
    if (!out.Given(name)) continue;
    for (const std::string& value : out.List(name)) {
      if (Status status = CheckValue(option, value); !status.ok()) return status;
    }
  }
  if (!out.Given("help")) {
    if (Status status = CheckOperands(*out.verb_, out.operands_); !status.ok()) return status;
  }
  return out;
}

}  // namespace inference::ctl
