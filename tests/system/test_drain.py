"""Endpoints are drained: no request fails, none goes there, and "drained" is true."""

import json
import os
import signal
import subprocess
import time

import pytest
from harness.clients import connect
from harness.daemon import Daemon, pool_manifest, program, write_manifests
from harness.model_server import ModelServer
from harness.openai import CHAT, JSON, chat
from harness.process import http_get, wait_until
from test_output_schemas import check
from test_restart import Load

FAST = ("--settle", "200ms")


def counting(stack):
    for server in stack.servers:
        server.counts = True
    return stack


def ctl(*arguments, servers=()):
    command = [program("inferencectl")]
    for server in servers:
        command += ["--server", server]
    return subprocess.run([*command, *map(str, arguments)], text=True, capture_output=True,
                          timeout=60, env={**os.environ, "INFERENCECTL_OWNER": "alice@test"})


def drained(daemon, name):
    done = ctl("drain", "status", "-o", "json", servers=[daemon.admin])
    if done.returncode == 4:  # it is being replaced
        return None
    return next((d for d in json.loads(done.stdout)["items"] if d["endpoint"] == name), None)


def begin_stream(stack, **more):
    """A stream that stops after its first token until its server opens the gate."""
    async def begin():
        connection = await connect("1.1", stack.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-tokens": "5", "x-test-gate": "yes", **more})
        await stream.next_chunk()
        return stream
    stream = stack.loop.run(begin())
    server = next(s for s in stack.servers if s.in_flight)
    return stream, server


def state_of(stack, server):
    item = drained(stack.daemon, server.name)
    return item["state"] if item else None


def test_the_oldest_request_in_the_way_is_named(make_stack):
    stack = counting(make_stack("full-duplex"))
    _, server = begin_stream(stack, **{"x-request-id": "the-one-that-stays"})
    servers = [stack.daemon.admin]
    assert ctl("cordon", server.name, servers=servers).returncode == 0
    done = ctl("drain", "status", server.name, "-o", "json", servers=servers)
    check(json.loads(done.stdout), "DrainList")
    item = json.loads(done.stdout)["items"][0]
    assert item["oldest"]["requestId"] == "the-one-that-stays"
    assert 0 <= item["oldest"]["ageMs"] < 30_000
    assert any("1 request in flight, the oldest for" in b["message"] for b in item["blockers"])
    assert "(request the-one-that-stays)" in ctl("drain", "status", servers=servers).stdout
    server.open_gate()
    wait_until(lambda: drained(stack.daemon, server.name)["oldest"] is None, "it has ended")


def test_why_says_who_was_drained_when_it_was_picked(make_stack):
    stack = counting(make_stack("full-duplex"))
    gone, *others = stack.servers
    servers = [stack.daemon.admin]
    ask = {**JSON, "x-request-id": "while-it-drained"}
    assert ctl("cordon", gone.name, servers=servers).returncode == 0
    assert stack.request("1.1", "POST", CHAT, headers=ask, body=chat()).status == 200
    assert ctl("undrain", gone.name, servers=servers).returncode == 0
    why = stack.daemon.why("while-it-drained")
    assert [(d["endpoint"], d["filter"]) for d in why["dropped"]] == [(gone.name, "drain")]
    assert why["considered"] == len(others)
    assert f"dropped   {gone.name} by drain: it was drained then\n" in stack.daemon.ctl(
        "why", "while-it-drained")
    # A refusal, too, says what became of each endpoint.
    for server in stack.servers:
        assert ctl("cordon", server.name, "--force-capacity", servers=servers).returncode == 0
    ask["x-request-id"] = "when-all-were"
    assert stack.request("1.1", "POST", CHAT, headers=ask, body=chat()).status == 503
    why = stack.daemon.why("when-all-were")
    assert {d["endpoint"] for d in why["dropped"]} == {s.name for s in stack.servers}
    assert why["refusal"]["reason"] == "NoEndpoints"


def test_drain_under_load_without_a_failed_request(make_stack):
    stack = counting(make_stack())
    load = Load(stack)
    try:
        load.wait_for(200)
        for server in stack.servers:  # each in turn, and back
            done = ctl("drain", server.name, *FAST, "--reason", "upgrade",
                       servers=[stack.daemon.admin])
            assert done.returncode == 0, done.stderr
            assert server.in_flight == 0
            seen = len(server.seen)
            load.wait_for(100)
            assert len(server.seen) == seen
            assert stack.daemon.listed()[server.name]["state"] == "Drained"
            assert ctl("undrain", server.name, servers=[stack.daemon.admin]).returncode == 0
            wait_until(lambda n=seen, s=server: len(s.seen) > n, "it has requests again")
    finally:
        load.stop()
    assert load.failures == []


def test_a_drain_outlives_kill_9_restart_and_reload(make_stack):
    stack = counting(make_stack())
    stream, server = begin_stream(stack)
    command = subprocess.Popen(
        [program("inferencectl"), "--server", stack.daemon.admin, "drain", server.name, *FAST,
         "--timeout", "60s", "--owner", "alice", "-o", "jsonl"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: state_of(stack, server) == "Draining", "it drains")
    item = drained(stack.daemon, server.name)
    assert item["inFlight"] == 1
    assert [b["code"] for b in item["blockers"]] == ["in-flight"]
    stack.daemon.process.signal(signal.SIGHUP)
    assert state_of(stack, server) == "Draining"

    # Killed: whatever it knew is gone, but not the lease. Another socket: the command finds it again
    # at the same place.
    old = stack.picker
    old.process.kill()
    old.process.wait(10)
    server.mode = "ok"
    stack.picker = Daemon(stack.directory, stack.endpoints, take_over=old, name="again")
    stack.envoy.wait_for_picker()
    seen = len(server.seen)
    for _ in range(20):
        assert stack.request("1.1", "POST", CHAT, headers=JSON, body=chat()).status == 200
    assert len(server.seen) == seen
    # The request of the killed daemon may still run there: the server says so, and is believed.
    if server.in_flight:
        wait_until(lambda: [b["code"] for b in drained(stack.daemon, server.name)["blockers"]]
                   == ["foreign"], "the server has a request that nobody sent")
        assert command.poll() is None
    server.open_gate()
    out, err = command.communicate(timeout=30)
    assert command.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["type"] == "progress"
    assert lines[-1]["type"] == "result"
    assert lines[-1]["state"] == "Drained" and lines[-1]["verified"]
    # A restart in good order finds it drained anew.
    old = stack.picker
    stack.picker = Daemon(stack.directory, stack.endpoints, take_over=old, name="third")
    old.process.signal(signal.SIGTERM)
    assert old.process.wait(40) == 0
    done = ctl("drain", "status", server.name, "-w", servers=[stack.daemon.admin])
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        stack.loop.run(stream.finish(), 5)
    except Exception:  # noqa: BLE001  it was cut with the daemon
        pass


def test_two_daemons_must_both_say_so(make_stack):
    first = counting(make_stack())
    second = make_stack(endpoints=first.endpoints)
    servers = [first.daemon.admin, second.daemon.admin]
    loads = [Load(first, clients=4), Load(second, clients=4)]
    victim = first.servers[0]
    try:
        for load in loads:
            load.wait_for(50)
        done = ctl("drain", victim.name, *FAST, "-o", "json", servers=servers)
        assert done.returncode == 0, done.stderr
        item = json.loads(done.stdout)["items"][0]
        assert item["ack"] == {"have": 2, "want": 2}
        seen = len(victim.seen)
        for load in loads:
            load.wait_for(50)
        assert len(victim.seen) == seen
    finally:
        for load in loads:
            load.stop()
    assert [f for load in loads for f in load.failures] == []
    # One is killed: it is no longer known, and nobody says that it is.
    second.daemon.process.kill()
    second.daemon.process.wait(10)
    done = ctl("drain", first.servers[1].name, *FAST, "--timeout", "2s", servers=servers)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "acknowledged by 1/2" in done.stdout
    assert f"{second.daemon.admin} silent for" in done.stdout
    second.restart_picker()


class Plain:
    """One daemon without a gateway."""

    def __init__(self, loop, directory, servers=2, **arguments):
        self.servers = [ModelServer(loop, f"gpu-{n}") for n in range(1, servers + 1)]
        self.daemon = Daemon(directory, {s.name: s.address for s in self.servers}, **arguments)
        wait_until(lambda: all(e["state"] == "Ready" for e in self.daemon.listed().values()),
                   "all are ready")

    def __call__(self, *arguments):
        return ctl(*arguments, servers=[self.daemon.admin])

    def stop(self):
        self.daemon.stop()
        for server in self.servers:
            server.die()


@pytest.fixture
def plain(loop, tmp_path):
    made = Plain(loop, tmp_path / "daemon")
    yield made
    made.stop()


def test_exit_codes_and_guards(plain):
    assert plain("drain", "status").returncode == 0
    assert plain("drain", "gpu-7").returncode == 1
    assert plain("drain").returncode == 2
    assert plain("drain", "-l", "app=other", "--pool", "llm/chat").returncode == 1
    assert plain("drain", "-l", "app=other", "--pool", "llm/chat",
                 "--allow-empty").returncode == 0
    assert plain("drain", "gpu-1", "--min-ready", "2").returncode == 6
    assert plain("drain", "gpu-1", "--dry-run=server").returncode == 0
    assert plain.daemon.listed()["gpu-1"]["state"] == "Ready"
    assert plain("drain", "status", "gpu-1").returncode == 1

    # Named by address too; the second of two owners keeps it drained.
    done = plain("drain", "endpoint/gpu-1", *FAST, "--reason", "kernel upgrade")
    assert done.returncode == 0, done.stderr
    assert "drained after" in done.stdout
    assert plain("cordon", plain.servers[0].address, "--owner", "bob").returncode == 0
    table = plain("get", "endpoints").stdout
    assert "Drained" in table
    assert "drained by alice@test: kernel upgrade" in table and "drained by bob" in table
    done = plain("undrain", "gpu-1")
    assert done.returncode == 0 and "still drained by bob" in done.stderr
    assert plain("undrain", "gpu-1").returncode == 6
    assert plain("undrain", "gpu-1", "--all-owners").returncode == 6

    # The last one of the pool.
    done = plain("drain", "gpu-2", *FAST)
    assert done.returncode == 6 and "0 ready endpoints left" in done.stdout
    assert plain("drain", "gpu-2", *FAST, "--force-capacity").returncode == 0
    # Nothing is left: the explanation names who drains it, and there is no last resort.
    refused = plain("pick", "--model", "m", "-o", "json")
    assert refused.returncode == 1
    assert "rejected-no-endpoints" in refused.stdout and "Draining by bob" in refused.stdout
    assert plain("undrain", "gpu-1", "gpu-2", "--all-owners", "--yes").returncode == 0
    assert plain("pick", "--model", "m").returncode == 0

    history = json.loads(plain("history", "-o", "json").stdout)["operations"]
    check(json.loads(plain("history", "-o", "json").stdout), "History")
    assert [o["verb"] for o in reversed(history)][:3] == ["drain", "drain", "undrain"]
    assert history[-1]["reason"] == "kernel upgrade"
    assert history[-1]["subject"].startswith("endpoint llm/servers-gpu-1 (") \
        or "gpu-1 (" in history[-1]["subject"]


def test_stop_is_refused_while_a_gateway_would_use_a_drained_endpoint(plain):
    pool = pool_manifest()
    write_manifests(plain.daemon.manifests / "pool.yaml", pool)
    assert plain("cordon", "gpu-1", "--reason", "upgrade").returncode == 0
    # Where the gateway refuses requests without a picker, none can go there.
    assert plain("daemon", "stop", "--dry-run=server").returncode == 0
    pool["spec"]["endpointPickerRef"]["failureMode"] = "FailOpen"
    write_manifests(plain.daemon.manifests / "pool.yaml", pool)
    wait_until(lambda: plain("daemon", "stop", "--dry-run=server").returncode == 6, "it fails open")
    done = plain("daemon", "stop", "-o", "json")
    assert done.returncode == 6
    assert "pool llm/chat fails open and gpu-1 is drained" in done.stderr
    assert "--force" in done.stderr and "drained by alice@test" in done.stderr
    check(json.loads(done.stdout), "StopResult")
    assert json.loads(done.stdout)["exposed"] == [
        {"pool": "llm/chat", "endpoint": "gpu-1", "owners": ["alice@test"]}]
    assert http_get(f"{plain.daemon.http}/readyz")[0] == 200
    # A reload lets go of nothing, so it is not refused.
    assert plain("daemon", "reload", "--wait").returncode == 0

    done = plain("daemon", "stop", "--force", "--wait", "--reason", "OPS-9", "-o", "json")
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), "StopResult")
    assert json.loads(done.stdout)["stopped"] is True
    assert plain.daemon.process.wait() == 0
    assert plain("daemon", "stop").returncode == 4
    plain.daemon.restart()
    wait_until(lambda: plain("drain", "status", "gpu-1").returncode == 8 or
               plain.daemon.listed()["gpu-1"]["state"] == "Drained", "the lease is still there")
    last = json.loads(plain("history", "-o", "json").stdout)["operations"][0]
    assert (last["verb"], last["reason"], last["after"]) == ("stop", "OPS-9", "stopping, by force")
    assert plain("undrain", "gpu-1").returncode == 0
    assert plain("daemon", "stop", "--wait").returncode == 0
    assert plain.daemon.process.wait() == 0


