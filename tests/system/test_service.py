"""The daemon under a service manager: what it tells, what it is given, what it is asked to read again."""

import mmap
import os
import pathlib
import re
import signal
import socket
import threading
import time

import grpc
import pytest
import yaml
from harness.daemon import Daemon, pool_manifest, write_manifests
from harness.process import http_get, wait_until
from harness.service_manager import NotifySocket, StoppedThread
from test_output_schemas import check

HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"


@pytest.fixture
def notify(tmp_path_factory):
    made = NotifySocket(tmp_path_factory.mktemp("n"))
    yield made
    made.close()


@pytest.fixture
def make_daemon(tmp_path):
    made = []

    def make(*arguments, **options):
        made.append(Daemon(tmp_path / f"d{len(made)}", *arguments, **options))
        return made[-1]
    yield make
    for daemon in made:
        daemon.process.kill()


def served_by_notify(make_daemon, notify, endpoints=None, **options):
    daemon = make_daemon(endpoints or {"a": "127.0.0.1:1"},
                         env={"NOTIFY_SOCKET": notify.path, **options.pop("env", {})}, **options)
    notify.wait_for("READY=1")
    return daemon


# --- notify -----------------------------------------------------------------------------------------

def test_ready_comes_when_it_serves_and_the_status_follows(make_daemon, notify):
    daemon = make_daemon({"a": "127.0.0.1:1", "b": "127.0.0.1:2"}, wait=False,
                         env={"NOTIFY_SOCKET": notify.path})
    notify.wait_for("READY=1")
    assert http_get(f"{daemon.http}/readyz")[0] == 200
    assert notify.status() == "serving 1 pool, 2 endpoints, generation 1"
    daemon.set_endpoints({"a": "127.0.0.1:1"})
    wait_until(lambda: notify.status() == "serving 1 pool, 1 endpoint, generation 2",
               "the status follows", on_failure=lambda: notify.status())
    (daemon.manifests / "bad.yaml").write_text("kind: Nonsense\n")
    wait_until(lambda: "is refused" in notify.status(), "a refused change is told")
    assert notify.count("READY=1") == 1


def test_a_configuration_with_errors_is_never_ready(make_daemon, notify):
    daemon = make_daemon({}, wait=False, config={"manifests": ["nowhere.d"]},
                         env={"NOTIFY_SOCKET": notify.path})
    assert daemon.process.wait() == 3
    assert notify.lines() == []


def test_sighup_tells_that_it_reloads_and_that_it_is_over(make_daemon, notify):
    daemon = served_by_notify(make_daemon, notify)
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    daemon.process.signal(signal.SIGHUP)
    notify.wait_for("READY=1", times=2)
    lines = notify.lines()
    assert lines.index("RELOADING=1") < len(lines) - 1 - lines[::-1].index("READY=1")
    stamp = int(next(l for l in lines if l.startswith("MONOTONIC_USEC=")).split("=")[1])
    assert before <= stamp <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_stopping_asks_for_the_time_that_streams_need(make_daemon, notify):
    daemon = served_by_notify(make_daemon, notify, config={"drainTimeout": "2s"})
    with grpc.insecure_channel(daemon.address) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        assert next(watch) == SERVING  # a stream that doesn't end by itself
        daemon.process.signal(signal.SIGTERM)
        notify.wait_for("STOPPING=1")
        wait_until(lambda: any(re.fullmatch(r"EXTEND_TIMEOUT_USEC=\d+", l) for l in notify.lines()),
                   "more time is asked for")
        watch.cancel()
    assert daemon.process.wait() == 0
    assert "STATUS=stopping" in "\n".join(notify.lines())


# --- watchdog ---------------------------------------------------------------------------------------

WATCHDOG = {"WATCHDOG_USEC": "800000"}


def test_the_watchdog_is_fed_in_time(make_daemon, notify):
    served_by_notify(make_daemon, notify, env=WATCHDOG)
    notify.wait_for("WATCHDOG=1", times=8)
    times = [at for at, lines in notify.messages() if "WATCHDOG=1" in lines]
    # A quarter of the time each; the reading here is as late as the machine is busy.
    assert times[-1] - times[0] >= 7 * 0.15


@pytest.mark.parametrize("thread", ["reactor-0", "reactor-1", "control"])
def test_a_loop_that_hangs_ends_the_feeding(make_daemon, notify, thread):
    daemon = served_by_notify(make_daemon, notify, config={"workers": 2}, env=WATCHDOG)
    notify.wait_for("WATCHDOG=1", times=2)
    with StoppedThread(daemon.process.pid, thread):
        # What was on its way comes, and then nothing more, for three times the limit.
        late = "control" if thread == "control" else thread.replace("-", " ")
        daemon.process.wait_until(lambda: f"{late} does not turn" in daemon.process.tail(), "says which loop hangs")
        fed = notify.count("WATCHDOG=1")
        end = time.monotonic() + 2.4
        wait_until(lambda: time.monotonic() > end or notify.count("WATCHDOG=1") > fed, "three limits are over")
        assert notify.count("WATCHDOG=1") == fed
    notify.wait_for("WATCHDOG=1", times=fed + 2)


# --- sockets ----------------------------------------------------------------------------------------

def listening(address):
    if isinstance(address, str):
        made = socket.socket(socket.AF_UNIX)
    else:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(address)
    made.listen(1024)
    return made


