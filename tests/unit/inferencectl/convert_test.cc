#include <sys/stat.h>

#include "running.h"

namespace inference::ctl {
namespace {

const std::string kOld = R"(apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {name: a}  # mine
spec: {selector: {app: b}, targetPortNumber: 8000, extensionRef: {name: e}}
)";
const std::string kNew = R"(apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: a}  # mine
spec: {selector: {matchLabels: {app: b}}, targetPorts: [{number: 8000}], endpointPickerRef: {name: e, port: {number: 9002}}}
)";

TEST_CASE("convert prints all documents, and tells on standard error what changes") {
  Folder folder;
  const std::string pool = folder.Write("a.yaml", kOld);
  folder.Write("b.yaml", "kind: Secret\napiVersion: v1");
  const Outcome ran = Run({"convert", "-f", folder.path, "--to", "v1"});
  CHECK(ran.code == 0);
  CHECK(ran.out == kNew + "---\nkind: Secret\napiVersion: v1");
  CHECK(ran.err.find("info[INF0903]: InferencePool default/a: the picker's port 9002") == 0);
  CHECK(ran.err.find("1 object converted in 2 files\n") != std::string::npos);
  CHECK(Run({"convert", "-"}, kOld).out == kNew);
  CHECK(Run({"convert", "-q", pool}).err.empty());
  CHECK(folder.Read("a.yaml") == kOld);
  // What validate advises.
  const Outcome told = Run({"validate", pool});
  CHECK(told.out.find("= fix:  inferencectl convert -f " + pool + " --in-place\n") !=
        std::string::npos);
}

TEST_CASE("convert --in-place writes what changes") {
  Folder folder;
  const std::string pool = folder.Write("a.yaml", kOld);
  const Outcome ran = Run({"convert", pool, "-i"});
  CHECK(ran.code == 0);
  CHECK(ran.out.empty());
  CHECK(folder.Read("a.yaml") == kNew);
  CHECK(Run({"convert", "-", "-i"}, kOld).code == 2);
  folder.Write("a.yaml", kOld);
  REQUIRE(chmod(pool.c_str(), 0444) == 0);
  CHECK(Run({"convert", pool, "-i"}).code == 4);
  CHECK(folder.Read("a.yaml") == kOld);
}

TEST_CASE("convert: exit codes") {
  Folder folder;
  std::string wrong = kOld;
  wrong.replace(wrong.find("8000"), 4, "0");
  CHECK(Run({"convert", folder.Write("wrong.yaml", wrong)}).code == 1);
  CHECK(Run({"convert", folder.Write("broken.yaml", "a: [")}).code == 3);
  CHECK(Run({"convert", "/no/such"}).code == 3);
  CHECK(Run({"convert"}).code == 2);
  CHECK(Run({"convert", "x", "--to", "v2"}).code == 2);
}

TEST_CASE("fmt rewrites files, lists them, or prints a diff") {
  Folder folder;
  const std::string ugly = folder.Write("ugly.yaml", "a:\n    b: 1  \n");
  const std::string good = folder.Write("good.yaml", "a: 1\n");
  const Outcome check = Run({"fmt", "--check", folder.path});
  CHECK(check.code == 1);
  CHECK(check.out == ugly + "\n");
  CHECK(check.err == "1 of 2 files would change\n");
  const Outcome dry = Run({"fmt", "--dry-run", ugly});
  CHECK(dry.code == 0);
  CHECK(dry.out.find("-    b: 1  \n+  b: 1\n") != std::string::npos);
  CHECK(folder.Read("ugly.yaml") == "a:\n    b: 1  \n");
  const Outcome ran = Run({"fmt", "-f", folder.path});
  CHECK(ran.code == 0);
  CHECK(ran.out.empty());
  CHECK(folder.Read("ugly.yaml") == "a:\n  b: 1\n");
  CHECK(Run({"fmt", "--check", folder.path}).code == 0);
  CHECK(Run({"fmt", "-"}, "a:   \n    b: 1").out == "a:\n  b: 1\n");
  CHECK(Run({"fmt", "-"}, "a: [").code == 3);
  CHECK(Run({"fmt", "-"}, "a: [").out.empty());
  CHECK(Run({"fmt", "--check", folder.Write("broken.yaml", "a: [")}).code == 3);
  CHECK(Run({"fmt", "--check", "--dry-run", good}).code == 2);
  CHECK(Run({"fmt", "-", good}).code == 2);
  CHECK(Run({"fmt"}).code == 2);
}

}  // namespace
}  // namespace inference::ctl
