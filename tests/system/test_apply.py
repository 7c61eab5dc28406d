"""inferencectl apply, delete, diff, history and rollback against a running daemon."""

import os
import random
import resource
import signal
import subprocess
import threading

import pytest
import yaml

from harness.daemon import Daemon, pool_manifest, program
from harness.model_server import ModelServer


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon(tmp_path / "daemon", {"sim-0": "127.0.0.1:9"})
    yield daemon
    daemon.stop()


def manifest(folder, name, *documents):
    path = folder / name
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return path


def pools(daemon):
    return {item["name"] for item in daemon.ctl_json("get", "pools")["items"]}


def test_an_applied_pool_serves_and_outlives_kill(daemon, tmp_path):
    path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
    out = daemon.ctl("apply", "-f", path, "--reason", "OPS-1")
    assert out == "InferencePool llm/two created\n"
    assert pools(daemon) == {"llm/chat", "llm/two"}
    assert daemon.ctl("apply", "-f", path) == "InferencePool llm/two unchanged\n"
    daemon.process.signal(signal.SIGKILL)
    daemon.process.child.wait()
    daemon.restart()
    assert pools(daemon) == {"llm/chat", "llm/two"}
    history = daemon.ctl_json("history")["items"]
    assert [(r["generation"], r["verb"], r["reason"]) for r in history] == [(1, "apply", "OPS-1")]
    assert history[0]["who"].endswith(f"(uid {os.getuid()})")


def test_exit_codes_tell_what_happened(daemon, tmp_path):
    path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
    daemon.ctl("apply", "-f", path, "--dry-run=server", "--exit-code", expect=1)
    daemon.ctl("apply", "-f", path, "--dry-run=client")
    assert pools(daemon) == {"llm/chat"}
    daemon.ctl("diff", "-f", path, expect=1)
    daemon.ctl("apply", "-f", path, "--expect-generation", "7", expect=6)
    daemon.ctl("apply", "-f", path, "--expect-generation", "0", "--exit-code", expect=1)
    daemon.ctl("apply", "-f", path, "--exit-code")
    daemon.ctl("diff", "-f", path)
    # The file's own pool: refused, whoever asks.
    own = manifest(tmp_path, "own.yaml", pool_manifest())
    error = daemon.ctl_json("apply", "-f", own, expect=6)
    assert error["kind"] == "Error" and error["exitCode"] == 6
    assert "pool.yaml:1:1" in error["details"]["findings"][0]["message"]
    daemon.ctl("delete", "pool", "llm/chat", expect=6)
    daemon.ctl("delete", "pool", "llm/nobody", expect=1)
    daemon.ctl("delete", "pool", "llm/nobody", "--ignore-not-found")
    daemon.ctl("delete", "nonsense", "llm/two", expect=2)
    bad = tmp_path / "bad.yaml"
    bad.write_text(path.read_text().replace("targetPorts", "targetPort"))
    error = daemon.ctl_json("apply", "-f", bad, expect=3)
    assert {f["code"] for f in error["details"]["findings"]} >= {"INF0104"}
    daemon.ctl("apply", "-f", tmp_path / "nowhere.yaml", expect=3)
    daemon.ctl("apply", expect=2)
    assert daemon.ctl("delete", "pool", "two", "-n", "llm") == "InferencePool llm/two deleted\n"
    assert pools(daemon) == {"llm/chat"}


def test_diff_shows_what_apply_would_change(daemon, tmp_path):
    path = tmp_path / "pool.yaml"
    path.write_text("# of team search\n" + yaml.safe_dump(pool_manifest("two")))
    daemon.ctl("apply", "-f", path)
    path.write_text(path.read_text().replace("number: 8000", "number: 8001"))
    diff = daemon.ctl("diff", "-f", path, expect=1)
    assert "-  - number: 8000\n+  - number: 8001\n" in diff
    assert "team search" not in diff.splitlines()[0]
    result = daemon.ctl_json("diff", "-f", path, expect=1)
    assert result["items"][0]["before"].startswith("# of team search\n")
    assert result["items"][0]["after"] == path.read_text()


def test_diff_by_a_program_of_ones_own(daemon, tmp_path):
    path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
    # What is new is there on one side only.
    shown = daemon.ctl("diff", "-f", path, "--external", "diff -u -N", expect=1)
    assert "/applied/InferencePool.llm.two.yaml" in shown
    assert "+  name: two\n" in shown and "\n-" not in shown.replace("\n--- ", "\n")
    daemon.ctl("apply", "-f", path)
    assert daemon.ctl("diff", "-f", path, "--external", "false", expect=0) == ""  # nothing to show
    path.write_text(path.read_text().replace("number: 8000", "number: 8001"))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = {**os.environ, "INFERENCECTL_EXTERNAL_DIFF": "diff -u -N", "TMPDIR": str(scratch)}

    def diff(*words, **more):
        return subprocess.run([program("inferencectl"), "--server", daemon.admin, "diff", "-f",
                               str(path), *words], capture_output=True, text=True,
                              env=environment | more)
    ran = diff()
    assert ran.returncode == 1 and not ran.stderr
    assert "-  - number: 8000\n+  - number: 8001\n" in ran.stdout
    assert list(scratch.iterdir()) == []
    assert yaml.safe_load(diff("-o", "yaml").stdout)["kind"] == "Diff"
    ran = diff("--external", "nope-nope -x")
    assert ran.returncode == 2 and '--external: cannot run "nope-nope"' in ran.stderr
    ran = diff("--external", "diff --no-such-option")
    assert ran.returncode == 3 and 'ended with 2' in ran.stderr
    assert diff("--external", "true").returncode == 0
    assert diff(TMPDIR="/nowhere").returncode != 0


