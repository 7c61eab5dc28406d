"""inferencectl traffic: weights shown, set in the store and in files, and checked."""

import json
import subprocess
import threading

import pytest
import yaml
from harness.daemon import Daemon, program
from harness.openai import chat
from test_output_schemas import check
from test_rewrites import many, rewrite, route, set_rules

RULES = """\
# Which model is which.
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: chat, namespace: llm}
spec:
  poolRef: {name: chat}
  rules:
  - matches: [{model: {value: chat}}]
    targets:
    - {modelRewrite: v1, weight: 100}  # the stable one
"""


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, {"gpu-1": "127.0.0.1:1"})
    yield made
    made.stop()


def ctl(daemon, *arguments):
    return subprocess.run([program("inferencectl"), "--server", daemon.admin, *map(str, arguments)],
                          capture_output=True, text=True, timeout=30)


def weights(daemon, target="rewrite/llm/chat"):
    item = daemon.ctl_json("traffic", "get", target)["items"][0]
    return {t["name"]: t["weight"] for t in item["targets"]}


def apply_rules(daemon, tmp_path, text=RULES):
    (tmp_path / "rules.yaml").write_text(text)
    daemon.ctl("apply", "-f", str(tmp_path / "rules.yaml"))


def test_weights_of_an_applied_object(daemon, tmp_path):
    apply_rules(daemon, tmp_path)
    assert weights(daemon) == {"v1": 100}
    unknown = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=90", "v3=10")
    assert unknown.returncode == 1
    assert 'no target "v3"' in unknown.stderr and "--allow-new" in unknown.stderr
    done = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=90", "v2=10", "--allow-new",
               "--expect", "v1=100", "--reason", "OPS-7")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "InferenceModelRewrite llm/chat rule 0: v1=100 -> v1=90 v2=10\n"
    assert weights(daemon) == {"v1": 90, "v2": 10}
    stale = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=50", "v2=50", "--expect", "v1=100")
    assert stale.returncode == 6
    assert "is v1=90 v2=10 now, not v1=100" in stale.stderr
    # 0 takes the target out; the comment of the other one stays.
    daemon.ctl("traffic", "set", "rewrite/llm/chat", "v1=0", "v2=100")
    assert weights(daemon) == {"v2": 100}
    assert "# Which model is which." in daemon.ctl("get", "manifests", "-o", "text")
    nothing = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v2=0")
    assert nothing.returncode == 6 and "no target would be left" in nothing.stderr
    assert weights(daemon) == {"v2": 100}
    last = daemon.ctl_json("history")["items"]
    assert [r["verb"] for r in last[:2]] == ["traffic set", "traffic set"]
    assert last[1]["reason"] == "OPS-7"


def test_a_target_at_zero_is_remembered_and_comes_back(daemon, tmp_path):
    apply_rules(daemon, tmp_path)
    target = "rewrite/llm/chat"
    daemon.ctl("traffic", "set", target, "v1=90", "v2=10", "--allow-new")
    before = daemon.ctl("get", "manifests", "-o", "text")
    done = daemon.ctl_json("traffic", "set", target, "v1=100", "v2=0", "--reason", "off")
    check(done, "TrafficChange")
    assert done["item"]["removed"] == ["v2"]
    listed = daemon.ctl_json("traffic", "get", target)
    check(listed, "TrafficList")
    assert listed["items"][0]["removed"] == ["v2"] and weights(daemon) == {"v1": 100}
    for words in (["traffic", "get"], ["describe", *target.split("/", 1)]):
        row, = [line.split() for line in ctl(daemon, *words).stdout.splitlines() if " v2 " in f" {line} "]
        assert row[:3] == ["v2", "0", "removed"]
    assert "inferenced.dev/removed-targets" in daemon.ctl("get", "manifests", "-o", "text")

    never = ctl(daemon, "traffic", "set", target, "v1=95", "v3=5")
    assert never.returncode == 1 and "and had v2" in never.stderr
    refused = ctl(daemon, "traffic", "set", target, "v2=5", "--expect", "v2=10")
    assert refused.returncode == 6 and weights(daemon) == {"v1": 100}
    shown = daemon.ctl_json("traffic", "set", target, "v2=5", "--expect", "v2=0", "--dry-run=server")
    assert shown["item"]["removed"] == [] and weights(daemon) == {"v1": 100}

    # The daemon forgets nothing when it restarts.
    daemon.stop()
    daemon.restart()
    daemon.ctl("traffic", "set", target, "v1=90", "v2=10", "--expect", "v2=0", "--reason", "on")
    assert weights(daemon) == {"v1": 90, "v2": 10}
    assert daemon.ctl_json("traffic", "get", target)["items"][0]["removed"] == []
    assert daemon.ctl("get", "manifests", "-o", "text") == before
    last = daemon.ctl_json("history")["items"]
    assert [r.get("reason") for r in last[:2]] == ["on", "off"]


