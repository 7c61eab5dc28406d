"""Servers whose metrics look well while requests fail there: the gateway tells."""

import contextlib
import socket
import uuid

import pytest
from harness import envoy
from harness.clients import connect
from harness.daemon import pool_manifest, write_manifests
from harness.model_server import ModelServer
from harness.openai import CHAT, JSON, chat
from harness.process import free_port, wait_until


def no_retries(bootstrap):
    for host in envoy.connection_manager(bootstrap)["route_config"]["virtual_hosts"]:
        for route in host["routes"]:
            route["route"].pop("retry_policy", None)


def one_request(stack):
    """Its status, and which server was picked for it."""
    request_id = str(uuid.uuid4())
    answer = stack.request("1.1", "POST", CHAT, headers={**JSON, "x-request-id": request_id}, body=chat(request_id))
    return answer.status, stack.daemon.why(request_id)["picked"]["endpoint"]


def listed(stack, name):
    return stack.daemon.listed()[name]


def make_others_worse(stack, best):
    """All requests go to one server then: what chance did before its neighbours' pages came is no proof."""
    others = [server for server in stack.servers if server is not best]
    for server in others:
        server.waiting = 50
    wait_until(lambda: all(listed(stack, s.name)["waiting"]["value"] == 50 for s in others), "they are scraped")
    wait_until(lambda: one_request(stack) == (200, best.name), "the best server is picked")


@pytest.mark.parametrize("bootstrap", ["full-duplex", "request-only"])
def test_resets_eject_a_scraped_server_until_it_answers(make_stack, bootstrap):
    stack = make_stack(bootstrap, edit=no_retries, config={"pools": {"llm/chat": {"responseTracking": "auto"}}})
    victim = stack.servers[0]
    make_others_worse(stack, victim)
    victim.mode = "reset"
    failed = 0
    while listed(stack, victim.name)["state"] != "Ejected":
        status, picked = one_request(stack)
        assert (status, picked) == (503, victim.name)
        failed += 1
        assert failed <= 6, "the resets are not seen"
    assert "gateway reports" in stack.daemon.ctl("get", "endpoints", victim.name)
    # Scrapes go on, well, and do not bring it back at once; others serve meanwhile.
    before = victim.scrapes
    wait_until(lambda: victim.scrapes >= before + 3, "it is scraped")
    assert listed(stack, victim.name)["state"] in ("Ejected", "HalfOpen")
    victim.mode = "ok"
    # A second later it is tried, and answers.
    wait_until(lambda: one_request(stack) == (200, victim.name), "the server is tried again")
    # An observing filter may tell a moment later than the client has its answer.
    wait_until(lambda: listed(stack, victim.name)["state"] == "Ready", "its answer is seen")


@pytest.mark.parametrize("bootstrap", ["full-duplex", "request-only"])
def test_server_errors_eject_and_one_request_tries_again(make_stack, bootstrap):
    # Long enough for all that is looked at meanwhile.
    outliers = {"consecutive5xx": 3, "baseEjectionTime": "3s", "maxEjectionTime": "3s"}
    stack = make_stack(bootstrap, edit=no_retries,
                       config={"pools": {"llm/chat": {"outlierDetection": outliers}}})
    victim = stack.servers[0]
    make_others_worse(stack, victim)
    victim.mode = "error"
    answers = [one_request(stack) for _ in range(3)]
    assert answers == [(500, victim.name)] * 3, "a server's own errors are passed on"
    wait_until(lambda: listed(stack, victim.name)["state"] == "Ejected", "it is ejected")
    note = "ejected: the gateway reports that its answers are server errors (status 5xx)"
    assert note in stack.daemon.ctl("get", "endpoints", victim.name)
    item = listed(stack, victim.name)
    assert item["ejection"]["note"] == note
    assert item["ejection"]["count"] == 1
    assert note in stack.daemon.ctl("pick", "--model", "m"), "a pick says why it is left out"
    described = stack.daemon.ctl("describe", "endpoint", victim.name)
    assert note in described and "; ejected once\n" in described
    others = len(stack.servers) - 1
    states = {labels["state"]: value
              for labels, value in stack.daemon.metrics()["inferenced_pool_endpoints"]}
    assert (states["ejected"], states["ready"], states["unreachable"]) == (1, others, 0)
    for counts in (stack.daemon.ctl_json("status")["item"]["endpoints"],
                   stack.daemon.ctl_json("get", "pools")["items"][0]["endpoints"]):
        # bug: ejected endpoints were in no count but the total
        assert (counts["ejected"], counts["ready"], counts["total"]) == (1, others, others + 1)
    assert f"{others} ready, 1 ejected" in stack.daemon.ctl("status")

    # Half open it gets one request at a time, however many come: all others are served.
    seen = len(victim.seen)
    wait_until(lambda: listed(stack, victim.name)["state"] == "HalfOpen", "its time is over")
    answers = [one_request(stack) for _ in range(10)]
    assert len(victim.seen) == seen + 1
    assert sorted(answers).count((500, victim.name)) == 1
    assert sum(status == 200 for status, _ in answers) == 9
    wait_until(lambda: listed(stack, victim.name)["ejection"]["count"] == 2, "it is ejected again")

    victim.mode = "ok"
    wait_until(lambda: one_request(stack) == (200, victim.name), "the trial is answered")
    wait_until(lambda: listed(stack, victim.name)["state"] == "Ready", "it is back")
    kinds = [e["event"] for e in stack.daemon.ctl_json("events", victim.name)["items"]]
    assert kinds == ["Ejected", "Ejected", "Readmitted"]
    ejections = {labels["endpoint"]: value
                 for labels, value in stack.daemon.metrics()["inferenced_endpoint_ejections_total"]}
    assert ejections[victim.name] == 2


