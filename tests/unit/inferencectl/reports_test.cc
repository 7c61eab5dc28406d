#include "inferencectl/reports/reports.h"

#include <catch2/catch.hpp>
#include <string>

#include "inferencectl/reports/place.h"

namespace inference::ctl {
namespace {

const std::string kPool = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: "a<b", namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPort: 8000
)";
const std::string kRewrite = R"(# a comment
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: ok, namespace: llm}
spec: {poolRef: {name: p}, rules: [{targets: [{modelRewrite: é, weight: 0}]}]}
)";

manifest::lint::Verdict Judge(const std::string& second = kRewrite) {
  return manifest::lint::Run({{"./dir/pool.yaml", kPool}, {"rewrite.yaml", second}}, {});
}

TEST_CASE("a place has pointer, object, document and end") {
  const auto verdict = Judge();
  Places places(verdict);
  REQUIRE(verdict.findings.size() == 3);
  const Place name = places.Find(verdict.findings[0]);
  CHECK(name.pointer == "/metadata/name");
  CHECK(name.document == 0);
  const Place field = places.Find(verdict.findings[1]);
  CHECK(verdict.findings[1].code == "INF0104");
  CHECK(field.pointer == "/spec/targetPort");
  CHECK(field.end_line == 6);
  CHECK(field.end_column == 13);
  REQUIRE(field.object != nullptr);
  CHECK(field.object->kind->kind == "InferencePool");
  CHECK(places.Find(verdict.findings[2]).pointer == "/spec/rules/0/targets/0/weight");
}

TEST_CASE("a fingerprint stays when lines move, and changes with the value") {
  const auto print = [](const std::string& text) {
    const auto verdict = Judge(text);
    return Places(verdict).Find(verdict.findings.back()).fingerprint;
  };
  const std::string before = print(kRewrite);
  CHECK(before.size() == 16);
  CHECK(print("\n\n" + kRewrite) == before);
  std::string other = kRewrite;
  other.replace(other.find("weight: 0"), 9, "weight: -1");
  CHECK(print(other) != before);
}

TEST_CASE("JSON and JSON lines have every finding") {
  const auto verdict = Judge();
  const Json report = ValidationJson(verdict, {});
  CHECK(report["kind"] == "ValidationReport");
  CHECK(report["summary"]["errors"] == 3);
  REQUIRE(report["findings"].size() == 3);
  CHECK(report["findings"][1]["pointer"] == "/spec/targetPort");
  CHECK(report["findings"][2]["object"]["name"] == "ok");
  const std::string lines = ValidationJsonLines(verdict);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
  CHECK(Json::parse(lines.substr(0, lines.find('\n'))) == report["findings"][0]);
}

TEST_CASE("SARIF has rules, regions, fingerprints and relative paths") {
  const Json sarif = Json::parse(SarifReport(Judge()));
  CHECK(sarif["version"] == "2.1.0");
  const Json& run = sarif["runs"][0];
  CHECK(run["columnKind"] == "unicodeCodePoints");
  CHECK(run["tool"]["driver"]["rules"].size() == 3);
  const Json& result = run["results"][1];
  CHECK(result["ruleId"] == "INF0104");
  CHECK(result["level"] == "error");
  const Json& location = result["locations"][0]["physicalLocation"];
  CHECK(location["artifactLocation"]["uri"] == "dir/pool.yaml");
  CHECK(location["region"] == Json{{"startLine", 6}, {"startColumn", 3}, {"endColumn", 13}});
  CHECK(result["partialFingerprints"]["inferencectl/v1"].get<std::string>().size() == 16);

  const auto clean = manifest::lint::Run({{"a.yaml", "kind: X\napiVersion: v1\n"}}, {});
  CHECK(Json::parse(SarifReport(clean))["runs"][0]["results"] == Json::array());
}

TEST_CASE("a fix is there as edits, in JSON and SARIF") {
  const auto verdict = manifest::lint::Run(
      {{"a.yaml", "# é\n" + std::string(kRewrite).replace(kRewrite.find("poolRef"), 7, "poolref")}},
      {});
  const Json report = ValidationJson(verdict, {});
  const Json& finding = report["findings"][0];
  CHECK(finding["code"] == "INF0104");
  CHECK(finding["suggestions"] == Json{"poolRef"});
  CHECK(finding["fix"]["title"] == "rename it to 'poolRef'");
  const Json& edit = finding["fix"]["edits"][0];
  CHECK(edit["line"] == 6);
  CHECK(edit["column"] == 8);
  CHECK(edit["endColumn"] == 15);
  CHECK(edit["length"] == 7);
  CHECK(edit["replacement"] == "poolRef");
  const Json sarif = Json::parse(SarifReport(verdict));
  const Json& fix = sarif["runs"][0]["results"][0]["fixes"][0];
  CHECK(fix["artifactChanges"][0]["artifactLocation"]["uri"] == "a.yaml");
  CHECK(fix["artifactChanges"][0]["replacements"][0]["deletedRegion"] ==
        Json{{"startLine", 6}, {"startColumn", 8}, {"endLine", 6}, {"endColumn", 15}});
  CHECK(fix["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"] == "poolRef");
  CHECK(report["findings"].back()["fix"].is_null());
}

