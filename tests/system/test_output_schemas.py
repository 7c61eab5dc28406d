"""What `-o json` prints is what `inferencectl schema KIND` says, for every kind, from a real daemon.

In a test the schema is closed: a field that is printed and not in the table fails. Within
cli.inferenced.dev/v1 fields are only added; a field that is gone fails where it is required.
"""

import json
import re
import subprocess
import uuid

import jsonschema
import pytest
import yaml
from harness.daemon import endpoints_manifest, pool_manifest, program
from harness.openai import CHAT, JSON

VERSION = "cli.inferenced.dev/v1"


def ctl(*arguments):
    return subprocess.run([program("inferencectl"), *map(str, arguments)], capture_output=True,
                          text=True, timeout=30)


def schema_of(kind):
    done = ctl("schema", kind)
    assert done.returncode == 0, done.stderr
    schema = json.loads(done.stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def closed(schema):
    """The same, without room for fields that it doesn't name."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
    elif isinstance(schema, list):
        schema = [closed(item) for item in schema]
    return schema


def check(document, kind):
    assert document["kind"] == kind, document
    assert document["apiVersion"] == VERSION
    jsonschema.validate(document, closed(schema_of(kind)), jsonschema.Draft202012Validator)


@pytest.fixture(scope="module")
def decided(full_duplex):
    request_id = f"schema-{uuid.uuid4()}"
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]})
    answer = full_duplex.request("1.1", "POST", CHAT, body=body.encode(),
                                 headers={**JSON, "x-request-id": request_id})
    assert answer.status == 200
    refused = f"schema-{uuid.uuid4()}"
    full_duplex.request("1.1", "POST", CHAT, body=b"{", headers={**JSON, "x-request-id": refused})
    return request_id, refused


DAEMON = [
    (["get", "pools"], "PoolList"),
    (["get", "endpoints"], "EndpointList"),
    (["get", "endpoints", "nobody"], "Error"),
    (["status"], "Status"),
    (["pick", "--model", "m", "--prompt", "Hello"], "Pick"),
    (["pick", "--model", "m", "--pool", "no/such"], "Pick"),
    (["why", "never-sent"], "Error"),
    (["get", "manifests"], "ManifestList"),
    (["history"], "History"),
    (["rollback", "--to", "9"], "Error"),
    (["delete", "pool", "llm/chat"], "Error"),
]


@pytest.mark.parametrize("words, kind", DAEMON, ids=lambda value: " ".join(value)
                         if isinstance(value, list) else value)
def test_answers_of_a_daemon(full_duplex, words, kind):
    done = ctl(*words, "-o", "json", "--server", full_duplex.daemon.admin)
    check(json.loads(done.stdout), kind)


@pytest.mark.parametrize("resource, kind", [("pools", "Pool"), ("endpoints", "Endpoint"), ("manifests", "Manifest")])
def test_lines_of_a_daemon(full_duplex, resource, kind):
    done = ctl("get", resource, "-o", "jsonl", "--server", full_duplex.daemon.admin)
    lines = done.stdout.splitlines()
    assert lines
    for line in lines:
        check(json.loads(line), kind)


def test_decisions(full_duplex, decided):
    for request_id in decided:
        done = ctl("why", request_id, "-o", "json", "--server", full_duplex.daemon.admin)
        check(json.loads(done.stdout), "Decision")


OFFLINE = [
    (["version"], "Version"),
    (["help"], "CommandLine"),
    (["help", "exit-codes"], "ExitCodeList"),
    (["help", "environment"], "VariableList"),
    (["help", "formatting"], "FormatList"),
    (["help", "selectors"], "SelectorList"),
    (["help", "event-kinds"], "EventKindList"),
    (["help", "codes"], "CodeList"),
    (["explain", "codes"], "DiagnosticCodeList"),
    (["explain", "INF0104"], "DiagnosticCode"),
    (["explain", "InferencePool.spec"], "Explanation"),
    (["config", "show", "--origin"], "SettingList"),
    (["config", "show"], "SettingList"),
    (["no-such-verb"], "Error"),
    (["get"], "Error"),
    (["help", "nothing"], "Error"),
    (["status", "--server", "unix:///nowhere"], "Error"),
    (["validate", "-f", "/nowhere"], "ValidationReport"),
    (["validate"], "Error"),
    (["explain", "Nothing"], "Error"),
]


@pytest.mark.parametrize("words, kind", OFFLINE, ids=lambda value: " ".join(value)
                         if isinstance(value, list) else value)
def test_answers_without_a_daemon(words, kind):
    check(json.loads(ctl(*words, "-o", "json").stdout), kind)


def test_reports(tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n"
        "metadata: {name: a, namespace: b}\nspec: {selector: {matchLabels: {a: b}}, targetPort: 1}\n"
        "# inferencectl:ignore INF0104 - tried\n")
    (tmp_path / "ignored.yaml").write_text(
        "# inferencectl:ignore INF0104 - tried\n"
        "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n"
        "metadata: {name: c, namespace: b}\nspec: {nothing: 1}\n")
    done = ctl("validate", "-f", tmp_path, "-o", "json")
    report = json.loads(done.stdout)
    assert report["findings"] and report["suppressed"], "both lists are tried"
    check(report, "ValidationReport")

    baseline = tmp_path / "baseline.json"
    ctl("validate", "-f", tmp_path, "--write-baseline", baseline)
    check(json.loads(baseline.read_text()), "ValidationBaseline")
    (tmp_path / "bad.yaml").write_text(
        "apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\n"
        "metadata: {name: a, namespace: b}\nspec: {selector: {matchLabels: {a: b}}, TargetPorts: "
        "[{number: 1}], endpointPickerRef: {name: e, port: {number: 1}}}\n")
    done = ctl("validate", "-f", tmp_path, "-o", "json", "--baseline", baseline)
    report = json.loads(done.stdout)
    assert report["fixed"] and any(finding["fix"] for finding in report["findings"])
    check(report, "ValidationReport")


def test_changes(full_duplex, tmp_path):
    path = tmp_path / "pool.yaml"
    path.write_text(yaml.safe_dump(pool_manifest("schema")))
    server = ["--server", full_duplex.daemon.admin]

    def document(*words):
        return json.loads(ctl(*words, *server, "-o", "json").stdout)
    check(document("diff", "-f", path), "Diff")
    check(document("apply", "-f", path, "--dry-run=server"), "ChangeResult")
    check(document("apply", "-f", path, "--wait", "--timeout", "5s"), "ChangeResult")
    history = document("history", "1")
    check(history, "History")
    assert history["items"][0]["objects"][0]["after"] == path.read_text()
    check(document("get", "manifests"), "ManifestList")
    check(document("delete", "-f", path), "ChangeResult")
    check(document("apply", "-f", path, "--expect-generation", "99"), "Error")
    path.write_text("kind: InferencePool\n")
    check(document("apply", "-f", path), "Error")


def test_weights(full_duplex, tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({
        "apiVersion": "llm-d.ai/v1alpha2", "kind": "InferenceModelRewrite",
        "metadata": {"name": "schemas", "namespace": "llm"},
        "spec": {"poolRef": {"name": "chat"}, "rules": [{
            "matches": [{"model": {"value": "nobody asks for it"}}],
            "targets": [{"modelRewrite": "v1", "weight": 1}]}]}}))
    server, target = ["--server", full_duplex.daemon.admin, "-o", "json"], "rewrite/llm/schemas"
    ctl("apply", "-f", rules, *server)
    try:
        check(json.loads(ctl("traffic", "get", *server).stdout), "TrafficList")
        check(json.loads(ctl("traffic", "set", target, "v1=5", *server).stdout), "TrafficChange")
        for more in ([], ["--min-requests", "0"]):
            done = ctl("traffic", "verify", target, *more, *server)
            assert done.returncode == 8
            check(json.loads(done.stdout), "TrafficVerification")
    finally:
        ctl("delete", "-f", rules, *server)


def test_migrations():
    done = ctl("config", "migrate", "-o", "json", "--", "--pool-name=a", "--tracing")
    check(json.loads(done.stdout), "ConfigMigration")


def test_reports_of_routing_tests(tmp_path):
    (tmp_path / "pool.yaml").write_text(yaml.safe_dump_all(
        [pool_manifest(), endpoints_manifest({"gpu-0": "127.0.0.1:1"})]))
    (tmp_path / "routing.yaml").write_text(yaml.safe_dump({
        "apiVersion": "inferenced.dev/v1alpha1", "kind": "RoutingTest", "metadata": {"name": "t"},
        "spec": {"manifests": ["pool.yaml"], "cases": [
            {"name": "a", "request": {"model": "m"}, "expect": {"endpoint": "gpu-0"}},
            {"name": "b", "request": {"model": "m"}, "expect": {"endpoint": "gpu-1"}}]}}))
    report = json.loads(ctl("test", tmp_path, "-o", "json").stdout)
    assert [item["passed"] for item in report["items"]] == [True, False]
    check(report, "RoutingTestReport")


def test_every_kind_is_tried():
    tried = {kind for _, kind in DAEMON + OFFLINE} | {
        "Pool", "Endpoint", "Manifest", "Decision", "ValidationReport", "ValidationBaseline",
        "ChangeResult", "Diff", "RoutingTestReport", "ConfigMigration", "TrafficList",
        "TrafficChange", "TrafficVerification",
        "DrainList", "DrainResult", "StopResult",  # in test_drain.py
        "ReloadResult",  # in test_service.py
        "EventList", "Event", "WeightResult"}  # in test_endpoints.py
    text = ctl("help", "formatting").stdout
    listed = re.search(r"Kinds of documents.*?:\n(.*?)\n\n", text, re.S).group(1)
    assert set(re.findall(r"\w+", listed)) == tried


def test_yaml_is_the_same_document(full_duplex):
    for words in (["get", "pools"], ["status"], ["get", "endpoints"],
                  ["pick", "--model", "m", "--prompt", "Hello"]):
        server = ["--server", full_duplex.daemon.admin]
        document = yaml.safe_load(ctl(*words, *server, "-o", "yaml").stdout)
        check(document, json.loads(ctl(*words, *server, "-o", "json").stdout)["kind"])


def test_paths_and_columns(full_duplex):
    server = ["--server", full_duplex.daemon.admin]
    names = sorted(full_duplex.endpoints)
    done = ctl("get", "endpoints", *server, "--sort-by", "name", "-o",
               'jsonpath={range .items[*]}{.name}{"\\n"}{end}')
    assert done.stdout.splitlines() == names
    done = ctl("get", "endpoints", *server, "--sort-by", "name", "-o",
               "custom-columns=WHO:.name,NOTHING:.nothing,STATE:.state")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["WHO", "NOTHING", "STATE"]
    assert [line[:2] for line in lines[1:]] == [[name, "<none>"] for name in names]
    done = ctl("get", "endpoints", *server, "--columns", "state,endpoint", "--sort-by", "name")
    assert done.stdout.splitlines()[0].split() == ["STATE", "ENDPOINT"]
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == names
