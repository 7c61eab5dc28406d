"""inferencectl validate with a real git."""

import json
import os
import subprocess

import pytest

from harness import envoy as envoy_module

BUILD = os.environ.get("INFERENCE_BUILD_DIR", str(envoy_module.ROOT / "build" / "release"))
CTL = os.path.join(BUILD, "cmd", "inferencectl", "inferencectl")

POOL = """apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: {name}, namespace: llm}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  targetPorts: [{{number: 8000}}]
  endpointPickerRef: {{name: epp, port: {{number: 9002}}, {mode}: FailOpen}}
"""


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words],
                   cwd=folder, check=True, capture_output=True)


def validate(folder, *words, path=None):
    environment = {**os.environ, "PATH": path} if path is not None else None
    return subprocess.run([CTL, "validate", *words], cwd=folder, capture_output=True, text=True,
                          env=environment)


@pytest.fixture
def tree(tmp_path):
    """Two pools on main, the first with a mistake; a branch that adds another mistake."""
    folder = tmp_path / "tree"
    (folder / "deploy" / "more").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "deploy" / "old.yaml").write_text(POOL.format(name="old", mode="failuremode"))
    (folder / "deploy" / "more" / "b.yaml").write_text(POOL.format(name="b", mode="failureMode"))
    (folder / "deploy" / "good.yaml").write_text(POOL.format(name="good", mode="failureMode"))
    (folder / "deploy" / "notes.txt").write_text("a: [\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    git(folder, "checkout", "-qb", "work")
    (folder / "deploy" / "more" / "b.yaml").write_text(POOL.format(name="b", mode="FailureMode"))
    return folder


@pytest.mark.parametrize("words", [["-f", "deploy"], ["-f", "deploy/old.yaml", "-f", "deploy/more"],
                                   ["-f", "deploy/*.yaml", "-f", "deploy/more/*"]])
def test_against_a_commit(tree, words):
    ran = validate(tree, *words, "--against", "git:main", "-o", "json")
    report = json.loads(ran.stdout)
    assert ran.returncode == 1, ran.stderr
    assert report["summary"]["new"] == 1 and report["summary"]["unchanged"] == 1
    new = [f for f in report["findings"] if f["status"] == "new"]
    assert new[0]["file"] == "deploy/more/b.yaml" and new[0]["code"] == "INF0104"

    (tree / "deploy" / "more" / "b.yaml").write_text(POOL.format(name="b", mode="failureMode"))
    (tree / "deploy" / "old.yaml").write_text(POOL.format(name="old", mode="failureMode"))
    ran = validate(tree, *words, "--against", "git:main", "-o", "json")
    assert ran.returncode == 0
    assert [f["file"] for f in json.loads(ran.stdout)["fixed"]] == ["deploy/old.yaml"]


def test_against_a_commit_tells_of_fields_that_cannot_be_changed(tree):
    model = """apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: chat, namespace: llm}
spec: {modelName: %s, poolRef: {name: good}}
"""
    path = tree / "deploy" / "model.yaml"
    path.write_text(model % "chat")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "a model")
    ran = validate(tree, "-f", "deploy/model.yaml", "--against", "git:HEAD")
    assert ran.returncode == 0, ran.stdout
    path.write_text(model % "chat-2")
    ran = validate(tree, "-f", "deploy/model.yaml", "--against", "git:HEAD", "-o", "short")
    assert ran.returncode == 1
    assert "deploy/model.yaml:4:19: error: spec.modelName was 'chat' and cannot become 'chat-2'" \
        in ran.stdout
    assert validate(tree, "-f", "deploy/model.yaml").returncode == 0


def test_against_works_from_a_folder_below_and_for_absolute_paths(tree):
    for folder, path in [(tree / "deploy", "."), (tree / "deploy", "more"),
                         (tree.parent, str(tree / "deploy"))]:
        ran = validate(folder, "-f", path, "--against", "git:HEAD", "-o", "json")
        assert ran.returncode == 1, ran.stderr
        assert json.loads(ran.stdout)["summary"]["new"] == 1


def test_git_diff_shows_changed_files_only_and_reads_the_others(tree):
    (tree / "deploy" / "rewrite.yaml").write_text("""apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {name: GOOD}
  rules: [{targets: [{modelRewrite: x}]}]
""")
    ran = validate(tree, "-f", "deploy", "--git-diff", "main", "-o", "json")
    found = {(f["file"], f["code"]) for f in json.loads(ran.stdout)["findings"]}
    assert ("deploy/more/b.yaml", "INF0104") in found
    assert ("deploy/rewrite.yaml", "INF0207") in found
    assert not any(file == "deploy/old.yaml" for file, _ in found)
    assert ran.returncode == 1
    assert "in other files" in ran.stderr

    # What moved on main since is no change of this branch.
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    git(tree, "checkout", "-q", "main")
    (tree / "deploy" / "later.yaml").write_text(POOL.format(name="later", mode="failuremode"))
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "later")
    git(tree, "checkout", "-q", "work")
    ran = validate(tree, "-f", "deploy", "--git-diff", "main", "-o", "json")
    assert {f["file"] for f in json.loads(ran.stdout)["findings"]} == {
        "deploy/more/b.yaml", "deploy/rewrite.yaml"}

    git(tree, "checkout", "-q", "main")
    ran = validate(tree, "-f", "deploy", "--git-diff", "HEAD")
    assert ran.returncode == 0 and not ran.stdout


def test_errors_say_what_is_missing(tree, tmp_path):
    for option in (["--against", "git:nope"], ["--git-diff", "nope"], ["--git-diff", "-x"]):
        ran = validate(tree, "-f", "deploy", *option)
        assert ran.returncode == 3
        assert 'git knows no commit "' in ran.stderr and "git fetch" in ran.stderr
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "p.yaml").write_text(POOL.format(name="p", mode="failureMode"))
    ran = validate(outside, "-f", ".", "--git-diff", "main")
    assert ran.returncode == 3 and "is in no git working tree" in ran.stderr
    ran = validate(tree, "-f", "deploy", "--git-diff", "main", path=str(outside))
    assert ran.returncode == 3 and "git is not installed" in ran.stderr
    # No history in common.
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    git(tree, "checkout", "-q", "--orphan", "alone")
    git(tree, "commit", "-qm", "alone")
    ran = validate(tree, "-f", "deploy", "--git-diff", "main")
    assert ran.returncode == 3 and "no common commit" in ran.stderr


def test_a_fix_is_a_patch_that_git_takes(tree):
    ran = validate(tree, "-f", "deploy", "--fix=dry")
    patch = tree.parent / "fix.patch"
    patch.write_text(ran.stdout)
    git(tree, "apply", str(patch))
    assert validate(tree, "-f", "deploy").returncode == 0