def test_sockets_of_the_service_manager_are_served(make_daemon, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    sockets = {"extproc": listening(("127.0.0.1", 0)), "health": listening(("127.0.0.1", 0)),
               "admin": listening(str(folder / "admin.sock"))}
    daemon = make_daemon({"a": "127.0.0.1:1"}, sockets=sockets)
    listeners = {}
    for _ in range(2):
        daemon.admin = f"unix://{folder}/admin.sock"
        listeners = {l["purpose"]: l["address"] for l in daemon.ctl_json("status")["item"]["listeners"]}
        for name in ("extproc", "health"):
            where = "%s:%d" % sockets[name].getsockname()
            assert listeners[{"extproc": "ext_proc"}.get(name, name)] == where
            with grpc.insecure_channel(where) as channel:
                assert channel.unary_unary(HEALTH)(b"", timeout=10) == SERVING
        assert listeners["admin"] == daemon.admin
        assert daemon.stop() == 0
        assert (folder / "admin.sock").is_socket(), "the file is the service manager's"
        daemon.restart()


def test_a_socket_that_fits_nothing_is_refused(make_daemon):
    daemon = make_daemon({}, wait=False, sockets={"grpc": listening(("127.0.0.1", 0))})
    assert daemon.process.wait() == 4
    assert "'grpc' (127.0.0.1:" in daemon.process.tail()


def test_restarts_refuse_no_connection(make_daemon):
    held = listening(("127.0.0.1", 0))
    where = "%s:%d" % held.getsockname()
    daemon = make_daemon({"a": "127.0.0.1:1"}, sockets={"extproc": held}, config={"drainTimeout": "5s"})
    answers, failures, running = [], [], True

    def ask():
        while running:
            # A connection each, and gRPC fails at once when that is refused. (A stream that GOAWAY says is
            # not processed it sends again, as it must.)
            with grpc.insecure_channel(where, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                try:
                    answers.append(channel.unary_unary(HEALTH)(b"", timeout=20))
                except grpc.RpcError as error:
                    failures.append(f"{error.code()} {error.details()}")
    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for n in range(3):
            wait_until(lambda: len(answers) >= 40 * (2 * n + 1), "clients are answered",
                       on_failure=lambda: str(failures[:3]))
            assert daemon.stop() == 0
            daemon.restart()
            wait_until(lambda: len(answers) >= 40 * (2 * n + 2), "clients are answered again",
                       on_failure=lambda: str(failures[:3]))
    finally:
        running = False
        for client in clients:
            client.join()
    assert failures == []


# --- reload -----------------------------------------------------------------------------------------

def test_reload_says_what_changed(make_daemon):
    daemon = make_daemon({"a": "127.0.0.1:1"}, config={"manifests": ["manifests.d"]})
    same = daemon.ctl_json("daemon", "reload", "--wait", "--reason", "OPS-1")
    assert same["kind"] == "ReloadResult" and not same["refused"] and same["items"] == []
    assert same["now"] == {"generation": same["before"]["generation"] + 1, "pools": 1, "endpoints": 1}
    operation = daemon.ctl_json("history")["operations"][0]
    assert operation["verb"] == "reload" and operation["reason"] == "OPS-1"
    assert operation["who"].endswith(f"(uid {os.getuid()})")
    assert operation["before"].startswith("generation 1:") and operation["after"].startswith("generation 2:")


def test_reload_of_what_the_watch_does_not_see(make_daemon, tmp_path):
    more = tmp_path / "more.yaml"
    write_manifests(more, pool_manifest("second"))
    daemon = make_daemon({"a": "127.0.0.1:1"}, config={"manifests": ["manifests.d", str(more)]})

    with more.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:1] = mapped[0:1]
        daemon.ctl("daemon", "reload", "--wait")  # the watch has seen that one
        at = mapped.find(b"second")
        mapped[at:at + 6] = b"fourth"
        changed = daemon.ctl_json("daemon", "reload", "--wait")
    check(changed, "ReloadResult")
    assert sorted((i["name"], i["change"]) for i in changed["items"]) == [
        ("fourth", "created"), ("second", "deleted")]
    assert changed["before"]["pools"] == changed["now"]["pools"] == 2


def refused_reload(daemon):
    document = daemon.ctl_json("daemon", "reload", "--wait", expect=1)
    check(document, "ReloadResult")
    assert document["refused"]
    assert document["now"] == document["before"]
    return document


def test_refused_files_are_told_with_their_place(make_daemon):
    daemon = make_daemon({"a": "127.0.0.1:1"})
    bad = daemon.manifests / "bad.yaml"
    bad.write_text("apiVersion: inference.networking.k8s.io/v1\nkind: Nonsense\n")
    finding = refused_reload(daemon)["findings"][0]
    assert finding["file"] == str(bad) and finding["line"] == 2 and finding["level"] == "error"
    assert daemon.ctl_json("history")["operations"][0]["after"] == "refused"
    bad.unlink()
    assert not daemon.ctl_json("daemon", "reload", "--wait")["refused"]


def test_what_only_a_restart_can_change_is_named(make_daemon):
    daemon = make_daemon({"a": "127.0.0.1:1"})
    config = yaml.safe_load(daemon.config.read_text())
    daemon.config.write_text(yaml.safe_dump({**config, "workers": 7}))
    finding = refused_reload(daemon)["findings"][0]
    assert finding["code"] == "INF1101" and "workers" in finding["message"]
    assert pathlib.Path(finding["file"]) == daemon.config


def test_reload_without_wait_only_asks(make_daemon):
    daemon = make_daemon({"a": "127.0.0.1:1"})
    assert daemon.ctl_json("daemon", "reload")["pending"]
    wait_until(lambda: daemon.ctl_json("status")["item"]["config"]["generation"] == 2, "it reloads")


def test_reload_without_a_daemon_is_unreachable(make_daemon):
    daemon = make_daemon({})
    daemon.stop()
    daemon.ctl("daemon", "reload", "--wait", expect=4)
