"""Request-only with the observing filter: the pick's stream has gone, and still the daemon knows what
became of each request."""

import uuid

import pytest
from harness.clients import connect
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until


@pytest.fixture(scope="module")
def observed(request, loop):
    from conftest import Stack, _directory
    made = Stack(loop, "request-only", _directory("observer"))
    yield made
    made.close()


def sent(stack, tokens=4, **fields):
    request_id = uuid.uuid4().hex
    headers = {**JSON, "x-request-id": request_id, "x-test-tokens": str(tokens)}
    response, seen = stack.send("1.1", "POST", CHAT, headers, body=chat(**fields))
    assert response.status == 200
    return request_id, seen[0].server


@pytest.mark.parametrize("stream", (False, True), ids=("plain", "stream"))
def test_usage_and_served_endpoint_are_known(observed, stream):
    request_id, server = sent(observed, tokens=6, stream=stream)
    outcome = observed.daemon.outcome(request_id)
    assert outcome["state"] == "served"
    assert outcome["httpStatus"] == 200
    assert outcome["servedEndpoint"] == server
    assert (outcome["promptTokens"], outcome["cachedTokens"], outcome["completionTokens"]) == (11, 7, 6)
    assert 0 < outcome["ttftUs"] <= outcome["durationUs"]


def test_usage_is_counted_once_in_metrics(observed):
    def completion_tokens():
        samples = observed.daemon.metrics()
        return sum(v for _, v in samples.get("inferenced_completion_tokens_sum", []))
    before = completion_tokens()
    ids = [sent(observed, tokens=5, stream=n % 2 == 0)[0] for n in range(20)]
    for request_id in ids:
        observed.daemon.outcome(request_id)
    wait_until(lambda: completion_tokens() >= before + 100, "usage is counted")
    assert completion_tokens() == before + 100


def test_in_flight_is_right_while_and_after_streaming(observed):
    wait_until(lambda: observed.daemon.in_flight() == 0, "nothing in flight")

    async def begin(count):
        streams = []
        for n in range(count):
            connection = await connect("1.1", observed.port)
            streams.append(await connection.start(
                "POST", CHAT, body=chat(f"n {n}", stream=True),
                headers={**JSON, "x-test-tokens": "3", "x-test-gate": "yes"}))
        return streams
    streams = observed.loop.run(begin(12))
    listed = observed.daemon.listed()
    assert {name: e["inFlight"]["value"] for name, e in listed.items()} == {
        server.name: server.in_flight for server in observed.servers}
    assert observed.daemon.in_flight() == 12
    for server in observed.servers:
        server.open_gate()
    for stream in streams:
        assert observed.loop.run(stream.finish()).text.endswith("data: [DONE]\n\n")
    wait_until(lambda: observed.daemon.in_flight() == 0, "nothing in flight")


def test_in_flight_ends_when_a_client_leaves(observed):
    async def run():
        connection = await connect("1.1", observed.port)
        stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
            **JSON, "x-test-tokens": "1000", "x-test-delay-ms": "20"})
        await stream.next_chunk()
        return stream
    stream = observed.loop.run(run())
    wait_until(lambda: observed.daemon.in_flight() == 1, "one in flight")
    observed.loop.run(stream.leave())
    wait_until(lambda: observed.daemon.in_flight() == 0, "nothing in flight")
