"""Many streams at once, and many one after the other."""

import asyncio
import re
import subprocess

import pytest
from harness.clients import connect
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until
from harness.simulator import Simulator

STREAMS = 1500


@pytest.mark.any_picker
@pytest.mark.timeout(240)
@pytest.mark.parametrize("bootstrap", ("full-duplex", "request-only", "buffered"))
def test_1500_streams_at_once(make_stack, bootstrap):
    stack = make_stack(bootstrap)

    async def one(n):
        connection = await connect("1.1", stack.port)
        try:
            stream = await connection.start("POST", CHAT, body=chat(f"n {n}", stream=True), headers={
                **JSON, "x-test-tokens": "4", "x-test-gate": "yes"})
            return await stream.finish()
        finally:
            await connection.close()

    async def all_of_them():
        return await asyncio.gather(*(one(n) for n in range(STREAMS)))

    result = stack.loop.start(all_of_them())

    def held():
        return sum(server.in_flight for server in stack.servers)
    # The gate holds every answer after its first token, so that all are in flight together.
    wait_until(lambda: held() == STREAMS or result.done(), f"{STREAMS} answers are held", timeout=60,
               on_failure=lambda: f"{held()} are")
    for server in stack.servers:
        server.open_gate()
    responses = result.result(90)
    assert [r.status for r in responses] == [200] * STREAMS
    assert all(r.text.endswith("data: [DONE]\n\n") for r in responses)


@pytest.mark.any_picker
def test_streams_multiplexed_on_one_http2_connection(stack):
    async def run():
        connection = await connect("2", stack.port)
        try:
            return await asyncio.gather(*(
                connection.request("POST", CHAT, headers={**JSON, "x-test-tokens": "20"},
                                   body=chat(f"n {n}", stream=True)) for n in range(300)))
        finally:
            await connection.close()
    responses = stack.loop.run(run())
    assert [r.status for r in responses] == [200] * 300
    assert all(r.text.count("data: ") == 22 for r in responses)


@pytest.fixture
def fast_simulator(tmp_path):
    # A hundredth of the time a real engine takes.
    simulator = Simulator(tmp_path / "simulator", 4, ("--model", "m", "--time-scale", "0.01"))
    yield simulator
    simulator.stop()


@pytest.mark.timeout(420)
@pytest.mark.parametrize("bootstrap", ("full-duplex", "request-only"))
def test_100000_requests_over_one_connection(make_stack, fast_simulator, tmp_path, bootstrap):
    # One Envoy worker has one connection to the daemon; the client has one too.
    stack = make_stack(bootstrap, endpoints=fast_simulator.endpoints, workers=1)
    request = tmp_path / "body"
    request.write_bytes(chat("How are you?", max_tokens=2))

    def send(count):
        done = subprocess.run([
            "h2load", "-n", str(count), "-c", "1", "-m", "32", "-d", request, "-H",
            "content-type: application/json", f"http://127.0.0.1:{stack.port}{CHAT}"],
            capture_output=True, text=True, timeout=400)
        assert f"{count} succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
        assert re.search(rf"status codes: {count} 2xx, 0 3xx, 0 4xx, 0 5xx", done.stdout), done.stdout
    send(20_000)
    warm = stack.daemon.rss_kib()
    send(80_000)
    # Nothing is kept per request: 80,000 of them at 50 bytes each would already be 4 MB.
    assert stack.daemon.rss_kib() - warm < 3000
    # None of Envoy's connections to the daemon was lost or given up. (With the observer there are
    # some more than one: its streams linger, and Envoy puts 1,024 on a connection.)
    assert stack.envoy.stats("cluster.picker.").get("cluster.picker.upstream_cx_destroy", 0) == 0
