"""Out of file descriptors: said once in a while, nothing lost, and over when there are some again."""

import contextlib
import os
import resource
import socket
import time

import pytest
from harness.daemon import Daemon
from harness.process import wait_until


@pytest.fixture
def daemon(tmp_path):
    made = Daemon(tmp_path, {"gpu-1": "127.0.0.1:9"})
    yield made
    made.stop()


@contextlib.contextmanager
def no_descriptors(daemon):
    """As if the limit of open files was reached."""
    soft, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_accept_errors_are_not_a_flood(daemon):
    log = daemon.process.log
    with no_descriptors(daemon), socket.create_connection(("127.0.0.1", daemon.port)):
        wait_until(lambda: "cannot accept a connection" in log.read_text(), "it is said")
        before = cpu_seconds(daemon.process.pid)
        # 50 ms between two tries: forty of them.
        end = time.monotonic() + 2
        wait_until(lambda: time.monotonic() > end, "two seconds are over")
        assert log.read_text().count("cannot accept a connection") == 1, daemon.process.tail()
        assert cpu_seconds(daemon.process.pid) - before < 0.5
    assert "raise the limit of open files (LimitNOFILE= of the unit, ulimit -n)" in log.read_text()
    assert daemon.ctl("get", "endpoints")


def test_manifests_that_cannot_be_read_now_are_read_later(daemon):
    log = daemon.process.log
    with no_descriptors(daemon):
        daemon.set_endpoints({"gpu-1": "127.0.0.1:9", "gpu-2": "127.0.0.1:10"})
        wait_until(lambda: "it is tried again in a few seconds" in log.read_text(), "it is said")
    wait_until(lambda: set(daemon.listed()) == {"gpu-1", "gpu-2"}, "the change is applied")
    config = daemon.ctl_json("status")["item"]["config"]
    assert config["rejected"] == 0 and config["lastReloadOk"], config