def test_a_patch_is_printed_and_nothing_changes(daemon, tmp_path):
    path = daemon.manifests / "rules.yaml"
    path.write_text(RULES)
    daemon.process.wait_until(lambda: daemon.ctl_json("traffic", "get")["items"], "has the rule")
    target = ["traffic", "set", "rewrite/llm/chat"]
    done = ctl(daemon, *target, "v1=90", "v2=10", "--allow-new", "--emit-patch", "--expect", "v1=100")
    assert done.returncode == 0 and "nothing was changed here" in done.stderr
    assert json.loads(done.stdout) == [
        {"op": "test", "path": "/spec/rules/0/targets/0/modelRewrite", "value": "v1"},
        {"op": "test", "path": "/spec/rules/0/targets/0/weight", "value": 100},
        {"op": "replace", "path": "/spec/rules/0/targets/0/weight", "value": 90},
        {"op": "add", "path": "/spec/rules/0/targets/-", "value": {"modelRewrite": "v2", "weight": 10}}]
    assert json.loads(daemon.ctl(*target, "v1=100", "--emit-patch")) == []
    assert ctl(daemon, *target, "v1=1", "--emit-patch", "--expect", "v1=7").returncode == 6
    assert ctl(daemon, "traffic", "set", "rewrite/llm/chatt", "v1=1", "--emit-patch").returncode == 1
    assert path.read_text() == RULES and weights(daemon) == {"v1": 100}
    # What leaves is remembered, which says so in the patch, too.
    path.write_text(RULES + "    - {modelRewrite: v2, weight: 1}\n")
    daemon.process.wait_until(lambda: "v2" in weights(daemon), "has both")
    patch = json.loads(daemon.ctl(*target, "v2=0", "--emit-patch"))
    assert {"op": "remove", "path": "/spec/rules/0/targets/1"} in patch
    assert {"op": "add", "path": "/metadata/annotations",
            "value": {"inferenced.dev/removed-targets": '{"0":["v2"]}'}} in patch


def test_a_broken_memory_is_told_and_stops_nothing(daemon, tmp_path):
    path = daemon.manifests / "rules.yaml"
    broken = RULES.replace("namespace: llm}", "namespace: llm, annotations: {\n"
                           "    inferenced.dev/removed-targets: 'v2'}}")
    path.write_text(broken)
    daemon.process.wait_until(lambda: daemon.ctl_json("traffic", "get")["items"], "has the rule")
    shown = ctl(daemon, "traffic", "get", "-o", "json")
    assert shown.returncode == 0 and "removed-targets isn't JSON" in shown.stderr
    assert json.loads(shown.stdout)["items"][0]["removed"] == []
    described = ctl(daemon, "describe", "rewrite", "llm/chat")
    assert described.returncode == 0 and "removed-targets isn't JSON" in described.stderr
    done = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=7", "--write", path, "--wait")
    assert done.returncode == 0 and "removed-targets isn't JSON" in done.stderr
    assert path.read_text() == broken.replace("weight: 100", "weight: 7")


