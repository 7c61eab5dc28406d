"""Memory over very many streams: ours is kept flat, whatever ended them."""

import json
import subprocess

import pytest
from harness.daemon import Daemon, build_directory
from harness.model_server import ModelServer
from harness.process import wait_until

MIB = 1024  # of KiB


@pytest.fixture
def make_daemon(loop, tmp_path):
    servers = [ModelServer(loop, f"server-{n}") for n in range(3)]
    started = []

    def make(tracking):
        started.append(Daemon(tmp_path, {s.name: s.address for s in servers},
                              config={"pools": {"llm/chat": {"responseTracking": tracking}}}))
        return started[-1]
    yield make
    for daemon in started:
        daemon.stop()
    for server in servers:
        server.die()


def run(daemon, count, chunks):
    """`count` streams on one connection, 64 at once; nothing may go wrong with any."""
    program = build_directory() / "tests" / "bench" / "extproc_load"
    assert program.exists(), f"{program} is not built"
    done = subprocess.run([
        program, "--target", daemon.address, "--connections", "1", "--streams", "64",
        "--count", str(count), "--chunks", str(chunks)], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr + daemon.process.tail()
    result = json.loads(done.stdout)
    assert (result["streams"], result["errors"]) == (count, 0), result


@pytest.mark.timeout(300)
def test_memory_is_flat_over_a_million_streams(make_daemon):
    daemon = make_daemon("full")
    run(daemon, 100_000, chunks=1)
    warm = daemon.rss_kib()
    run(daemon, 1_000_000, chunks=1)
    # 8 bytes kept per stream would show.
    assert daemon.rss_kib() - warm < 8 * MIB
    wait_until(lambda: daemon.in_flight() == 0, "nothing counts as in flight")


@pytest.mark.timeout(300)
def test_requests_whose_answer_nobody_shows_us_age_out(make_daemon):
    # Each of them is remembered until it is as old as answers usually get: 10 s, as none was seen.
    daemon = make_daemon("none")
    run(daemon, 100_000, chunks=0)
    assert daemon.in_flight() > 0
    wait_until(lambda: daemon.in_flight() == 0, "all have aged out", timeout=30)
    warm = daemon.rss_kib()
    run(daemon, 100_000, chunks=0)
    # Their memory is used again.
    assert daemon.rss_kib() - warm < 8 * MIB
