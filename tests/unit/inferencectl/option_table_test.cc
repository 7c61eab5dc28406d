#include "inferencectl/option_table.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "base/text.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/help.h"
#include "inferencectl/topics.h"
#include "manifest/schema/schema.h"

namespace inference::ctl {
namespace {

TEST_CASE("no verb takes two options of one name or letter") {
  for (const VerbRow& verb : Verbs()) {
    std::set<std::string> seen;
    for (const OptionRow& option : Options()) {
      if (!Takes(verb, option)) continue;
      CAPTURE(verb.name, option.name);
      CHECK(seen.insert("--" + std::string(option.name)).second);
      if (option.letter != 0) CHECK(seen.insert(std::string("-") + option.letter).second);
    }
  }
}

TEST_CASE("every row is documented and makes sense") {
  for (const OptionRow& option : Options()) {
    CAPTURE(option.name);
    CHECK(option.doc.size() > 10);
    CHECK(option.doc.back() != '.');  // help adds it
    for (std::string_view verb : base::SplitTrimmed(option.verbs, '|')) {
      CAPTURE(verb);
      CHECK(FindVerb(verb) != nullptr);
    }
    if (option.argument.empty()) {
      CHECK(option.fallback.empty());
      CHECK(option.choices.empty());
      CHECK_FALSE(option.repeatable);
    }
    if (!option.choices.empty() && !option.fallback.empty()) {
      const auto choices = base::SplitTrimmed(option.choices, '|');
      CHECK(std::count(choices.begin(), choices.end(), option.fallback) == 1);
    }
  }
  std::set<std::string_view> names;
  for (const VerbRow& verb : Verbs()) {
    CAPTURE(verb.name);
    CHECK(names.insert(verb.name).second);
    CHECK_FALSE(verb.summary.empty());
    CHECK(verb.description.size() > 20);
    CHECK(verb.examples.find("inferencectl " + std::string(verb.name)) == 0);
    CHECK(verb.run != nullptr);
    CHECK((verb.max_operands == 0) == verb.operands.empty());
    for (std::string_view alias : base::SplitTrimmed(verb.aliases, '|')) {
      CHECK(names.insert(alias).second);
      CHECK(FindVerb(alias) == &verb);
    }
    for (std::string_view line : base::SplitTrimmed(verb.exits, '\n')) {
      CAPTURE(line);
      const int code = std::stoi(std::string(line));
      CHECK(code != 0);
      CHECK(std::count_if(kExitCodes.begin(), kExitCodes.end(), [&](const ExitCodeRow& row) {
              return static_cast<int>(row.code) == code;
            }) == 1);
    }
  }
}

TEST_CASE("help names every verb and option") {
  const std::string program = ProgramHelp(false);
  for (const VerbRow& verb : Verbs()) {
    CHECK(program.find("  " + std::string(verb.name)) != std::string::npos);
    const std::string help = VerbHelp(verb, false);
    const std::string brief = VerbHelp(verb, true);
    CHECK(brief.size() < help.size());
    for (const OptionRow& option : Options()) {
      if (!Takes(verb, option)) continue;
      CAPTURE(verb.name, option.name);
      CHECK(help.find("--" + std::string(option.name)) != std::string::npos);
    }
  }
}

TEST_CASE("help fits 80 columns") {
  std::string all = ProgramHelp(false) + ProgramHelp(true);
  for (const Topic& topic : Topics()) all += topic.text();
  for (const VerbRow& verb : Verbs()) all += VerbHelp(verb, false) + VerbHelp(verb, true);
  for (std::string_view line : base::SplitTrimmed(all, '\n')) {
    CAPTURE(line);
    CHECK(line.size() <= 82);  // "×" and the like are two bytes
  }
}

TEST_CASE("the description lists what the table has") {
  const Json all = DescribeCommandLine();
  CHECK(all["verbs"].size() == Verbs().size());
  CHECK(all["exitCodes"].size() == kExitCodes.size());
  size_t options = all["options"].size();
  for (const auto& verb : all["verbs"]) options += verb["options"].size();
  size_t expected = 0;
  for (const OptionRow& option : Options()) {
    expected += option.verbs.empty() ? 1 : base::SplitTrimmed(option.verbs, '|').size();
  }
  CHECK(options == expected);
}

TEST_CASE("every topic is a text and a table") {
  std::set<std::string_view> names;
  for (const Topic& topic : Topics()) {
    CAPTURE(topic.name);
    CHECK(names.insert(topic.name).second);
    CHECK(FindVerb(topic.name) == nullptr);
    CHECK(ProgramHelp(true).find("  " + std::string(topic.name)) != std::string::npos);
    const std::string text = topic.text();
    const Json rows = topic.json();
    REQUIRE(rows.is_array());
    REQUIRE_FALSE(rows.empty());
    for (const Json& row : rows) {
      const Json& first = row.begin().value();
      const std::string value = first.is_string() ? first.get<std::string>() : first.dump();
      CAPTURE(value);
      CHECK(text.find(value) != std::string::npos);
    }
  }
}

TEST_CASE("the topic formatting has every format, and environment every variable of an option") {
  const std::string formats = FindTopic("formatting")->text();
  const std::string variables = FindTopic("environment")->text();
  for (const OptionRow& option : Options()) {
    if (!option.env.empty()) {
      CHECK(variables.find("  " + std::string(option.env) + " ") != std::string::npos);
    }
    if (option.name != "output") continue;
    for (std::string_view format : base::SplitTrimmed(option.choices, '|')) {
      CAPTURE(format);
      CHECK(formats.find("  " + std::string(format) + " ") != std::string::npos);
    }
  }
}

TEST_CASE("options and the schema of configuration files agree") {
  namespace schema = manifest::schema;
  const schema::Kind* kind = schema::FindKind("inferenced.dev/v1alpha1", "InferencectlConfig");
  REQUIRE(kind != nullptr);
  std::set<std::string_view> read;
  for (const OptionRow& option : Options()) {
    if (option.config.empty()) continue;
    CAPTURE(option.name);
    read.insert(option.config);
    const schema::Field* field = schema::FindField(*kind, option.config);
    REQUIRE(field != nullptr);
    if (option.name != "output") CHECK(field->def == option.fallback);
  }
  for (const schema::Field& field : kind->fields) {
    CAPTURE(field.name);
    if (field.fields.empty()) CHECK(read.count(field.name) == 1);
    for (const schema::Field& inner : field.fields) {
      CHECK(std::count_if(read.begin(), read.end(), [&](std::string_view key) {
              return key == std::string(field.name) + "." + std::string(inner.name);
            }) == 1);
    }
  }
}

TEST_CASE("every variable that is read is told") {
  const std::string told = FindTopic("environment")->text();
  const std::regex reading("environment\\(\"([A-Z_]+)\"\\)");
  size_t found = 0;
  const std::string folder = std::string(TEST_SOURCE_DIR) + "/cmd/inferencectl";
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().extension() != ".cc") continue;
    std::ifstream in(file.path());
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (std::sregex_iterator it(text.begin(), text.end(), reading), end; it != end; ++it) {
      const std::string name = (*it)[1];
      CAPTURE(file.path().string(), name);
      ++found;
      if (name != "HOME") CHECK(told.find("  " + name + " ") != std::string::npos);
    }
  }
  CHECK(found >= 5);
}