def test_stop_waits_for_requests(make_stack):
    stack = counting(make_stack("full-duplex"))
    stream, server = begin_stream(stack)
    servers = [stack.daemon.admin]
    done = ctl("daemon", "stop", "--wait", "--timeout", "300ms", servers=servers)
    assert done.returncode == 5, done.stderr
    assert "still ends its requests" in done.stderr
    # Asked again it doesn't cut them, as a second signal would.
    assert ctl("daemon", "stop", servers=servers).returncode == 0
    assert stack.daemon.process.alive()
    server.open_gate()
    response = stack.loop.run(stream.finish())
    assert response.status == 200 and response.text.rstrip().endswith("[DONE]")
    assert stack.daemon.process.wait() == 0


def test_documents_are_what_their_schemas_say(plain):
    plain.servers[0].running = 1
    check(json.loads(plain("drain", "gpu-1", *FAST, "--timeout", "500ms", "-o", "json").stdout),
          "DrainResult")
    check(json.loads(plain("drain", "status", "-o", "json").stdout), "DrainList")
    check(json.loads(plain("get", "endpoints", "-o", "json").stdout), "EndpointList")
    check(json.loads(plain("cordon", "gpu-1", "-o", "json").stdout), "DrainResult")
    check(json.loads(plain("undrain", "gpu-1", "-o", "json").stdout), "DrainList")