def test_percentages_become_whole_weights(daemon, tmp_path):
    apply_rules(daemon, tmp_path)
    target = ["traffic", "set", "rewrite/llm/chat", "--percent", "--allow-new"]
    daemon.ctl(*target, "v1=33.3", "v2=33.3", "v3=33.4")
    assert weights(daemon) == {"v1": 333, "v2": 333, "v3": 334}
    daemon.ctl(*target, "v1=50%", "v2=50%")
    assert weights(daemon) == {"v1": 50, "v2": 50}
    assert ctl(daemon, *target, "v1=60", "v2=50").returncode == 2
    assert weights(daemon) == {"v1": 50, "v2": 50}


def test_dry_runs_change_nothing(daemon, tmp_path):
    apply_rules(daemon, tmp_path)
    out = daemon.ctl_json("traffic", "set", "rewrite/llm/chat", "v1=7", "--dry-run=server")["item"]
    assert (out["changed"], out["dryRun"], out["after"]) == (True, True, [{"name": "v1", "weight": 7}])
    assert weights(daemon) == {"v1": 100}
    same = daemon.ctl_json("traffic", "set", "rewrite/llm/chat", "v1=100")["item"]
    assert same["changed"] is False
    assert len(daemon.ctl_json("history")["items"]) == 1


@pytest.mark.parametrize("words, code, says", [
    (["rewrite/llm/chatt", "v1=1"], 1, "did you mean llm/chat?"),
    (["rewrite/llm/chat:3", "v1=1"], 1, "no targets in rule 3"),
    (["pool/llm/chat", "v1=1"], 2, "rewrite/NAME, model/NAME or route/NAME"),
    (["rewrite/llm/chat", "v1=x"], 2, 'wants NAME=WEIGHT, not "v1=x"'),
    (["rewrite/llm/chat", "v1=1.5"], 2, "weights are whole numbers"),
    (["rewrite/llm/chat", "v1=1", "v1=2"], 2, "named twice"),
    (["rewrite/llm/chat"], 2, "traffic set"),
])
def test_mistakes_are_told(daemon, tmp_path, words, code, says):
    apply_rules(daemon, tmp_path)
    done = ctl(daemon, "traffic", "set", *words)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr
    assert weights(daemon) == {"v1": 100}


def test_a_file_is_changed_in_place_and_nowhere_else(daemon):
    path = daemon.manifests / "rules.yaml"
    path.write_text(RULES)
    daemon.process.wait_until(lambda: daemon.ctl_json("traffic", "get")["items"], "has the rule")
    refused = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=90", "v2=10", "--allow-new")
    assert refused.returncode == 6
    assert "rules.yaml:" in refused.stderr and "--write" in refused.stderr
    assert path.read_text() == RULES
    shown = daemon.ctl("traffic", "set", "rewrite/llm/chat", "v1=90", "v2=10", "--allow-new",
                       "--write", str(path), "--dry-run=server")
    assert "+    - {modelRewrite: v2, weight: 10}" in shown and path.read_text() == RULES
    daemon.ctl("traffic", "set", "rewrite/llm/chat", "v1=90", "v2=10", "--allow-new",
               "--write", str(path), "--wait")
    assert path.read_text() == RULES.replace(
        "weight: 100}  # the stable one\n",
        "weight: 90}  # the stable one\n    - {modelRewrite: v2, weight: 10}\n")
    assert weights(daemon) == {"v1": 90, "v2": 10}
    other = daemon.manifests / "pool.yaml"
    assert ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=1", "--write", other).returncode == 1


def test_a_daemon_that_does_not_take_the_file_is_told(daemon, tmp_path):
    path = tmp_path / "elsewhere.yaml"
    path.write_text(RULES)
    done = ctl(daemon, "traffic", "set", "rewrite/llm/chat", "v1=7", "--write", path, "--wait",
               "--timeout", "1s")
    assert done.returncode == 5
    assert "in force on 0/1 of the daemons" in done.stderr


