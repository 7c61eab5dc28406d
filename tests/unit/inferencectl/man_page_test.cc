#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "inferencectl/exit_code.h"
#include "inferencectl/option_table.h"
#include "inferencectl/topics.h"

namespace inference::ctl {
namespace {

std::string ManPage(const std::string& name) {
  std::ifstream file(std::string(TEST_SOURCE_DIR) + "/man/" + name);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("the man page has every verb, option, variable and exit code") {
  const std::string page = ManPage("inferencectl.1");
  for (const VerbRow& verb : Verbs()) {
    CAPTURE(verb.name);
    CHECK(Has(page, ".It Cm " + std::string(verb.name)));
  }
  for (const OptionRow& option : Options()) {
    CAPTURE(option.name);
    const std::string spelled = "Fl -" + std::string(option.name);
    const std::string item = option.letter == 0
                                 ? ".It " + spelled
                                 : std::string(".It Fl ") + option.letter + " , " + spelled;
    CHECK(Has(page, item));
  }
  for (const Variable& variable : Variables()) {
    CAPTURE(variable.name);
    CHECK(Has(page, ".It Ev " + std::string(variable.name)));
  }
  for (const Topic& topic : Topics()) {
    CAPTURE(topic.name);
    CHECK(Has(page, std::string(topic.name)));
  }
  for (const ExitCodeRow& row : kExitCodes) {
    CHECK(Has(page, ".It " + std::to_string(static_cast<int>(row.code)) + "\n"));
  }
}

/// Of all items of the page that begin with `item`, up to the next one.
std::string Blocks(const std::string& page, const std::string& item) {
  std::string out;
  for (size_t at = 0; (at = page.find(item, at)) != std::string::npos;) {
    const size_t end = std::min(page.find("\n.It ", at + 1), page.find("\n.El", at + 1));
    out += page.substr(at, end - at);
    at = end;
  }
  return out;
}

TEST_CASE("the man page has the default and the choices of every option") {
  const std::string page = ManPage("inferencectl.1");
  for (const OptionRow& option : Options()) {
    const std::string spelled = "Fl -" + std::string(option.name);
    const std::string block =
        Blocks(page, option.letter == 0 ? ".It " + spelled
                                        : std::string(".It Fl ") + option.letter + " , " + spelled);
    CAPTURE(option.name, block);
    if (!option.fallback.empty()) CHECK(Has(block, std::string(option.fallback)));
    for (std::string_view choice : base::SplitTrimmed(option.choices, '|')) {
      if (choice.ends_with('=')) choice.remove_suffix(1);
      CAPTURE(choice);
      CHECK(Has(block, std::string(choice)));
    }
  }
}

TEST_CASE("man pages are clean") {
  if (std::system("command -v mandoc >/dev/null") != 0) {
    WARN("mandoc is not installed");
    return;
  }
  for (const char* name : {"inferencectl.1", "inferenced.8", "inferenced.yaml.5"}) {
    CAPTURE(name);
    // From the folder, so that the pages find each other.
    const std::string command =
        "cd " + std::string(TEST_SOURCE_DIR) + "/man && mandoc -Tlint -Wstyle " + name;
    CHECK(std::system(command.c_str()) == 0);
  }
}

}  // namespace
}  // namespace inference::ctl
