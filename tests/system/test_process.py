"""The daemon as a process: a second one, a killed one, its signals."""

import mmap
import pathlib
import signal
import subprocess
import time

import pytest
import yaml
from harness.clients import ConnectionLost, connect
from harness.daemon import Daemon, endpoints_manifest, program, write_manifests
from harness.openai import CHAT, JSON, chat
from harness.process import Process, http_get, wait_until
from test_restart import Load, served


@pytest.fixture
def unix_too(make_stack, tmp_path_factory):
    """A stack whose daemon listens on TCP and on a Unix socket (`stack.unix`)."""
    unix = tmp_path_factory.mktemp("uds") / "extproc.sock"
    stack = make_stack(config={"listeners": [{"address": f"unix://{unix}"}]},
                       picker_address=f"unix://{unix}")
    stack.unix = unix
    return stack


def admin_socket(daemon):
    return pathlib.Path(daemon.admin.removeprefix("unix://"))


# --- a second daemon --------------------------------------------------------------------------------

@pytest.mark.parametrize("listener", ["tcp", "unix"])
@pytest.mark.parametrize("shared", ["everything", "stateFile", "listeners", "health", "http", "admin"])
def test_second_daemon_is_refused_and_disturbs_nothing(request, make_stack, listener, shared):
    stack = make_stack() if listener == "tcp" else request.getfixturevalue("unix_too")
    config = yaml.safe_load(stack.daemon.config.read_text())
    own = {"listeners": [{"address": "127.0.0.1:0"}], "health": {"address": "127.0.0.1:0"},
           "http": {"address": "127.0.0.1:0"},
           "admin": {"address": f"{stack.daemon.admin}.second"},
           "stateFile": f"{stack.daemon.state}.second"}
    if shared in ("everything", "stateFile"):
        said = [config["stateFile"], "is in use by another inferenced", "--take-over"]
    else:
        taken = config[shared][0] if shared == "listeners" else config[shared]
        said = [taken["address"], "another process listens there; "]
    if shared != "everything":
        config.update({key: value for key, value in own.items() if key != shared})
    second = stack.daemon.config.with_name("second.yaml")
    second.write_text(yaml.safe_dump(config))
    sockets = [admin_socket(stack.daemon)] + ([stack.unix] if listener == "unix" else [])
    before = [path.stat().st_ino for path in sockets]
    load = Load(stack)
    try:
        load.wait_for(60)
        for _ in range(3):
            done = subprocess.run([program("inferenced"), "--config", second],
                                  capture_output=True, text=True, timeout=20)
            output = done.stdout + done.stderr
            assert done.returncode == 4, (done.returncode, output)
            assert all(text in output for text in said), output
            load.wait_for(40)
    finally:
        load.stop()
    assert load.failures == []
    assert [path.stat().st_ino for path in sockets] == before
    assert not pathlib.Path(f"{admin_socket(stack.daemon)}.second").exists()
    assert served(stack.daemon) >= 180
    assert http_get(f"{stack.daemon.http}/readyz")[0] == 200


# --- a killed daemon --------------------------------------------------------------------------------

def test_start_after_a_kill_needs_no_flag(unix_too):
    stack, killed = unix_too, unix_too.daemon
    killed.process.signal(signal.SIGKILL)
    assert killed.process.wait() == -signal.SIGKILL
    stale = [admin_socket(killed), stack.unix]
    assert all(path.is_socket() for path in stale)
    killed.process = Process("again", [program("inferenced"), "--config", killed.config],
                             stack.directory / "again.log")
    killed.wait_ready()
    stack.envoy.wait_for_picker()
    wait_until(lambda: stack.request("1.1", "POST", CHAT, headers=JSON, body=chat()).status == 200,
               "requests pass again")
    assert served(killed) > 0
    killed.stop()
    assert not any(path.exists() for path in stale)


# --- signals ----------------------------------------------------------------------------------------

def test_sighup_reads_the_files_again(tmp_path):
    more = tmp_path / "more.yaml"
    write_manifests(more, endpoints_manifest({"more-1": "127.0.0.1:1"}, name="more"))
    # Once a mapped page was written to, writing more changes no time of the file and wakes no watch.
    with more.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:1] = mapped[0:1]
        daemon = Daemon(tmp_path / "daemon", {"first": "127.0.0.1:2"},
                        config={"manifests": ["manifests.d", str(more)]})
        try:
            assert set(daemon.listed()) == {"first", "more-1"}
            at = mapped.find(b"more-1")
            mapped[at:at + 6] = b"more-9"
            daemon.process.signal(signal.SIGHUP)
            wait_until(lambda: set(daemon.listed()) == {"first", "more-9"}, "the change is read")
        finally:
            daemon.stop()


def test_sighups_under_load_lose_nothing(make_stack):
    stack = make_stack()
    load = Load(stack, clients=6)
    try:
        for _ in range(20):
            stack.daemon.process.signal(signal.SIGHUP)
            load.wait_for(10)
    finally:
        load.stop()
    assert load.failures == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_second_signal_stops_at_once(make_stack, number):
    stack = make_stack()

    async def begin():
        connection = await connect("1.1", stack.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-gate": "yes"})
        await stream.next_chunk()
        return stream
    stream = stack.loop.run(begin())
    daemon = stack.daemon
    daemon.process.signal(number)
    wait_until(lambda: http_get(f"{daemon.http}/readyz")[0] != 200, "it isn't ready any more")
    # The drain waits for the stream (30 s, were there no second signal).
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.process.child.wait(1)
    daemon.process.signal(number)
    began = time.monotonic()
    assert daemon.process.wait(10) in (0, -number), daemon.process.tail()
    assert time.monotonic() - began < 2
    assert not admin_socket(daemon).exists()
    # Full duplex: the answer passed through the picker and ends with it.
    with pytest.raises(ConnectionLost):
        stack.loop.run(stream.finish())
