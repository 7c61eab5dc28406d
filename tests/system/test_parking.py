"""Requests that wait for a saturated pool, with real Envoy: nothing is lost, answered twice or left."""

import json
import time

import pytest
from harness.clients import connect
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until


def start(make_stack, bootstrap="full-duplex", **parking):
    return make_stack(bootstrap, config={"pools": {"llm/chat": {"parking": parking}}})


def load(stack, waiting):
    for server in stack.servers:
        server.waiting = waiting
    wait_until(lambda: all(e["waiting"]["value"] == waiting for e in stack.daemon.listed().values()),
               "the load is known")


def parked(stack):
    return stack.daemon.metrics()["inferenced_parked_requests"][0][1]


def send(stack, count):
    """Begins as many requests; their futures."""
    async def one():
        connection = await connect("1.1", stack.port)
        try:
            return await connection.request("POST", CHAT, headers=JSON, body=chat())
        finally:
            await connection.close()
    return [stack.loop.start(one()) for _ in range(count)]


def served(stack):
    return sum(len(server.seen) for server in stack.servers)


@pytest.mark.parametrize("bootstrap", ["full-duplex", "buffered"])
def test_requests_wait_until_there_is_room(make_stack, bootstrap):
    stack = start(make_stack, bootstrap, maxRequests=50, maxWait="30s")
    load(stack, 50)
    answers = send(stack, 30)
    wait_until(lambda: parked(stack) == 30, "all of them wait", on_failure=lambda: parked(stack))
    assert served(stack) == 0
    # A change of the configuration meanwhile costs nothing.
    before = stack.daemon.ctl_json("status")["item"]["config"]["generation"]
    stack.daemon.set_endpoints({**stack.endpoints, "more": stack.servers[0].address.replace(
        "127.0.0.1", "127.0.0.2")})
    wait_until(lambda: stack.daemon.ctl_json("status")["item"]["config"]["generation"] > before,
               "the change is in force")
    stack.daemon.set_endpoints(stack.endpoints)
    load(stack, 0)
    assert [a.result(30).status for a in answers] == [200] * 30
    assert served(stack) == 30 and parked(stack) == 0
    held = stack.daemon.metrics()["inferenced_held_body_bytes"][0][1]
    assert held == 0


def test_limits_refuse_what_is_too_many_and_too_long(make_stack):
    stack = start(make_stack, maxRequests=2, maxWait="2s")
    load(stack, 50)
    waiting = send(stack, 2)
    wait_until(lambda: parked(stack) == 2, "two wait")
    refused = send(stack, 1)[0].result(10)
    assert refused.status == 429
    assert refused.headers["x-llm-d-request-dropped-reason"] == "rejected-saturated"
    assert "too many requests wait" in json.loads(refused.text)["error"]["message"]
    begun = time.monotonic()
    for answer in (a.result(10) for a in waiting):
        assert answer.status == 429
        assert answer.headers["x-llm-d-request-dropped-reason"] == "rejected-ttl-expired"
    assert time.monotonic() - begun < 5
    assert served(stack) == 0 and parked(stack) == 0


def test_clients_that_leave_are_forgotten(make_stack):
    stack = start(make_stack, maxRequests=50, maxWait="60s")
    load(stack, 50)
    leaving = send(stack, 5)
    stays = send(stack, 1)[0]
    wait_until(lambda: parked(stack) == 6, "all wait")
    for request in leaving:
        request.cancel()  # closes its connection
    wait_until(lambda: parked(stack) == 1, "only one waits", on_failure=lambda: parked(stack))
    load(stack, 0)
    assert stays.result(20).status == 200
    assert served(stack) == 1


def test_without_the_setting_nobody_waits(make_stack):
    stack = make_stack("full-duplex")
    load(stack, 50)
    assert send(stack, 1)[0].result(10).status == 200


def test_a_kill_loses_only_what_waited(make_stack):
    """The next daemon starts with an empty line, and serves."""
    stack = start(make_stack, maxRequests=50, maxWait="60s")
    load(stack, 50)
    answers = send(stack, 3)
    wait_until(lambda: parked(stack) == 3, "all wait")
    stack.picker.process.kill()
    assert all(a.result(20).status >= 500 for a in answers)
    for server in stack.servers:
        server.waiting = 0
    stack.restart_picker()
    assert send(stack, 1)[0].result(10).status == 200
