"""What is set for single endpoints, what happens to them, and who may have it done."""

import asyncio
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import uuid

import pytest
import yaml
from harness.daemon import Daemon, pool_manifest, program, write_manifests
from harness.model_server import ModelServer
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until
from test_drain import FAST, Plain, ctl
from test_output_schemas import check


@pytest.fixture
def plain(loop, tmp_path):
    made = Plain(loop, tmp_path / "daemon")
    yield made
    made.stop()


def end(plain, number):
    plain.daemon.process.signal(number)
    plain.daemon.process.child.wait(15)


def restart(plain, number):
    end(plain, number)
    plain.daemon.restart()


def events(plain, *arguments):
    done = plain("events", "-o", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["items"]


def kinds(plain, *arguments):
    return [event["event"] for event in events(plain, *arguments)]


# --- weights ---


def test_a_weight_is_shown_kept_and_taken_back(plain):
    done = plain("endpoint", "weight", "gpu-1", "50%", "--reason", "a fan is broken")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "gpu-1  weight 100 % -> 50 %\n"
    table = plain("get", "endpoints").stdout
    assert re.search(r"gets 50 % of its share: weight 50 % by \S.*: a fan is broken", table)
    item = plain.daemon.listed()["gpu-1"]
    assert item["weight"] == 0.5 and "a fan is broken" in item["weightNote"]
    exported = {labels["endpoint"]: value
                for labels, value in plain.daemon.metrics()["inferenced_endpoint_weight"]}
    assert exported == {"gpu-1": 0.5, "gpu-2": 1}
    assert plain.daemon.listed()["gpu-2"]["weight"] == 1

    restart(plain, signal.SIGKILL)
    assert plain.daemon.listed()["gpu-1"]["weight"] == 0.5

    done = plain("endpoint", "weight", "gpu-1", "12.5%", "-o", "json")
    check(json.loads(done.stdout), "WeightResult")
    row = json.loads(done.stdout)["items"][0]
    assert (row["name"], row["before"], row["after"]) == ("gpu-1", 0.5, 0.125)
    assert plain("endpoint", "weight", "gpu-1", "12.5%").stdout.endswith("12.5 %, as before\n")
    done = plain("endpoint", "weight", "gpu-1", "100%", "--dry-run", "server")
    assert "(dry run)" in done.stdout
    assert plain.daemon.listed()["gpu-1"]["weight"] == 0.125
    assert plain("endpoint", "weight", "-l", "app=vllm", "-p", "llm/chat", "100%").returncode == 0
    item = plain.daemon.listed()["gpu-1"]
    assert item["weight"] == 1 and item["weightNote"] is None
    history = [h for h in json.loads(plain("history", "-o", "json").stdout)["operations"]
               if h["verb"] == "endpoint weight"]
    assert [(h["before"], h["after"]) for h in history] == [
        ("12.5 %", "100 %"), ("50 %", "12.5 %"), ("100 %", "50 %")]
    assert history[-1]["reason"] == "a fan is broken"


@pytest.mark.parametrize("operands, message", [
    ([], "endpoint weight"),
    (["50%"], "which endpoints?"),
    (["gpu-1"], "a weight is 0.1% to 100%"),
    (["gpu-1", "50"], 'not "50"'),
    (["gpu-1", "101%"], "a weight is 0.1% to 100%"),
    (["gpu-1", "0.05%"], "in steps of 0.1%"),
    (["gpu-1", "-5%"], ""),
    (["gpu-1", "nan%"], "a weight is"),
    (["gpu-1", "1e1%"], "a weight is"),
    (["gpu-1", "0%"], "inferencectl cordon"),
    (["gpu-1", "50%", "-l", "app=vllm", "-p", "llm/chat"], "not both"),
])
def test_weights_that_are_none(plain, operands, message):
    done = plain("endpoint", "weight", *operands)
    assert done.returncode == 2
    assert message in done.stderr
    assert plain.daemon.listed()["gpu-1"]["weight"] == 1


def test_weights_of_what_is_not_there_or_can_not_be_kept(plain, loop, tmp_path):
    assert plain("endpoint", "weight", "gpu-1", "gpu-7", "50%").returncode == 1
    done = plain("endpoint", "weight", "-l", "app=other", "-p", "llm/chat", "50%")
    assert done.returncode == 1 and "no endpoint has those labels" in done.stderr
    assert plain.daemon.listed()["gpu-1"]["weight"] == 1
    other = Plain(loop, tmp_path / "other", config={"stateFile": "none"})
    try:
        done = other("endpoint", "weight", "gpu-1", "50%")
        assert done.returncode == 6
        assert "set stateFile" in done.stderr
    finally:
        other.stop()


def test_a_weight_that_one_of_two_daemons_keeps(plain, tmp_path):
    endpoints = {s.name: s.address for s in plain.servers}
    other = Daemon(tmp_path / "other", endpoints, config={"stateFile": "none"})
    try:
        wait_until(lambda: len(other.listed()) == 2, "it has them too")
        done = ctl("endpoint", "weight", "gpu-1", "50%", servers=[plain.daemon.admin, other.admin])
        assert done.returncode == 7, done.stderr
        assert done.stdout == "gpu-1  weight 100 % -> 50 %\n"
        assert f"{other.admin}: " in done.stderr and "set stateFile" in done.stderr
        assert (plain.daemon.listed()["gpu-1"]["weight"], other.listed()["gpu-1"]["weight"]) == (0.5, 1)
    finally:
        other.stop()


def test_a_successor_keeps_weights_and_sets_none_before_its_time(plain):
    plain("endpoint", "weight", "gpu-1", "50%")
    before = plain.daemon
    plain.daemon = Daemon(before.directory, {s.name: s.address for s in plain.servers}, take_over=before,
                          name="successor")
    try:
        assert plain.daemon.listed()["gpu-1"]["weight"] == 0.5
        done = plain("endpoint", "weight", "gpu-1", "25%")
        assert done.returncode == 4, done
        assert "the daemon before this one still has the state file" in done.stderr
    finally:
        before.process.signal(signal.SIGTERM)
        before.process.wait(40)
    assert plain.daemon.listed()["gpu-1"]["weight"] == 0.5
    wait_until(lambda: plain("endpoint", "weight", "gpu-1", "25%").returncode == 0, "it may now")
    assert plain.daemon.listed()["gpu-1"]["weight"] == 0.25


def test_requests_follow_the_weight(make_stack):
    stack = make_stack("full-duplex", servers=2)
    heavy, light = stack.servers
    stack.daemon.ctl("endpoint", "weight", light.name, "10%")
    heavy.waiting = 20  # the light one would get them all
    wait_until(lambda: stack.daemon.listed()[heavy.name]["waiting"]["value"] == 20, "it is scraped")
    n = 200
    for _ in range(n):
        body = chat(str(uuid.uuid4()))  # no prefix in common
        assert stack.request("1.1", "POST", CHAT, headers=JSON, body=body).status == 200
    # Binomial(200, 0.1): 20 expected, 4.2 standard deviation; five of them.
    assert 1 <= len(light.seen) <= 42, (len(heavy.seen), len(light.seen))


def test_a_new_endpoint_starts_slowly(loop, tmp_path):
    slow = {"pools": {"llm/chat": {"slowStart": {"window": "3s", "minWeightPercent": 20}}}}
    plain = Plain(loop, tmp_path / "daemon", config=slow)
    third = ModelServer(loop, "gpu-3")
    try:
        assert {e["weight"] for e in plain.daemon.listed().values()} == {1}, "those of the start don't"
        endpoints = {s.name: s.address for s in [*plain.servers, third]}
        plain.daemon.set_endpoints(endpoints)
        wait_until(lambda: plain.daemon.listed().get("gpu-3", {}).get("state") == "Warming", "it warms")
        item = plain.daemon.listed()["gpu-3"]
        assert 0.2 <= item["weight"] < 1 and "slow start" in item["weightNote"]
        counts = plain.daemon.ctl_json("status")["item"]["endpoints"]
        assert (counts["total"], counts["ready"]) == (3, 3), "one that warms is ready"
        wait_until(lambda: plain.daemon.listed()["gpu-3"]["state"] == "Ready", "it is warm")
        assert plain.daemon.listed()["gpu-3"]["weight"] == 1
        assert kinds(plain, "gpu-3") == ["Warming", "Warm"]

        # Away for a while, it starts slowly again.
        third.die()
        wait_until(lambda: plain.daemon.listed()["gpu-3"]["weight"] == 0.2, "it is away")
        third.revive()
        wait_until(lambda: plain.daemon.listed()["gpu-3"]["state"] == "Warming", "it warms again")
        wait_until(lambda: kinds(plain, "gpu-3")[2:] == ["Unreachable", "Reachable", "Warming"],
                   "it is told")
    finally:
        plain.stop()
        third.die()


# --- events ---


def test_what_happens_is_told(plain):
    assert events(plain, "--since", "1ms") == []
    first = events(plain)
    assert first[0]["event"] == "Reloaded" and first[0]["subject"]["kind"] == "configuration"
    assert first[0]["message"] == "generation 1: 1 pool, 2 endpoints"
    plain("cordon", "gpu-1", "--reason", "kernel upgrade")
    plain("undrain", "gpu-1", "--reason", "done")
    told = events(plain, "gpu-1")
    assert [e["event"] for e in told] == ["Draining", "Undrained"]
    assert told[0]["reason"] == "kernel upgrade" and told[1]["reason"] == "done"
    assert "uid" in told[0]["who"]
    assert told[0]["subject"]["address"] == plain.servers[0].address
    check(json.loads(plain("events", "-o", "json").stdout), "EventList")

    good = (plain.daemon.manifests / "pool.yaml").read_text()
    (plain.daemon.manifests / "pool.yaml").write_text("nonsense: true\n")
    wait_until(lambda: "Rejected" in kinds(plain), "it is refused")
    rejected = events(plain, "configuration", "--warnings")[-1]
    assert rejected["severity"] == "warning"
    assert "pool.yaml:1:1" in rejected["message"] and "stays in force" in rejected["message"]
    (plain.daemon.manifests / "pool.yaml").write_text(good)
    wait_until(lambda: kinds(plain)[-1] == "Reloaded", "it is taken")

    plain.servers[0].die()
    wait_until(lambda: "Unreachable" in kinds(plain, "--warnings"), "it is missed")
    plain.servers[0].revive()
    wait_until(lambda: kinds(plain, "gpu-1")[-1] == "Reachable", "it is found")

    told = events(plain)
    assert events(plain, "--since", "1m") == told
    warnings = events(plain, "--warnings")
    assert warnings == [e for e in told if e["severity"] == "warning"]
    assert 0 < len(warnings) < len(told)

    # However an endpoint is named, or several of them, or all by the kind.
    address = plain.servers[0].address
    of_one = [e for e in told if e["subject"].get("name") == "gpu-1"]
    assert 0 < len(of_one) < len(told)
    for name in ("gpu-1", "endpoint/gpu-1", "llm/gpu-1", "endpoint/llm/gpu-1", address):
        assert events(plain, name) == of_one, name
    assert events(plain, "endpoint") == [e for e in told if e["subject"]["kind"] == "endpoint"]
    assert events(plain, "gpu-1", "configuration") == told
    for none in ("gpu-7", "other/gpu-1", "gpu"):
        done = plain("events", none)
        assert (done.returncode, done.stdout) == (0, "")
        assert "no such event in this run of the daemon" in done.stderr

    lines = plain("events").stdout.splitlines()
    assert len(lines) == len(events(plain))
    line = next(line for line in lines if "Draining" in line)
    assert re.fullmatch(r"\S+Z  Draining     endpoint llm/gpu-1 \(127\.0\.0\.1:\d+\): lease .*, "
                        r"by .* \(kernel upgrade\)", line)
    for line in plain("events", "-o", "jsonl").stdout.splitlines():
        check(json.loads(line), "Event")
    assert plain("events", "-w", "-o", "json").returncode == 2


def test_changes_are_told_with_what_changed(plain, tmp_path):
    def apply(reason, **apps):
        write_manifests(tmp_path / "pools.yaml",
                        *(pool_manifest(name, app=app) for name, app in apps.items()))
        plain.daemon.ctl("apply", "-f", str(tmp_path / "pools.yaml"), "--reason", reason)
        return [e for e in events(plain, "configuration") if e["event"] == "Changed"][-1]
    told = apply("OPS-1", **{f"p{n}": "vllm" for n in range(5)})
    assert told["message"] == "applied generation 1: apply " + ", ".join(f"InferencePool llm/p{n}" for n in range(5))
    assert told["reason"] == "OPS-1" and "uid" in told["who"]
    # Not of those that are as before; and not of dozens.
    told = apply("", p0="vllm", p1="other")
    assert told["message"] == "applied generation 2: apply InferencePool llm/p1"
    told = apply("", **{f"q{n}": "vllm" for n in range(6)})
    assert told["message"].endswith("InferencePool llm/q4 and 1 more")
    assert events(plain)[-1]["event"] == "Reloaded"


def test_a_watch_goes_on_over_a_restart(plain):
    watch = subprocess.Popen(
        [program("inferencectl"), "--server", plain.daemon.admin, "events", "-w", "-o", "jsonl"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    patience = threading.Timer(60, watch.kill)
    patience.start()
    try:
        def next_event(kind):
            while True:
                event = json.loads(watch.stdout.readline())
                if event["event"] == kind:
                    return event
        assert next_event("Reloaded")["id"] == 1
        plain("cordon", "gpu-1")
        assert next_event("Draining")["subject"]["name"] == "gpu-1"
        restart(plain, signal.SIGKILL)
        assert next_event("Reloaded")["id"] == 1, "those of the next run, from its start"
        plain("undrain", "gpu-1")
        assert next_event("Undrained")["subject"]["name"] == "gpu-1"
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=10)
        assert watch.returncode == 130
        assert "waiting for a daemon" in err and "another run of the daemon answers" in err
    finally:
        patience.cancel()
        watch.kill()


class Relay:
    """Hands bytes on between a Unix socket and another one; cuts what it has made when told to."""

    def __init__(self, loop, path, to):
        self._loop, self._writers = loop, []
        self._server = loop.run(asyncio.start_unix_server(self._serve, path))
        self._to = to

    async def _serve(self, reader, writer):
        other_reader, other_writer = await asyncio.open_unix_connection(self._to)
        self._writers += [writer, other_writer]
        await asyncio.gather(self._copy(reader, other_writer), self._copy(other_reader, writer))

    async def _copy(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    def cut(self):
        async def abort():
            for writer in self._writers:
                writer.transport.abort()
            self._writers.clear()
        self._loop.run(abort())

    def close(self):
        async def end():
            self._server.close()
        self._loop.run(end())
        self.cut()


def test_a_watch_goes_on_where_it_was_cut_and_keeps_to_what_is_asked(plain, loop):
    with tempfile.TemporaryDirectory(prefix="relay-") as directory:
        path = f"{directory}/admin.sock"
        relay = Relay(loop, path, plain.daemon.admin.removeprefix("unix://"))
        watch = subprocess.Popen(
            [program("inferencectl"), "--server", f"unix://{path}", "events", "-w", "gpu-1", "-o", "jsonl"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            def next_event():
                event = json.loads(watch.stdout.readline())
                return event["subject"]["name"], event["message"]
            for name in ("gpu-2", "gpu-1"):
                plain("endpoint", "weight", name, "50%")
            assert next_event() == ("gpu-1", "100 % -> 50 %")
            relay.cut()
            for name in ("gpu-2", "gpu-1"):
                plain("endpoint", "weight", name, "25%")
            assert next_event() == ("gpu-1", "50 % -> 25 %")
            relay.cut()
            plain("endpoint", "weight", "gpu-1", "20%")
            assert next_event() == ("gpu-1", "25 % -> 20 %")
            watch.send_signal(signal.SIGINT)
            out, err = watch.communicate(timeout=10)
            assert (watch.returncode, out) == (130, "")
            assert err.count("waiting for a daemon") == 2 and "another run" not in err
        finally:
            watch.kill()
            relay.close()


def test_a_watch_of_nobody_ends_at_once(tmp_path):
    done = subprocess.run([program("inferencectl"), "--server", f"unix://{tmp_path}/none", "events", "-w"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 4
    assert "is inferenced running?" in done.stderr


def test_describe_tells_drains_weights_and_events(plain):
    plain.servers[0].running = 2
    plain("endpoint", "weight", "gpu-1", "25%", "--reason", "hot")
    plain("drain", "gpu-1", *FAST, "--timeout", "1s", "--reason", "kernel upgrade")
    out = plain("describe", "endpoint", "gpu-1").stdout
    assert "state       Overdue" in out
    assert re.search(r"weight      25 % by .*: hot", out)
    assert re.search(r"drain       lease d-\w+ of alice@test: kernel upgrade, since ", out)
    assert "in the way: the server has 2 running and 0 waiting" in out
    assert re.search(r"events      \S+Z  Weighted: 100 % -> 25 %", out)
    assert "Overdue: the time of alice@test is over" in out
    assert "gpu-2" not in out
    assert "ejected 0 times" in out

    # The newest five events; of its own alone, also when another one had its name.
    plain.servers[0].running = 0
    for weight in ("30%", "40%", "50%", "60%", "70%"):
        plain("endpoint", "weight", "gpu-1", weight)
    wait_until(lambda: plain.daemon.listed()["gpu-1"]["state"] == "Drained", "it is drained")
    out = plain("describe", "endpoint", "gpu-1").stdout
    assert re.search(r"            drained after \d", out)
    told = [e["message"] for e in events(plain, "gpu-1")][-5:]
    assert re.findall(r"Z  \w+: (.*)", out) == told and len(told) == 5
    plain.daemon.set_endpoints({"gpu-1": plain.servers[1].address})
    wait_until(lambda: list(plain.daemon.listed()) == ["gpu-1"], "there is another one")
    out = plain("describe", "endpoint", "gpu-1").stdout
    assert "70 %" not in out and "lease" not in out


# --- who may ---


@pytest.fixture
def nobody(plain, tmp_path):
    """inferencectl as a user who is no operator."""
    if os.geteuid() != 0:
        pytest.skip("only root can run a program as somebody else")
    copy = pathlib.Path(f"/tmp/inferencectl-{uuid.uuid4().hex}")
    copy.write_bytes(program("inferencectl").read_bytes())
    copy.chmod(0o755)
    sockets = pathlib.Path(plain.daemon.admin.removeprefix("unix://")).parent
    sockets.chmod(0o755)

    def run(*arguments, groups=()):
        listed = f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups"
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", listed, copy, "--server", plain.daemon.admin,
             *arguments], capture_output=True, text=True, timeout=30, cwd="/", env={"HOME": "/nonexistent"})
    yield run
    copy.unlink()


CHANGES = [["drain", "gpu-1", "--no-wait"], ["undrain", "gpu-1"], ["endpoint", "weight", "gpu-1", "50%"],
           ["daemon", "reload"], ["delete", "inferencepool/chat", "-n", "llm"],
           ["rollback", "--to", "1"]]


def with_admin(plain, **admin):
    document = yaml.safe_load(plain.daemon.config.read_text())
    document["admin"].update(admin)
    plain.daemon.config.write_text(yaml.safe_dump(document, sort_keys=False))


def test_the_socket_keeps_others_out(nobody, plain):
    done = nobody("status")
    assert done.returncode == 4
    assert "permission denied" in done.stderr


def test_who_may_look_may_not_operate(nobody, plain):
    with_admin(plain, mode="0666", operators={"groups": ["4711"]})
    restart(plain, signal.SIGTERM)
    for words in (["status"], ["get", "endpoints"], ["events"], ["history"], ["drain", "status"]):
        assert nobody(*words).returncode == 0, words
    for words in CHANGES:
        done = nobody(*words)
        assert done.returncode == 4, (words, done.stdout, done.stderr)
        told = done.stdout + done.stderr
        assert "nobody (uid 65534) may look here, not change anything; operators are group 4711" in told
    assert json.loads(plain("history", "-o", "json").stdout)["operations"] == []
    # What changes nothing is for everyone.
    assert nobody("drain", "gpu-1", "--dry-run", "server").returncode == 0
    assert nobody("endpoint", "weight", "gpu-1", "50%", "--dry-run", "server").returncode == 0

    # The kernel says who is in which group; a reload changes who may.
    assert nobody("endpoint", "weight", "gpu-1", "50%", groups=[4711]).returncode == 0
    operation = json.loads(plain("history", "-o", "json").stdout)["operations"][0]
    assert operation["who"] == "nobody (uid 65534)"
    with_admin(plain, operators={"users": ["nobody"]})
    assert plain("daemon", "reload", "--wait").returncode == 0
    assert nobody("endpoint", "weight", "gpu-1", "60%").returncode == 0


def test_a_socket_for_a_group(nobody, plain):
    with_admin(plain, group="4712")
    done = plain("daemon", "reload", "--wait")
    assert done.returncode == 1
    assert "only a restart can change: admin.group" in done.stdout + done.stderr
    restart(plain, signal.SIGTERM)
    assert nobody("status").returncode == 4
    assert nobody("status", groups=[4712]).returncode == 0


def test_a_group_that_is_not_there_is_told(plain):
    with_admin(plain, group="no-such-group")
    end(plain, signal.SIGTERM)
    done = subprocess.run([program("inferenced"), "--config", plain.daemon.config], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode != 0
    assert "admin.group: there is no group" in done.stderr and "no-such-group" in done.stderr