def test_a_namespace_says_which_objects_are_meant(daemon, tmp_path):
    for namespace in ("one", "two"):
        pool = pool_manifest("twin")
        pool["metadata"]["namespace"] = namespace
        daemon.ctl("apply", "-f", manifest(tmp_path, f"{namespace}.yaml", pool))
    assert {"one/twin", "two/twin"} < pools(daemon)
    names = daemon.ctl("get", "pools", "-n", "two", "-o", "name").split()
    assert names == ["pool/two/twin"]
    assert daemon.ctl("get", "pools", "twin", "-n", "one", "-o", "name") == "pool/one/twin\n"
    daemon.ctl("get", "pools", "twin", "-n", "three", expect=1)
    shown = daemon.ctl("get", "manifests", "twin", "-n", "one", "-o", "name")
    assert shown == "InferencePool one/twin\n"
    assert "one/twin" in daemon.ctl("describe", "pool", "twin", "-n", "one")
    daemon.ctl("describe", "pool", "one/twin", "-n", "two")  # written out is written out
    daemon.ctl("describe", "pool", "twin", "-n", "three", expect=1)
    assert daemon.ctl_json("get", "endpoints", "-n", "llm")["items"][0]["name"] == "sim-0"
    assert daemon.ctl_json("get", "endpoints", "-n", "two")["items"] == []
    daemon.ctl("get", "endpoints", "sim-0", "-n", "two", expect=1)
    daemon.ctl("describe", "endpoint", "sim-0", "-n", "llm")
    daemon.ctl("describe", "endpoint", "sim-0", "-n", "two", expect=1)
    assert daemon.ctl_json("pick", "-m", "x", "-p", "twin", "-n", "two", expect=1)["item"]["pool"] == \
        "two/twin"
    daemon.ctl("pick", "-m", "x", "-n", "two", expect=2)
    daemon.ctl("delete", "pool", "twin", "-n", "one")
    assert "one/twin" not in pools(daemon) and "two/twin" in pools(daemon)


def test_prune_and_rollback(daemon, tmp_path):
    def labelled(name):
        pool = pool_manifest(name)
        pool["metadata"]["labels"] = {"team": "search"}
        return pool

    both = manifest(tmp_path, "both.yaml", labelled("a"), labelled("b"), pool_manifest("other"))
    one = manifest(tmp_path, "one.yaml", labelled("a"))
    daemon.ctl("apply", "-f", both)
    daemon.ctl("apply", "-f", one, "--prune", expect=2)
    assert daemon.ctl("apply", "-f", one, "--prune", "-l", "team=search").splitlines() == [
        "InferencePool llm/a unchanged", "InferencePool llm/b deleted"]
    assert pools(daemon) == {"llm/chat", "llm/a", "llm/other"}
    daemon.ctl("rollback", expect=2)
    daemon.ctl("rollback", "--to", "9", expect=1)
    assert daemon.ctl("rollback", "--to", "1", "--dry-run=server") == (
        "InferencePool llm/b created (dry run)\n")
    daemon.ctl("rollback", "--to", "1", "--reason", "too eager")
    assert pools(daemon) == {"llm/chat", "llm/a", "llm/b", "llm/other"}
    one_change = daemon.ctl_json("history", "3")["items"][0]
    assert one_change["reason"] == "too eager" and one_change["verb"] == "rollback to 1"
    assert one_change["objects"][0]["before"] is None
    assert daemon.ctl("history").splitlines()[0].split() == [
        "GENERATION", "WHEN", "WHO", "VERB", "OBJECTS", "REASON"]
    daemon.ctl("rollback", "--to", "0")
    assert pools(daemon) == {"llm/chat"}


def test_wait_says_what_is_missing(daemon, tmp_path):
    path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
    result = daemon.ctl_json("apply", "-f", path, "--wait", "--timeout", "1s", expect=5)
    assert result["kind"] == "ChangeResult" and result["inForce"]
    assert not result["wait"]["ready"]
    assert "endpoint sim-0 of llm/two is unreachable" in result["wait"]["message"]
    empty = manifest(tmp_path, "empty.yaml", pool_manifest("three", app="nobody"))
    result = daemon.ctl_json("apply", "-f", empty, "--wait", "--timeout", "300ms", expect=5)
    assert result["wait"]["message"].endswith("pool llm/three has no endpoint")


