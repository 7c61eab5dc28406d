#include <sys/stat.h>
#include <unistd.h>

#include "inferencectl/envelope.h"
#include "running.h"

namespace inference::ctl {
namespace {

namespace fs = std::filesystem;

const std::string kPool = R"(# a pool
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen3, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]  # http
  endpointPickerRef: {name: epp, port: {number: 9002}, failureMode: FailOpen}
)";

std::string With(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) FAIL("no '" << from << "'");
  return text.replace(at, from.size(), to);
}

const std::string kTypo = With(kPool, "failureMode", "failuremode");
const std::string kTwoMistakes = With(kTypo, "8000", "0");

TEST_CASE("option --fix mends the file, says so, and judges what is left") {
  Folder folder;
  const std::string pool = folder.Write("pool.yaml", kTypo);
  const Outcome told = Run({"validate", pool});
  CHECK(told.code == 1);
  CHECK(told.out.find("  = fix:  inferencectl validate -f " + pool + " --fix\n") !=
        std::string::npos);

  const Outcome dry = Run({"validate", pool, "--fix=dry"});
  CHECK(dry.code == 0);
  CHECK(dry.out.find("-  endpointPickerRef: {name: epp, port: {number: 9002}, failuremode") !=
        std::string::npos);
  CHECK(dry.out.find("+  endpointPickerRef: {name: epp, port: {number: 9002}, failureMode") !=
        std::string::npos);
  CHECK(dry.err.find("would fix " + pool + ":8:56: rename it to 'failureMode'\n") !=
        std::string::npos);
  CHECK(folder.Read("pool.yaml") == kTypo);

  const Outcome ran = Run({"validate", pool, "--fix"});
  CAPTURE(ran.out, ran.err);
  CHECK(ran.code == 0);
  CHECK(ran.err.find("fixed " + pool + ":8:56: rename it to 'failureMode'\n") == 0);
  CHECK(folder.Read("pool.yaml") == kPool);

  // What a fix brings to light is fixed as well.
  folder.Write("pool.yaml", With(kTypo, "kind: InferencePool", "kind: Inferencepool"));
  CHECK(Run({"validate", pool, "--fix"}).code == 0);
  CHECK(folder.Read("pool.yaml") == kPool);

  folder.Write("pool.yaml", kTwoMistakes);
  CHECK(Run({"validate", pool, "--fix"}).code == 1);
  CHECK(folder.Read("pool.yaml") == With(kPool, "8000", "0"));
  CHECK(Run({"validate", pool, "--fix=dry", "-o", "json"}).code == 2);
  CHECK(Run({"validate", "-", "--fix"}, kTypo).code == 2);
  CHECK(Run({"validate", "-", "--fix=dry"}, kTypo).out.find("--- a/<stdin>") == 0);
  CHECK(Run({"validate", pool, "--fix=some"}).code == 2);
}

TEST_CASE("option --fix mends a plugin's type where it is referred to, too") {
  Folder folder;
  const std::string good = R"(apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer  # first
- type: max-score-picker
schedulingProfiles:
- name: default
  plugins:
  - {pluginRef: queue-scorer, weight: 2}
  - pluginRef: max-score-picker
)";
  std::string bad = good;
  for (size_t at; (at = bad.find("queue-scorer")) != std::string::npos;) {
    bad.replace(at, 12, "queue-scorr");
  }
  const std::string picker = folder.Write("picker.yaml", bad);
  CHECK(Run({"validate", picker}).code == 1);
  CHECK(Run({"validate", picker, "--fix"}).code == 0);
  CHECK(folder.Read("picker.yaml") == good);
}