def test_what_the_server_runs_is_not_drained(plain):
    plain.servers[0].running = 2  # nobody's here
    done = plain("drain", "gpu-1", *FAST, "--timeout", "1500ms")
    assert done.returncode == 5
    assert "2 running and 0 waiting that this picker did not send" in done.stdout
    assert plain("drain", "status").returncode == 5
    assert "Overdue" in plain("drain", "status").stdout
    # The same again waits again; it goes on when the server is done.
    waiting = subprocess.Popen(
        [program("inferencectl"), "--server", plain.daemon.admin, "drain", "gpu-1", *FAST,
         "--owner", "alice@test"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: drained(plain.daemon, "gpu-1")["state"] == "Draining", "it waits again")
    assert plain("drain", "status").returncode == 8
    plain.servers[0].running = 0
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 0, err
    assert "waiting: " in err


def test_undo_when_the_time_is_over(plain):
    plain.servers[0].running = 1
    done = plain("drain", "gpu-1", *FAST, "--timeout", "1s", "--on-timeout", "undo", "-o", "json")
    assert done.returncode == 5, done.stderr
    assert json.loads(done.stdout)["items"][0]["outcome"] == "timeout-undo"
    assert plain.daemon.listed()["gpu-1"]["state"] == "Ready"


def test_unverified_without_metrics(plain):
    plain.servers[0].die()
    done = plain("drain", "gpu-1", *FAST)
    assert done.returncode == 7
    assert "unverified" in done.stdout
    assert plain("drain", "gpu-1", *FAST, "--allow-unverified").returncode == 0
    assert plain("drain", "status").returncode == 7
    assert plain.daemon.listed()["gpu-1"]["state"] == "Unverified"


def test_ctrl_c_leaves_the_drain(plain):
    plain.servers[0].running = 1
    command = subprocess.Popen(
        [program("inferencectl"), "--server", plain.daemon.admin, "drain", "gpu-1", *FAST],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: drained(plain.daemon, "gpu-1"), "it drains")
    time.sleep(0.3)  # the command is past its request
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=10)
    assert command.returncode == 130
    assert "Resume: inferencectl drain status gpu-1 -w; undo: inferencectl undrain gpu-1" in err
    assert drained(plain.daemon, "gpu-1")["state"] == "Draining"