def test_wait_ends_when_the_endpoints_answer(tmp_path, loop):
    server = ModelServer(loop, "gpu-0")
    daemon = Daemon(tmp_path / "daemon", {"gpu-0": server.address})
    try:
        path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
        assert daemon.ctl_json("apply", "-f", path, "--wait")["wait"] == {
            "ready": True, "message": None}
    finally:
        daemon.stop()
        server.die()


def test_findings_are_compared_with_what_the_daemon_serves(daemon, tmp_path):
    """A lonely pool is served already: its finding is not new; one that is added is."""
    path = manifest(tmp_path, "pool.yaml", pool_manifest("old", app="nobody"))
    daemon.ctl("apply", "-f", path)
    servers = {"apiVersion": "inferenced.dev/v1alpha1", "kind": "EndpointSet",
               "metadata": {"name": "some", "namespace": "llm"}, "spec": {"endpoints": []}}
    both = manifest(tmp_path, "both.yaml", pool_manifest("old", app="nobody"),
                    pool_manifest("new", app="nobody"), servers)
    judged = daemon.ctl_json("validate", "-f", both, "--against", "daemon", "--show-suppressed",
                             "--fail-on", "new-warning", expect=1)
    states = {(f["object"]["name"], f["status"]) for f in judged["findings"]}
    assert ("old", "unchanged") in states and ("new", "new") in states
    daemon.process.stop()
    daemon.ctl("validate", "-f", both, "--against", "daemon", expect=4)


def test_describe_tells_of_a_pool_and_not_of_its_namesakes(daemon, tmp_path):
    path = manifest(tmp_path, "pool.yaml", pool_manifest("chat-2", app="nobody"))
    daemon.ctl("apply", "-f", path)
    lonely = daemon.ctl("describe", "pool", "llm/chat-2")
    assert "finding     pool llm/chat-2 selects no endpoint" in lonely
    assert "no endpoints: every request is answered with 503" in lonely
    assert "defined in  applied InferencePool llm/chat-2:1:1" in lonely
    chat = daemon.ctl("describe", "pool", "llm/chat")
    assert "finding" not in chat and "sim-0" in chat
    daemon.process.wait_until(
        lambda: "state       Unreachable" in daemon.ctl("describe", "endpoint", "sim-0"),
        "has seen that nobody answers")
    daemon.ctl("describe", "pool", "llm/nobody", expect=1)
    daemon.ctl("describe", "thing", "llm/chat", expect=2)


def test_a_store_that_cannot_grow_loses_nothing(daemon, tmp_path):
    """As on a full disk or over a quota: the change is refused as a whole, the daemon serves on."""
    path = manifest(tmp_path, "pool.yaml", pool_manifest("two"))
    daemon.ctl("apply", "-f", path)
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (100_000, hard))
    many = manifest(tmp_path, "many.yaml", *[pool_manifest(f"p{i}") for i in range(500)])
    error = daemon.ctl_json("apply", "-f", many, expect=4)
    assert "state.db" in error["message"]
    assert pools(daemon) == {"llm/chat", "llm/two"}
    assert len(daemon.ctl_json("history")["items"]) == 1
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    daemon.ctl("apply", "-f", many)
    assert len(pools(daemon)) == 502


def test_kill_at_any_moment_keeps_exactly_what_was_answered(tmp_path):
    """Applies race with kill -9; what was answered is there afterwards, what was not is whole or absent."""
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    daemon = Daemon(tmp_path / "daemon", {"sim-0": "127.0.0.1:9"})
    known = 0  # the last revision that was answered; each sets both pools to one port
    try:
        for _ in range(15):
            done = threading.Event()

            def killer(process=daemon.process, delay=chance.uniform(0.0, 0.4)):
                done.wait(delay)
                process.signal(signal.SIGKILL)

            thread = threading.Thread(target=killer)
            thread.start()
            asked = known
            while daemon.process.alive():
                asked += 1
                a, b = pool_manifest("a"), pool_manifest("b")
                for pool in (a, b):
                    pool["spec"]["targetPorts"] = [{"number": 1000 + asked}]
                path = manifest(tmp_path, "both.yaml", a, b)
                answer = subprocess.run(
                    [program("inferencectl"), "--server", daemon.admin, "apply", "-f", path],
                    capture_output=True, timeout=30)
                if answer.returncode != 0:
                    break
                known = asked
            done.set()
            thread.join()
            daemon.process.child.wait()
            daemon.restart()
            items = {i["name"]: i for i in daemon.ctl_json("get", "pools")["items"]}
            if known == 0 and "llm/a" not in items:
                continue
            ports = {items[name]["targetPorts"][0] - 1000 for name in ("llm/a", "llm/b")}
            assert len(ports) == 1, "half of a change"
            assert known <= ports.pop() <= asked
            known = items["llm/a"]["targetPorts"][0] - 1000
        assert known > 10
    finally:
        daemon.stop()