TEST_CASE("option --fix keeps the mode, goes through links, and leaves read-only files alone") {
  Folder folder;
  const std::string pool = folder.Write("real/pool.yaml", kTypo);
  REQUIRE(chmod(pool.c_str(), 0640) == 0);
  fs::create_symlink("real/pool.yaml", folder.path + "/link.yaml");
  CHECK(Run({"validate", folder.path + "/link.yaml", "--fix"}).code == 0);
  CHECK(fs::is_symlink(folder.path + "/link.yaml"));
  CHECK(folder.Read("real/pool.yaml") == kPool);
  struct stat info{};
  REQUIRE(stat(pool.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0640);
  CHECK(std::distance(fs::directory_iterator(folder.path + "/real"), {}) == 1);

  folder.Write("real/pool.yaml", kTypo);
  REQUIRE(chmod(pool.c_str(), 0440) == 0);
  const Outcome refused = Run({"validate", pool, "--fix"});
  CHECK(refused.code == 4);
  CHECK(refused.err.find("is read-only; it is left as it is") != std::string::npos);
  CHECK(folder.Read("real/pool.yaml") == kTypo);
}

TEST_CASE("a baseline takes back what was there before, whatever its line") {
  Folder folder;
  const std::string pool = folder.Write("pool.yaml", kTwoMistakes);
  const std::string baseline = folder.path + "/known.json";
  CHECK(Run({"validate", pool, "--write-baseline", baseline}).code == 0);
  CHECK(Json::parse(folder.Read("known.json"))["findings"].size() == 2);

  folder.Write("pool.yaml", "\n\n" + kTwoMistakes);
  const Outcome same = Run({"validate", pool, "--baseline", baseline});
  CAPTURE(same.out, same.err);
  CHECK(same.code == 0);
  CHECK(same.out.empty());
  CHECK(same.err.find("; 0 new, 2 unchanged, 0 fixed\n") != std::string::npos);
  CHECK(Run({"validate", pool, "--baseline", baseline, "--fail-on", "error"}).code == 1);

  folder.Write("pool.yaml", With(kTypo, "9002", "0"));
  const Outcome changed = Run({"validate", pool, "--baseline", baseline, "-o", "short"});
  CHECK(changed.code == 1);
  CHECK(changed.out.find("failuremode") == std::string::npos);
  CHECK(changed.out.find("fixed: " + pool + ": ") != std::string::npos);
  CHECK(changed.err.find("; 1 new, 1 unchanged, 1 fixed\n") != std::string::npos);
  const Json report =
      Json::parse(Run({"validate", pool, "--baseline", baseline, "-o", "json"}).out);
  CHECK(report["summary"]["new"] == 1);
  CHECK(report["fixed"].size() == 1);

  CHECK(Run({"validate", pool, "--fail-on", "new-error"}).code == 2);
  CHECK(Run({"validate", pool, "--baseline", "/no/such"}).code == 3);
  CHECK(Run({"validate", pool, "--baseline", pool}).code == 3);
  CHECK(Run({"validate", pool, "--baseline", baseline, "--against", pool}).code == 2);
}

TEST_CASE("option --against a file or a folder") {
  Folder folder;
  const std::string before = folder.Write("before/pool.yaml", kTypo);
  const std::string after = folder.Write("after/pool.yaml", kTwoMistakes);
  folder.Write("before/broken.yaml", "a: [");
  folder.Write("after/broken.yaml", "\na: [");
  CHECK(Run({"validate", before, "--against", after}).code == 0);
  CHECK(Run({"validate", after, "--against", before}).code == 1);
  const Outcome folders =
      Run({"validate", folder.path + "/after", "--against", folder.path + "/before"});
  CHECK(folders.err.find("; 1 new, 2 unchanged, 0 fixed\n") != std::string::npos);
  CHECK(Run({"validate", after, "--against", "/no/such"}).code == 3);
  CHECK(Run({"validate", after, "--against", "git:"}).code == 2);
}

TEST_CASE("levels, and findings that are off") {
  Folder folder;
  const std::string pool = folder.Write("pool.yaml", kTypo);
  CHECK(Run({"validate", pool, "--severity", "INF0104=warning"}).code == 0);
  CHECK(
      Run({"validate", pool, "--severity", "unknown-field=warning", "--fail-on", "warning"}).code ==
      1);
  CHECK(Run({"validate", pool, "--severity", "INF0104=info", "--disable", "selects-nothing",
             "--fail-on", "info"})
            .code == 1);
  CHECK(Run({"validate", pool, "--disable", "INF0104"}).code == 0);
  CHECK(Run({"validate", pool, "--disable", "INF0104", "--enable", "unknown-field"}).code == 1);
  CHECK(Run({"validate", pool, "--disable", "INF9999"}).code == 2);
  CHECK(Run({"validate", pool, "--disable", "unknown-fild"}).err.find("did you mean \"unknown-f") !=
        std::string::npos);
  CHECK(Run({"validate", pool, "--severity", "INF0104"}).code == 2);
  CHECK(Run({"validate", pool, "--severity", "INF0104=fatal"}).code == 2);
}

TEST_CASE("option --show-suppressed tells what is ignored and why") {
  Folder folder;
  const std::string pool =
      folder.Write("pool.yaml", "# inferencectl:ignore INF0104 - a test\n" + kTypo);
  CHECK(Run({"validate", pool}).out.empty());
  CHECK(Run({"validate", pool, "--show-suppressed"})
            .out.find("ignored, a test: " + pool + ":9:56: error: unknown field") == 0);
}

TEST_CASE("standard input is a file of its own") {
  const Outcome ran = Run({"validate", "-f", "-", "-o", "short"}, kTypo);
  CHECK(ran.code == 1);
  CHECK(ran.out.find("<stdin>:8:56: error: unknown field 'failuremode'") == 0);
  CHECK(Run({"validate", "-"}, kTypo).out.find("= fix:") == std::string::npos);
  CHECK(Run({"validate", "-"}, "").code == 3);
}

TEST_CASE("a report is written whole; a pipe is written to") {
  Folder folder;
  const std::string pool = folder.Write("pool.yaml", kTypo);
  const std::string report = folder.Write("report.json", "old");
  REQUIRE(chmod(report.c_str(), 0600) == 0);
  CHECK(Run({"validate", pool, "-o", "json=" + report}).code == 1);
  CHECK(Json::parse(folder.Read("report.json"))["summary"]["errors"] == 1);
  CHECK(Run({"validate", pool, "-o", "json=/dev/null"}).code == 1);
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(Run({"validate", pool, "-o", "json=" + folder.path}).code == 4);
}

}  // namespace
}  // namespace inference::ctl