def test_only_one_of_two_changes_at_once_is_made(daemon, tmp_path):
    """Both were made for the same weights: the second is refused, or sees the first one's."""
    apply_rules(daemon, tmp_path)
    done = []
    threads = [threading.Thread(target=lambda n=n: done.append(ctl(
        daemon, "traffic", "set", "rewrite/llm/chat", f"v1={n}", "--expect", "v1=100")))
        for n in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A single target counts as 100 whatever its weight, so any number of them may win; each that
    # did is in the history, in the order of the weights that followed each other.
    assert {d.returncode for d in done} <= {0, 6}
    won = [d for d in done if d.returncode == 0]
    assert len(daemon.ctl_json("history", "--limit", "50")["items"]) == 1 + len(won)
    assert weights(daemon)["v1"] in range(1, 9)


@pytest.fixture
def two(daemon, tmp_path):
    other = Daemon(tmp_path / "other", {"gpu-1": "127.0.0.1:1"})
    yield daemon, other
    other.stop()


def both(daemons, *arguments):
    servers = [word for daemon in daemons for word in ("--server", daemon.admin)]
    return subprocess.run([program("inferencectl"), *servers, *map(str, arguments)],
                          capture_output=True, text=True, timeout=30)


def test_all_daemons_get_the_weights_or_none(two, tmp_path):
    first, second = two
    for daemon in two:
        apply_rules(daemon, tmp_path)
    done = both(two, "traffic", "set", "rewrite/llm/chat", "v1=90", "v2=10", "--allow-new",
                "--expect", "v1=100")
    assert done.returncode == 0, done.stderr
    assert "in force on 2/2" in done.stderr
    assert weights(first) == weights(second) == {"v1": 90, "v2": 10}
    listed = json.loads(both(two, "traffic", "get", "-o", "json").stdout)
    check(listed, "TrafficList")
    assert listed["ack"] == {"have": 2, "want": 2} and len(listed["items"]) == 1

    # They differ: what isn't named would stay different, so nothing is done.
    second.ctl("traffic", "set", "rewrite/llm/chat", "v1=80", "v2=20")
    refused = both(two, "traffic", "set", "rewrite/llm/chat", "v1=50")
    assert refused.returncode == 6
    assert "would become v1=50 v2=10 at " in refused.stderr and "nothing was changed" in refused.stderr
    assert weights(first) == {"v1": 90, "v2": 10}
    shown = both(two, "traffic", "get")
    assert shown.returncode == 7 and f"{second.admin} has other weights" in shown.stderr
    judged = both(two, "traffic", "verify", "rewrite/llm/chat")
    assert judged.returncode == 6 and "different weights" in judged.stderr
    # All are named: both get it.
    done = both(two, "traffic", "set", "rewrite/llm/chat", "v1=50", "v2=50", "-o", "json")
    assert done.returncode == 0
    check(json.loads(done.stdout), "TrafficChange")
    assert json.loads(done.stdout)["item"]["ack"] == {"have": 2, "want": 2}
    assert weights(first) == weights(second) == {"v1": 50, "v2": 50}

    # What one refuses the other one doesn't begin.
    second.ctl("delete", "inferencemodelrewrite/chat", "-n", "llm")
    refused = both(two, "traffic", "set", "rewrite/llm/chat", "v1=1", "v2=99")
    assert refused.returncode == 1 and second.admin in refused.stderr
    assert weights(first) == {"v1": 50, "v2": 50}
    shown = both(two, "traffic", "get")
    assert shown.returncode == 7 and "doesn't have it" in shown.stderr


def test_a_daemon_that_is_away_is_told(two, tmp_path):
    first, second = two
    for daemon in two:
        apply_rules(daemon, tmp_path)
    second.process.kill()
    done = both(two, "traffic", "set", "rewrite/llm/chat", "v1=7")
    assert done.returncode == 4 and second.admin in done.stderr
    assert weights(first) == {"v1": 100}, "asked before anything is changed"
    shown = both(two, "traffic", "get")
    assert shown.returncode == 7 and "rewrite/llm/chat" in shown.stdout
    assert "is inferenced running?" in shown.stderr
    second.restart()
    assert both(two, "traffic", "set", "rewrite/llm/chat", "v1=7").returncode == 0
    assert weights(second) == {"v1": 7}


def test_files_of_all_daemons_are_waited_for(two):
    first, second = two
    for daemon in two:
        (daemon.manifests / "rules.yaml").write_text(RULES)
        daemon.process.wait_until(lambda d=daemon: d.ctl_json("traffic", "get")["items"], "has the rule")
    path = first.manifests / "rules.yaml"
    words = ["traffic", "set", "rewrite/llm/chat", "v1=7", "--write", path, "--wait"]
    late = both(two, *words, "--timeout", "1s")
    assert late.returncode == 5 and "in force on 1/2" in late.stderr
    (second.manifests / "rules.yaml").write_text(path.read_text())
    done = both(two, *words)
    assert done.returncode == 0 and "in force on 2/2" in done.stderr


def test_a_route_keeps_a_pool_at_zero(daemon, tmp_path):
    pools = "\n---\n".join(yaml.safe_dump({
        "apiVersion": "inference.networking.k8s.io/v1", "kind": "InferencePool",
        "metadata": {"name": name, "namespace": "llm"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "targetPorts": [{"number": 8000}],
                 "endpointPickerRef": {"name": "epp", "port": {"number": 9002}}}})
        for name in ("blue", "green"))
    apply_rules(daemon, tmp_path, pools + "\n---\n" + yaml.safe_dump(route(blue=100, green=0)))
    daemon.ctl("traffic", "set", "route/llm/chat", "blue=0", "green=100", "--expect", "blue=100",
               "--expect", "green=0")
    assert weights(daemon, "route/llm/chat") == {"llm/blue": 0, "llm/green": 100}
    refused = ctl(daemon, "traffic", "set", "route/llm/chat", "green=0")
    assert refused.returncode == 6


def test_verify(make_stack):
    stack = make_stack("full-duplex")
    daemon = stack.daemon
    set_rules(daemon, rewrite(("v1", 80), ("v2", 20)))
    few = ctl(daemon, "traffic", "verify", "rewrite/llm/chat")
    assert few.returncode == 8 and "too few to judge" in few.stderr
    many(stack, 800, chat(model="chat"))
    fits = daemon.ctl_json("traffic", "verify", "rewrite/llm/chat")["item"]
    assert ", as 1/1 daemons counted them" in ctl(daemon, "traffic", "verify", "rewrite/llm/chat").stderr
    assert (fits["requests"], fits["enough"], fits["fits"]) == (800, True, True)
    # The window has only what comes in it.
    window = ctl(daemon, "traffic", "verify", "rewrite/llm/chat", "--window", "1s")
    assert window.returncode == 8 and "0 requests" in window.stderr
    missing = ctl(daemon, "traffic", "verify", "rewrite/llm/nobody")
    assert missing.returncode == 1 and "rewrite/llm/chat:0" in missing.stderr


def test_verify_adds_up_what_all_daemons_did(make_stack):
    stacks = [make_stack("full-duplex", servers=1), make_stack("full-duplex", servers=1)]
    for stack in stacks:
        set_rules(stack.daemon, rewrite(("v1", 80), ("v2", 20)))
        many(stack, 320, chat(model="chat"))
    daemons = [stack.daemon for stack in stacks]
    assert ctl(daemons[0], "traffic", "verify", "rewrite/llm/chat").returncode == 8, "too few for one"
    done = both(daemons, "traffic", "verify", "rewrite/llm/chat", "-o", "json")
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "TrafficVerification")
    assert json.loads(done.stdout)["item"]["requests"] == 640
    daemons[1].process.kill()
    done = both(daemons, "traffic", "verify", "rewrite/llm/chat", "--min-requests", "100")
    assert done.returncode == 7, "those that answer fit"
    stacks[1].restart_picker()


def test_verify_is_no_stricter_than_chance(make_stack):
    stack = make_stack("full-duplex")
    set_rules(stack.daemon, rewrite(("v1", 1), ("v2", 1)))
    many(stack, 800, chat(model="chat"))
    assert ctl(stack.daemon, "traffic", "verify", "rewrite/llm/chat", "--tolerance",
               "0pp").returncode == 0
