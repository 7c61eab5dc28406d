#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "api/codes.h"
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
  // In one folder, so that the pages find each other: ours, and the one made of the catalogue.
  namespace fs = std::filesystem;
  const std::string folder = std::string(TEST_BINARY_DIR) + "/man";
  for (const auto& page : fs::directory_iterator(std::string(TEST_SOURCE_DIR) + "/man")) {
    fs::copy_file(page, fs::path(folder) / page.path().filename(),
                  fs::copy_options::overwrite_existing);
  }
  for (const char* name :
       {"inferencectl.1", "inferenced.8", "inferenced.yaml.5", "inferencectl-codes.7"}) {
    CAPTURE(name);
    const std::string command = "cd " + folder + " && mandoc -Tlint -Wstyle " + name;
    CHECK(std::system(command.c_str()) == 0);
  }
}

TEST_CASE("the page of codes has every code with its name") {
  std::ifstream file(std::string(TEST_BINARY_DIR) + "/man/inferencectl-codes.7");
  REQUIRE(file);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  for (const api::codes::CodeInfo& info : api::codes::All()) {
    CAPTURE(info.code);
    CHECK(Has(page, ".It " + std::string(info.code) + " Pq " + std::string(info.name) + ","));
  }
}

}  // namespace
}  // namespace inference::ctl
