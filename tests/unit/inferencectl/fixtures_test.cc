// The examples in tests/fixtures (its README says how they are laid out) through the whole program.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "api/codes.h"
#include "base/text.h"
#include "inferencectl/envelope.h"
#include "inferencectl/exit_code.h"
#include "run_app.h"

namespace inference::ctl {
namespace {

namespace fs = std::filesystem;

const fs::path kFixtures = fs::path(TEST_SOURCE_DIR) / "tests/fixtures";

std::string TextOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> LinesOf(const fs::path& path) {
  std::vector<std::string> lines;
  std::istringstream text(TextOf(path));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

struct Judged {
  Json report;
  int code;
  /// "pool.yaml:6:3 INF0104 error"; the path counts from the folder of the example.
  std::vector<std::string> findings;
  std::string text;  // for INFO
};

Judged Validate(const fs::path& folder, const std::string& name) {
  fs::path input = folder / name;
  if (!fs::is_directory(input)) input += ".yaml";
  std::vector<std::string> arguments{"validate", "-o", "json", "-f", input.string()};
  for (const std::string& line : LinesOf(folder / "options")) {
    for (const std::string_view word : base::SplitTrimmed(line, ' ')) {
      arguments.push_back(word == "before.yaml" ? (folder / word).string() : std::string(word));
    }
  }
  const Outcome outcome = RunWith(arguments);
  INFO(input << "\n" << outcome.err << outcome.out);
  Judged judged{Json::parse(outcome.out, nullptr, false), outcome.code, {}, outcome.out};
  REQUIRE(judged.report.is_object());
  REQUIRE(judged.report["kind"] == "ValidationReport");
  for (const Json& finding : judged.report["findings"]) {
    std::string place = finding["file"].is_null() ? "" : finding["file"].get<std::string>();
    if (place.starts_with(folder.string())) place.erase(0, folder.string().size() + 1);
    if (!finding["line"].is_null()) {
      place += ":" + finding["line"].dump() + ":" + finding["column"].dump();
    }
    judged.findings.push_back(place + " " + finding["code"].get<std::string>() + " " +
                              finding["level"].get<std::string>());
  }
  return judged;
}

bool IsWanted(const api::codes::CodeInfo& info) {
  return !info.retired && info.by.empty();
}

TEST_CASE("every code has an example that gives it, and nothing else, at its place") {
  for (const api::codes::CodeInfo& info : api::codes::All()) {
    if (!IsWanted(info)) continue;
    const fs::path folder = kFixtures / "codes" / info.code;
    INFO(info.code << " (" << info.name << ") in " << folder);
    REQUIRE(fs::exists(folder / "bad.expected"));
    const Judged bad = Validate(folder, "bad");
    INFO(bad.text);
    CHECK(bad.findings == LinesOf(folder / "bad.expected"));
    bool there = false;
    for (const Json& finding : bad.report["findings"]) {
      // A note may stand beside it; it fails nothing.
      CHECK((finding["code"] == info.code || finding["level"] == "info"));
      there = there || finding["code"] == info.code;
    }
    CHECK(there);
    CHECK(bad.code != static_cast<int>(ExitCode::kUsage));
    CHECK((bad.code != 0) == (bad.report["summary"]["errors"] != 0));
  }
}

TEST_CASE("every code has an example that is good") {
  for (const api::codes::CodeInfo& info : api::codes::All()) {
    if (!IsWanted(info)) continue;
    const fs::path folder = kFixtures / "codes" / info.code;
    const Judged good = Validate(folder, "good");
    INFO(folder << "\n" << good.text);
    CHECK(good.code == 0);
    CHECK(good.report["summary"]["errors"] == 0);
    CHECK(good.report["summary"]["warnings"] == 0);
    CHECK(good.report["summary"]["objects"] != 0);
  }
}

TEST_CASE("there are no examples of codes that do not exist") {
  for (const auto& entry : fs::directory_iterator(kFixtures / "codes")) {
    const std::string code = entry.path().filename().string();
    INFO(code);
    const api::codes::CodeInfo* info = api::codes::Find(code);
    REQUIRE(info != nullptr);
    CHECK(info->code == code);
    CHECK(IsWanted(*info));
  }
}

TEST_CASE("places are right behind tabs, CRLF, a BOM, wide and multi-byte characters, ---") {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kFixtures / "places")) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    const std::string name = entry.path().stem().string();
    const Judged judged = Validate(kFixtures / "places", name);
    INFO(name << "\n" << judged.text);
    CHECK(judged.findings == LinesOf(kFixtures / "places" / (name + ".expected")));
  }
  CHECK(count >= 8);
}

TEST_CASE("sound sets of manifests, as clusters and hosts have them, are good") {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(kFixtures / "sets")) {
    ++count;
    const Judged judged = Validate(kFixtures / "sets", entry.path().filename().string());
    INFO(entry.path() << "\n" << judged.text);
    CHECK(judged.report["summary"]["errors"] == 0);
    CHECK(judged.findings == LinesOf(kFixtures / "expected" / (entry.path().filename().string())));
  }
  CHECK(count >= 5);
}

}  // namespace
}  // namespace inference::ctl