TEST_CASE("exit codes are those that scripts know") {
  CHECK(ExitCodeOf(Code::kNotFound) == ExitCode::kNo);
  CHECK(ExitCodeOf(Code::kInvalidArgument) == ExitCode::kBadInput);
  CHECK(ExitCodeOf(Code::kUnavailable) == ExitCode::kUnreachable);
  CHECK(ExitCodeOf(Code::kPermissionDenied) == ExitCode::kUnreachable);
  CHECK(ExitCodeOf(Code::kDeadlineExceeded) == ExitCode::kTimeout);
  CHECK(ExitCodeOf(Code::kInternal) == ExitCode::kInternal);
  std::set<int> seen;
  for (const ExitCodeRow& row : kExitCodes) {
    CHECK(seen.insert(static_cast<int>(row.code)).second);
    CHECK(std::count(kPriority.begin(), kPriority.end(), row.code) == 1);
    CHECK(Describe(row.code).name == row.name);
  }
  CHECK(kPriority.size() == kExitCodes.size());
  CHECK(ExitCodeOf(Code::kAborted) == ExitCode::kRefused);
  CHECK(FirstOf(ExitCode::kNo, ExitCode::kUnreachable) == ExitCode::kUnreachable);
  CHECK(FirstOf(ExitCode::kUnreachable, ExitCode::kBadInput) == ExitCode::kUnreachable);
  CHECK(FirstOf(ExitCode::kOk, ExitCode::kPending) == ExitCode::kPending);
  CHECK(FirstOf(ExitCode::kUsage, ExitCode::kInternal) == ExitCode::kInternal);
}

}  // namespace
}  // namespace inference::ctl