TEST_CASE("findings are told from those of an earlier state by fingerprint, and counted") {
  const auto before = Judge(kRewrite);
  Assessment old(before);
  std::vector<EarlierFinding> earlier;
  for (const Finding& finding : old.findings) earlier.push_back(Remembered(finding));
  earlier.push_back({"feedfeedfeedfeed", "INF0104", "error", "gone.yaml", "", "a message"});
  std::string other = "\n" + kRewrite;
  other.replace(other.find("weight: 0"), 9, "weight: -1");
  const auto after = Judge(other);
  Assessment now(after);
  now.Compare(earlier);
  CHECK(now.CountOf(Since::kNew) == 1);
  CHECK(now.CountOf(Since::kUnchanged) == 2);
  CHECK(now.fixed.size() == 2);
  CHECK(now.Count(api::Severity::kError) == 3);
  CHECK(now.Count(api::Severity::kError, true) == 1);
  const Json report = ValidationJson(now, {});
  CHECK(report["summary"]["new"] == 1);
  CHECK(report["findings"][2]["status"] == "new");
  CHECK(report["findings"][0]["status"] == "unchanged");
  CHECK(report["fixed"][1]["file"] == "gone.yaml");
  const Json sarif = Json::parse(SarifReport(now));
  CHECK(sarif["runs"][0]["results"][0]["baselineState"] == "unchanged");
  // Formats that can't mark what is known leave it out.
  const std::string commands = GithubReport(now);
  CHECK(std::count(commands.begin(), commands.end(), '\n') == 1);
  now.KeepOnly({"./dir/pool.yaml"});
  CHECK(now.findings.size() == 2);
  CHECK(now.elsewhere == 1);
}

TEST_CASE("JUnit has a suite per file and a case per object, with text that is XML") {
  const std::string xml = JunitReport(Judge());
  CHECK(xml.find("<testsuite name=\"./dir/pool.yaml\" tests=\"1\" failures=\"1\">") !=
        std::string::npos);
  CHECK(xml.find("testcase name=\"InferencePool llm/a&lt;b\"") != std::string::npos);
  CHECK(xml.find("a<b") == std::string::npos);
  CHECK(xml.find("<failure type=\"INF0104\"") != std::string::npos);
  std::string good = kRewrite;
  good.replace(good.find("weight: 0"), 9, "weight: 1");
  CHECK(JunitReport(Judge(good))
            .find("<testcase name=\"InferenceModelRewrite llm/ok\" classname=\"rewrite.yaml\"/>") !=
        std::string::npos);
}

TEST_CASE("what is in a text of a ConfigMap is the ConfigMap's in JUnit") {
  const auto verdict = manifest::lint::Run(
      {{"a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: epp}\ndata:\n  p.yaml: |\n"
        "    apiVersion: llm-d.ai/v1alpha1\n    kind: EndpointPickerConfig\n    plugin: []\n"}},
      {});
  const std::string xml = JunitReport(verdict);
  CHECK(xml.find("<testsuite name=\"a.yaml\" tests=\"1\" failures=\"1\">") != std::string::npos);
  CHECK(xml.find("name=\"ConfigMap default/epp\"") != std::string::npos);
}

TEST_CASE("GitHub gets ten findings of a level, the errors first, with its escapes") {
  const std::string commands = GithubReport(Judge());
  CHECK(
      commands.find("::error title=INF0104,file=./dir/pool.yaml,line=6,col=3,endColumn=13::unknown "
                    "field 'targetPort'") != std::string::npos);
  std::string many =
      "apiVersion: llm-d.ai/v1alpha2\nkind: InferenceModelRewrite\nmetadata: {name: a}\n"
      "spec: {poolRef: {name: p}, rules: []";
  for (int i = 0; i < 14; ++i) many += ", x" + std::to_string(i) + ": \"100%\"";
  const auto verdict = manifest::lint::Run({{"a,b%:c.yaml", many + "}\n"}}, {});
  const std::string ten = GithubReport(verdict);
  CHECK(std::count(ten.begin(), ten.end(), '\n') == 11);
  CHECK(ten.find("file=a%2Cb%25%3Ac.yaml") != std::string::npos);
  CHECK(ten.find("4 more findings") != std::string::npos);
}

TEST_CASE("a job's summary is a table whatever is in the files") {
  const auto verdict = manifest::lint::Run(
      {{"a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: \"a|<b>*\"}\n"}}, {});
  const std::string summary = GithubSummary(verdict);
  CHECK(summary.find("a\\|\\<b\\>\\*") != std::string::npos);
  CHECK(summary.find("| a.yaml:3:18 |") != std::string::npos);
}

TEST_CASE("GitLab gets a path, a line and a fingerprint of each") {
  const Json report = Json::parse(GitlabReport(Judge()));
  REQUIRE(report.size() == 3);
  CHECK(report[1]["check_name"] == "INF0104");
  CHECK(report[1]["severity"] == "major");
  CHECK(report[1]["location"]["path"] == "dir/pool.yaml");
  CHECK(report[1]["location"]["lines"]["begin"] == 6);
  const auto verdict = Judge();
  Places places(verdict);
  for (size_t i = 0; i < report.size(); ++i) {
    CHECK(report[i]["fingerprint"] == places.Find(verdict.findings[i]).fingerprint);
  }
  const auto old = manifest::lint::Run(
      {{"a.yaml",
        "apiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferenceModel\n"
        "metadata: {name: a}\nspec: {modelName: a, poolRef: {name: p}}\n"},
       {"b.yaml",
        "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n"
        "featureGates: [flowControl]\n"}},
      {});
  const Json levels = Json::parse(GitlabReport(old));
  REQUIRE(levels.size() == 2);
  CHECK(levels[0]["severity"] == "minor");
  CHECK(levels[1]["severity"] == "info");
}

}  // namespace
}  // namespace inference::ctl