def test_what_waits_for_an_ejected_server_says_so(make_stack, tmp_path):
    # bug: it said that the server wasn't scraped yet
    outliers = {"consecutive5xx": 1, "baseEjectionTime": "60s", "maxEjectionTime": "60s"}
    stack = make_stack("full-duplex", edit=no_retries,
                       config={"pools": {"llm/chat": {"outlierDetection": outliers}}})
    for server in stack.servers:
        server.mode = "error"
    _, name = one_request(stack)
    wait_until(lambda: listed(stack, name)["state"] == "Ejected", "it is ejected")
    write_manifests(tmp_path / "two.yaml", pool_manifest("two"))
    waited = stack.daemon.ctl_json("apply", "-f", str(tmp_path / "two.yaml"), "--wait", "--timeout", "300ms",
                                   expect=5)
    message = f"endpoint {name} of llm/two is ejected: the gateway reports that its answers are server errors"
    assert message in waited["wait"]["message"]


def test_when_all_fail_they_are_used_all_the_same(make_stack):
    stack = make_stack("full-duplex", edit=no_retries)
    for server in stack.servers:
        server.mode = "error"
    for _ in range(40):
        assert one_request(stack)[0] == 500
    # Half of three, rounded down: errors alone never empty a pool.
    states = [e["state"] for e in stack.daemon.listed().values()]
    assert sum(state in ("Ejected", "HalfOpen") for state in states) == 1


def test_clients_that_leave_do_not_count_against_a_server(make_stack):
    stack = make_stack("full-duplex")

    async def leave():
        for _ in range(5):
            connection = await connect("1.1", stack.port)
            stream = await connection.start("POST", CHAT, body=chat(stream=True), headers={
                **JSON, "x-test-tokens": "1000", "x-test-delay-ms": "20"})
            await stream.next_chunk()
            await stream.leave()
            await connection.close()
    stack.loop.run(leave())
    assert one_request(stack)[0] == 200
    assert {e["state"] for e in stack.daemon.listed().values()} == {"Ready"}


@contextlib.contextmanager
def refusing():
    """A port where nobody listens."""
    yield free_port()


@contextlib.contextmanager
def silent():
    """A port whose queue of connections is full: the kernel answers no more."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        while True:
            client = sockets.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(listener.getsockname())
            except TimeoutError:
                break
        yield listener.getsockname()[1]


@pytest.mark.parametrize("port, fault", [(refusing, "connections fail"), (silent, "connections time out")])
def test_a_server_that_takes_no_connections_is_ejected_though_its_metrics_are_well(
        make_stack, loop, port, fault):
    def edit(bootstrap):
        no_retries(bootstrap)
        for cluster in bootstrap["static_resources"]["clusters"]:
            cluster["connect_timeout"] = "0.3s"

    good = ModelServer(loop, "good")
    with port() as bad:
        stack = make_stack("full-duplex", edit=edit,
                           endpoints={"good": good.address, "bad": f"127.0.0.1:{bad}"},
                           config={"scrape": {"port": good.port}, "pools": {"llm/chat": {
                               "outlierDetection": {"baseEjectionTime": "10s"}}}})
        wait_until(lambda: {e["state"] for e in stack.daemon.listed().values()} == {"Ready"},
                   "both are scraped")
        for _ in range(40):
            status, picked = one_request(stack)
            assert status == (200 if picked == "good" else 503)
            if listed(stack, "bad")["state"] == "Ejected":
                break
        assert listed(stack, "bad")["ejection"]["note"] == f"ejected: the gateway reports that {fault}"
        assert [one_request(stack) for _ in range(3)] == [(200, "good")] * 3
        stack.close()
    good.die()