def test_rolling_with_a_command(loop, tmp_path):
    plain = Plain(loop, tmp_path / "daemon", servers=3)
    try:
        log = tmp_path / "upgraded"
        command = (f'echo "$INFERENCE_NAMESPACE $INFERENCE_ENDPOINT $INFERENCE_ADDRESS" >> {log}; '
                   f'{program("inferencectl")} --server {plain.daemon.admin} undrain '
                   '"$INFERENCE_ENDPOINT" --owner roller > /dev/null')
        done = plain("drain", "-l", "app=vllm", "--pool", "llm/chat", *FAST, "--owner", "roller",
                     "--min-ready", "2", "--exec", command)
        assert done.returncode == 0, done.stdout + done.stderr
        expected = [f"llm {s.name} {s.address}" for s in plain.servers]
        assert [line.replace("servers-", "") for line in log.read_text().splitlines()] == expected
        # A command that fails ends it: what comes after is not touched.
        done = plain("drain", "gpu-1", "gpu-2", *FAST, "--exec", "exit 3", "-o", "json")
        assert done.returncode == 7
        assert [i["outcome"] for i in json.loads(done.stdout)["items"]] == ["drained", "not-begun"]
    finally:
        plain.stop()


def test_an_endpoint_in_the_place_of_a_drained_one_is_not_drained(plain):
    assert plain("drain", "gpu-1", *FAST).returncode == 0
    plain.daemon.set_endpoints({"gpu-9": plain.servers[0].address, "gpu-2": plain.servers[1].address})
    wait_until(lambda: "gpu-9" in plain.daemon.listed(), "the other one is there")
    wait_until(lambda: plain.daemon.listed()["gpu-9"]["state"] == "Ready", "it is ready")
    assert drained(plain.daemon, "gpu-1")["state"] == "Gone"


def test_warming_after_an_undrain(plain):
    assert plain("drain", "gpu-1", *FAST).returncode == 0
    assert plain("undrain", "gpu-1", "--ramp", "1h").returncode == 0
    listed = plain.daemon.listed()["gpu-1"]
    assert listed["state"] == "Warming"
    assert listed["weight"] == 0.01
    assert "Warming, weight 1 %" in plain("get", "endpoints").stdout
    assert plain("drain", "status").returncode == 0


def test_nothing_kept_nothing_drained(loop, tmp_path):
    plain = Plain(loop, tmp_path / "daemon", config={"stateFile": "none"})
    try:
        done = plain("drain", "gpu-1")
        assert done.returncode == 6
        assert "set stateFile" in done.stdout
    finally:
        plain.stop()
