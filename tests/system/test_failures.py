"""What a client sees when a part is gone, hangs or is slow: an answer in bounded time, never the
wrong one, and nobody else is harmed."""

import asyncio
import json
import signal
import time
import uuid

import pytest
from harness import envoy
from harness.clients import VERSIONS, connect
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until
from harness.simulator import Simulator

MIB = 1 << 20
FULL_DUPLEX_PICK = ("full-duplex", "request-only")


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def statuses(stack, count, **arguments):
    return [stack.request("1.1", "POST", CHAT, headers=JSON, body=chat(f"n {n}"), **arguments).status
            for n in range(count)]


# --- the client leaves ------------------------------------------------------------------------------

@pytest.mark.any_picker
def test_client_leaves_in_the_middle_of_a_stream(stack, version):
    async def run():
        connection = await connect(version, stack.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-tokens": "1000", "x-test-delay-ms": "20"})
        for _ in range(3):
            await stream.next_chunk()
        await stream.leave()
        await connection.close()
    before = sum(s.cancelled for s in stack.servers)
    stack.loop.run(run())
    # The model server learns of it: nobody computes tokens for a client that is gone.
    wait_until(lambda: sum(s.cancelled for s in stack.servers) == before + 1, "the answer is cancelled")
    assert statuses(stack, 3) == [200] * 3


@pytest.mark.any_picker
def test_client_leaves_in_the_middle_of_its_request(stack, version):
    async def run():
        for _ in range(20):
            connection = await connect(version, stack.port)
            stream = await connection.start("POST", CHAT, headers=JSON, end=False,
                                            pieces=[chat("z" * 100_000)[:-10]])
            await stream.leave()
            await connection.close()
    seen = sum(len(s.seen) for s in stack.servers)
    stack.loop.run(run())
    assert statuses(stack, 3) == [200] * 3
    assert sum(len(s.seen) for s in stack.servers) == seen + 3


# --- the picker -------------------------------------------------------------------------------------

@pytest.mark.any_picker
@pytest.mark.parametrize("bootstrap", FULL_DUPLEX_PICK)
def test_picker_down_is_503_at_once_and_heals(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    stack.picker.process.kill()
    began = time.monotonic()
    assert statuses(stack, 2) == [503] * 2
    assert stack.request("1.1", "GET", "/v1/models").status == 503
    assert time.monotonic() - began < 5
    stack.envoy.wait_for_picker(healthy=False)
    assert statuses(stack, 2) == [503] * 2
    assert sum(len(s.seen) for s in stack.servers) == 0
    stack.restart_picker()
    assert statuses(stack, 5) == [200] * 5


@pytest.mark.any_picker
def test_buffered_picker_down_fails_open(make_stack):
    stack = make_stack("buffered")
    stack.picker.process.kill()
    assert statuses(stack, 6) == [200] * 6
    stack.envoy.wait_for_picker(healthy=False)
    assert statuses(stack, 6) == [200] * 6
    assert all(len(s.seen) >= 2 for s in stack.servers)  # round robin
    # Fail-open isn't a way in: the client's own destination is gone all the same.
    _, seen = stack.send("1.1", "POST", CHAT, {
        **JSON, "x-gateway-destination-endpoint": stack.servers[0].address}, body=chat())
    assert "x-gateway-destination-endpoint" not in seen[0].headers
    stack.restart_picker()
    assert statuses(stack, 5) == [200] * 5


@pytest.mark.any_picker
@pytest.mark.parametrize("bootstrap", FULL_DUPLEX_PICK)
def test_hung_picker_is_503_by_keepalive(make_stack, bootstrap):
    def quick_keepalive(bootstrap):
        envoy.picker_http2(bootstrap)["connection_keepalive"] = {"interval": "0.5s", "timeout": "0.5s"}
    stack = make_stack(bootstrap, edit=quick_keepalive, workers=1)
    assert statuses(stack, 1) == [200]
    stack.picker.process.freeze()
    try:
        began = time.monotonic()
        assert statuses(stack, 1, timeout=20) == [503]
        assert time.monotonic() - began < 5
    finally:
        stack.picker.process.signal(signal.SIGCONT)
    stack.envoy.wait_for_picker()
    wait_until(lambda: statuses(stack, 1) == [200], "requests pass again")


@pytest.mark.any_picker
def test_buffered_hung_picker_fails_open_after_message_timeout(make_stack):
    def quick_timeout(bootstrap):
        pick = envoy.ext_proc_filters(bootstrap)[0]["typed_config"]
        assert pick["message_timeout"] == "10s"
        pick["message_timeout"] = "1s"
    stack = make_stack("buffered", edit=quick_timeout)
    stack.picker.process.freeze()
    try:
        began = time.monotonic()
        assert statuses(stack, 1) == [200]
        assert 0.9 < time.monotonic() - began < 5
    finally:
        stack.picker.process.signal(signal.SIGCONT)


@pytest.mark.any_picker
def test_request_only_answers_survive_the_end_of_the_picker(make_stack):
    stack = make_stack("request-only")

    async def run():
        connection = await connect("1.1", stack.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-tokens": "5", "x-test-gate": "yes"})
        await stream.next_chunk()
        stack.picker.process.kill()
        for server in stack.servers:
            server.open_gate()
        return await stream.finish()
    assert stack.loop.run(run()).text.endswith("data: [DONE]\n\n")


# --- flow control -----------------------------------------------------------------------------------

@pytest.mark.any_picker
@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_small_windows_between_envoy_and_picker(make_stack, version, bootstrap):
    def small(bootstrap):
        envoy.picker_http2(bootstrap).update(
            initial_stream_window_size=65536, initial_connection_window_size=65536)
    stack = make_stack(bootstrap, edit=small)
    body = chat("x" * (5 * MIB))
    response, seen = stack.send(version, "POST", CHAT, {
        **JSON, "x-test-answer-bytes": str(2 * MIB)}, body=body)
    assert response.status == 200
    assert seen[0].length == len(body)
    assert len(response.body) > 2 * MIB
    response, _ = stack.send(version, "POST", CHAT, {
        **JSON, "x-test-tokens": "2000"}, body=chat(stream=True))
    assert response.text.count("data: ") == 2002


@pytest.mark.any_picker
def test_slow_reader_gets_everything_and_harms_nobody(stack, version):
    async def run():
        slow = await connect(version, stack.port, receive_buffer=65536)
        stream = await slow.start("POST", CHAT, body=chat(), headers={
            **JSON, "x-test-answer-bytes": str(20 * MIB)})
        others = await connect(version, stack.port)
        worst = 0.0
        for n in range(30):
            began = time.monotonic()
            answer = await others.request("POST", CHAT, headers=JSON, body=chat(f"n {n}"))
            assert answer.status == 200
            worst = max(worst, time.monotonic() - began)
        response = await stream.finish()
        await slow.close()
        await others.close()
        return worst, response
    worst, response = stack.loop.run(run(), 60)
    assert len(json.loads(response.text)["choices"][0]["message"]["content"]) > 20 * MIB
    assert worst < 2


@pytest.mark.any_picker
def test_slow_writer_harms_nobody(stack, version):
    body = chat("w" * 200_000)
    others_done = asyncio.Event()

    async def dribble():
        yield body[:1000]
        yield body[1000:100_000]
        await others_done.wait()
        yield body[100_000:]

    async def run():
        slow = await connect(version, stack.port)
        upload = asyncio.ensure_future(slow.request("POST", CHAT, headers=JSON, pieces=dribble()))
        others = await connect(version, stack.port)
        for n in range(30):
            assert (await others.request("POST", CHAT, headers=JSON, body=chat(f"n {n}"))).status == 200
        assert not upload.done()
        others_done.set()
        response = await upload
        await slow.close()
        await others.close()
        return response
    assert stack.loop.run(run()).status == 200


# --- endpoints (the daemon's own judgement) ---------------------------------------------------------

def served_by_others(stack, victim, count):
    """True when `count` requests in a row were served, none of them by `victim`."""
    before = len(victim.seen)
    return statuses(stack, count) == [200] * count and len(victim.seen) == before


def make_attractive(stack, victim):
    """The victim's metrics page is the best of all, and the daemon has seen it."""
    for server in stack.servers:
        if server is not victim:
            server.waiting, server.kv_usage = 20, 0.9
    wait_until(lambda: statuses(stack, 1) == [200] and victim.seen, "the best server gets a request")


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_dead_endpoint_does_not_win_with_its_last_page(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    victim = stack.servers[1]
    make_attractive(stack, victim)
    victim.die()
    wait_until(lambda: served_by_others(stack, victim, 5), "the dead server is left alone", timeout=3)
    assert statuses(stack, 50) == [200] * 50
    victim.revive()
    count = len(victim.seen)
    wait_until(lambda: statuses(stack, 1) == [200] and len(victim.seen) > count,
               "the server that came back gets requests")


def test_hung_endpoint_does_not_win_with_its_last_page(make_stack):
    stack = make_stack()
    victim = stack.servers[1]
    make_attractive(stack, victim)
    victim.mode = "hang"
    # Its failed scrapes tell, after the scrape timeout of 500 ms each.
    wait_until(lambda: stack.daemon.listed()[victim.name]["state"] == "Unreachable",
               "the daemon notices", timeout=5)
    assert served_by_others(stack, victim, 30)


@pytest.fixture
def simulator(tmp_path):
    made = Simulator(tmp_path / "simulator", 4, ("--model", "m", "--time-scale", "0.01"))
    yield made
    made.stop()


def shares(stack, count):
    """How many of `count` requests of nothing in common each simulated server got."""
    shares = dict.fromkeys(stack.endpoints, 0)
    for _ in range(count):
        response = stack.request("1.1", "POST", CHAT, headers=JSON,
                                 body=chat(uuid.uuid4().hex * 40, max_tokens=2))
        assert response.status == 200
        shares[response.headers["x-inferencesim-instance"]] += 1
    return shares


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_hung_endpoint_loses_its_picks_within_two_seconds_and_gets_them_back(
        make_stack, simulator, bootstrap):
    stack = make_stack(bootstrap, endpoints=simulator.endpoints)
    # How even is asked elsewhere: a simulated server whose page was read while it was busy is passed
    # over until its page is read again, and a busy machine takes its time for that.
    wait_until(lambda: min(shares(stack, 40).values()) > 0, "every server gets requests")
    began = time.monotonic()
    simulator.fault("sim-1", hang=True)
    wait_until(lambda: stack.daemon.listed()["sim-1"]["state"] == "Unreachable", "the daemon notices")
    assert time.monotonic() - began < 2
    without = shares(stack, 20)
    assert without["sim-1"] == 0
    assert min(n for name, n in without.items() if name != "sim-1") > 0
    simulator.fault("sim-1")
    wait_until(lambda: shares(stack, 4)["sim-1"] > 0, "it gets requests again", timeout=5)
    wait_until(lambda: min(shares(stack, 40).values()) > 0, "every server gets requests")


def test_all_endpoints_dead_is_an_error_in_bounded_time(make_stack):
    stack = make_stack()
    for server in stack.servers:
        server.die()
    began = time.monotonic()
    assert set(statuses(stack, 3)) == {503}
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("bootstrap", envoy.NAMES)
def test_empty_pool_is_503_in_openai_form(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    stack.daemon.set_endpoints({})
    wait_until(lambda: statuses(stack, 1) == [503], "the pool is empty")
    response = stack.request("1.1", "POST", CHAT, headers=JSON, body=chat())
    assert response.headers["content-type"].startswith("application/json")
    assert json.loads(response.text)["error"]["message"]
    stack.daemon.set_endpoints(stack.endpoints)
    wait_until(lambda: statuses(stack, 1) == [200], "the endpoints are back")
