#include "inferencectl/json_path.h"

#include <catch2/catch.hpp>

namespace inference::ctl {
namespace {

const Json kDocument = Json::parse(R"({
  "items": [{"name": "a", "kv": {"value": 0.5}, "labels": {"x.y/z": "1"}, "none": null},
            {"name": "b", "kv": {"value": 1}, "labels": {}}],
  "kind": "List"})");

std::string Evaluated(std::string_view text) {
  const auto path = JsonPath::Parse(text);
  return path ? path->Evaluate(kDocument) : "error: " + path.status().message();
}

TEST_CASE("paths are those of kubectl") {
  CHECK(Evaluated("{.kind}") == "List");
  CHECK(Evaluated(".kind") == "List");
  CHECK(Evaluated("{$.kind}{@.kind}") == "ListList");
  CHECK(Evaluated("{.items[*].name}") == "a b");
  CHECK(Evaluated("{.items[0].kv.value}") == "0.5");
  CHECK(Evaluated("{.items[-1].name}") == "b");
  CHECK(Evaluated("{.items[0].labels['x.y/z']}") == "1");
  CHECK(Evaluated("{.items[0].labels.x\\.y/z}") == "1");
  CHECK(Evaluated("{.items[0].kv.*}") == "0.5");
  CHECK(Evaluated("{.items[0].kv}") == "{\"value\":0.5}");
  CHECK(Evaluated("{.items[0].none}") == "null");
  CHECK(Evaluated("{.items[7].name}{.no.such}{.kind[0]}{.items.name}") == "");
  CHECK(Evaluated("n: {.kind}\n") == "n: List\n");
  CHECK(Evaluated(R"({range .items[*]}{.name}={ .kv.value }{"\n"}{end}.)") == "a=0.5\nb=1\n.");
  CHECK(Evaluated("{range .items[*]}{range .kv.*}{$.kind}{end}{end}") == "ListList");
}

TEST_CASE("what is not supported is refused by name and place") {
  auto says = [](std::string_view text, const char* what) {
    const std::string told = Evaluated(text);
    CAPTURE(text, told);
    CHECK(told.find("error: jsonpath: ") == 0);
    CHECK(told.find(what) != std::string::npos);
  };
  says("", "a template is missing");
  says("{..name}", "\"..\" (search below) is not supported at character 3");
  says("{.items[?(@.name==\"a\")]}", "filter");
  says("{.items[0:1]}", "slice");
  says("{.items[0,1]}", "union");
  says("{.items[0}", "']' is missing");
  says("{.items[x]}", "an index, '*' or a quoted name");
  says("{.items['x}", "a quote is missing");
  says("{.items", "'}' is missing");
  says("{items}", "a path begins with '.' or '['");
  says("{range .items[*]}{.name}", "{range} without {end}");
  says("{end}", "{end} without {range}");
  says("{.a b}", "'}' is missing");
  says("{\"x}", "a quote is missing");
}

TEST_CASE("any text is read or refused") {
  const std::string_view alphabet = "{}[]*.'\"\\ $@?:,-1az";
  uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (int n = 0; n < 12; ++n) {
      state = state * 6364136223846793005 + 1442695040888963407;
      text += alphabet[(state >> 33) % alphabet.size()];
    }
    const auto path = JsonPath::Parse(text);
    if (path) CHECK(path->Evaluate(kDocument).size() < 10'000);
  }
}

}  // namespace
}  // namespace inference::ctl
