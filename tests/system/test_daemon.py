"""The daemon behind a real Envoy: what it picks and why, what it refuses, what it follows."""

import json
import math
import uuid

import pytest
import yaml
from harness.daemon import POOL, endpoints_manifest, pool_manifest, write_manifests
from harness.openai import CHAT, JSON, chat
from harness.process import http_get, wait_until


def post(stack, body, path=CHAT, **headers):
    return stack.request("1.1", "POST", path, headers={**JSON, **headers}, body=body)


# --- refusals ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("body", [
    b"{", b"[1]", b'{"messages": []}', b'{"model": 7, "messages": []}',
    b'{"model": "m", "messages": "text"}',
    b'{"model": "m", "messages": [{"role": "user", "content": "\xff"}]}',
    b'{"model": "m", "messages": ' + b"[" * 1000 + b"]" * 1000 + b"}",
], ids=["cut", "array", "no-model", "model-number", "messages-text", "utf8", "deep"])
def test_bad_body_is_400_in_openai_form(stack, body):
    response = post(stack, body)
    assert response.status == 400
    assert response.headers["content-type"].startswith("application/json")
    error = json.loads(response.text)["error"]
    assert error["message"] and error["type"]
    # The connection and everybody else are none the worse for it.
    assert post(stack, chat()).status == 200


def test_request_without_a_body_is_the_model_servers_to_judge(stack):
    response, seen = stack.send("1.1", "POST", CHAT, JSON)
    assert response.status == 200
    assert seen[0].length == 0


def test_body_over_the_limit_is_413(make_stack):
    stack = make_stack(config={"limits": {"maxBodyBytes": "100Ki"}})
    assert post(stack, chat("x" * 90_000)).status == 200
    for version in ("1.1", "2"):
        response = stack.request(version, "POST", CHAT, headers=JSON, body=chat("x" * 300_000))
        assert response.status == 413
    assert sum(len(s.seen) for s in stack.servers) == 1


def test_twenty_megabytes(full_duplex):
    response, seen = full_duplex.send("1.1", "POST", CHAT, JSON, body=chat("x" * 20_000_000))
    assert response.status == 200
    assert seen[0].length == len(chat("x" * 20_000_000))


# --- the pick ---------------------------------------------------------------------------------------

def test_least_loaded_server_gets_the_requests(make_stack):
    stack = make_stack()
    for server, waiting in zip(stack.servers, (9, 0, 5)):
        server.waiting, server.kv_usage = waiting, waiting / 10
    daemon = stack.daemon
    wait_until(lambda: [daemon.listed()[s.name]["waiting"]["value"] for s in stack.servers] == [9, 0, 5],
               "the pages are scraped")
    assert all(post(stack, chat(f"n {n}")).headers["x-served-by"] == "server-1" for n in range(5))


def test_equal_servers_get_equal_shares(full_duplex):
    # The servers' pages never change and the prompts have nothing in common: every pick is a draw.
    # The bound is six standard deviations; without a fault one run in a hundred million fails.
    before = {s.name: len(s.seen) for s in full_duplex.servers}
    requests, servers = 400, len(before)
    for _ in range(requests):
        assert post(full_duplex, chat(uuid.uuid4().hex * 40)).status == 200
    shares = {s.name: len(s.seen) - before[s.name] for s in full_duplex.servers}
    deviation = math.sqrt(requests * (servers - 1)) / servers
    assert all(abs(n - requests / servers) < 6 * deviation for n in shares.values()), shares


def test_equal_prefix_goes_to_the_same_server(full_duplex):
    rules = "You answer briefly. " * 400
    first = post(full_duplex, chat(rules + "one")).headers["x-served-by"]
    for n in range(10):
        assert post(full_duplex, chat(rules + f"question {n}")).headers["x-served-by"] == first


def test_burst_between_two_scrapes_does_not_herd(make_stack):
    from harness.clients import connect
    stack = make_stack(config={"scrape": {"interval": "5s", "timeout": "500ms", "staleAfter": "30s"}})
    # The first pages come at random moments of the first interval; an unknown server is none to herd to.
    wait_until(lambda: all(e["state"] == "Ready" for e in stack.daemon.listed().values()), "all pages read")

    async def burst():
        import asyncio

        async def one(n):
            connection = await connect("1.1", stack.port)
            response = await connection.request("POST", CHAT, body=chat(f"{uuid.uuid4()} {n}"), headers={
                **JSON, "x-test-tokens": "10", "x-test-delay-ms": "50"})
            await connection.close()
            return response.headers["x-served-by"]
        return await asyncio.gather(*(one(n) for n in range(60)))
    served = stack.loop.run(burst())
    counts = [served.count(s.name) for s in stack.servers]
    assert min(counts) >= 12, counts  # 20 each would be even


# --- why --------------------------------------------------------------------------------------------

def test_why_tells_of_a_served_request(full_duplex):
    request_id = uuid.uuid4().hex
    response = post(full_duplex, chat("why me"), **{"x-request-id": request_id, "x-test-tokens": "9"})
    outcome = full_duplex.daemon.outcome(request_id)
    why = full_duplex.daemon.why(request_id)
    assert why["pool"] == POOL
    assert why["model"] == "m"
    assert why["picked"]["endpoint"] == response.headers["x-served-by"]
    assert {c["endpoint"] for c in why["candidates"]} == set(full_duplex.endpoints)
    assert why["considered"] == 3
    assert outcome["state"] == "served"
    assert outcome["completionTokens"] == 9
    assert outcome["cachedTokens"] == 7


def test_why_of_a_refused_request_says_what_the_client_was_told(full_duplex):
    """A body that could not be read: refused before any pick."""
    for body, told in (('{"model": "x", ', "field name"), ('{"messages": []}', "messages"),
                       ('{"messages": [{"role": "user", "content": "x"}]}', "model")):
        request_id = f"refused-{uuid.uuid4()}"
        response = full_duplex.request("1.1", "POST", CHAT, headers={**JSON, "x-request-id": request_id},
                                       body=body.encode())
        assert response.status == 400
        message = json.loads(response.text)["error"]["message"]
        refusal = full_duplex.daemon.why(request_id)["refusal"]
        assert refusal["reason"] == "BadRequest"
        assert refusal["httpStatus"] == 400
        assert refusal["message"] and message.startswith(refusal["message"])
        assert told in message
        assert refusal["message"] in full_duplex.daemon.ctl("why", request_id)


def test_why_of_an_unknown_request_is_no(full_duplex):
    full_duplex.daemon.ctl("why", "never-sent", expect=1)


def test_dry_run_agrees_with_the_real_pick(make_stack):
    stack = make_stack()
    for server, waiting in zip(stack.servers, (9, 9, 0)):
        server.waiting = waiting
    wait_until(lambda: stack.daemon.listed()["server-2"]["waiting"]["value"] == 0 and
               stack.daemon.listed()["server-0"]["waiting"]["value"] == 9, "the pages are scraped")
    pick = stack.daemon.ctl_json("pick", "--model", "m", "--prompt", "hello")["item"]
    assert pick["picked"]["endpoint"] == "server-2"
    assert post(stack, chat()).headers["x-served-by"] == "server-2"
    assert stack.daemon.listed()["server-2"]["picks"] == 1  # the dry run isn't one


# --- telemetry --------------------------------------------------------------------------------------

def test_requests_are_counted_by_pool_model_and_outcome(make_stack):
    stack = make_stack()
    for n in range(7):
        post(stack, chat(f"n {n}"))
    post(stack, b"{")

    def counted():
        samples = stack.daemon.metrics().get("inferenced_requests_total", [])
        return sum(v for labels, v in samples if labels.get("pool") == POOL)
    wait_until(lambda: counted() >= 7, "seven requests are counted")
    assert http_get(f"{stack.daemon.http}/healthz")[0] == 200


def test_no_prompt_in_any_log(make_stack):
    stack = make_stack()
    secret = "SECRET" + uuid.uuid4().hex
    post(stack, chat(secret))
    post(stack, b'{"model": "m", "messages": "' + secret.encode())
    post(stack, b'{"model": "' + secret.encode() + b'\xff"}')
    stack.daemon.stop()
    assert secret not in stack.daemon.process.log.read_text(errors="replace")


# --- configuration follows its files ----------------------------------------------------------------

def test_new_endpoint_is_used_without_a_restart(make_stack):
    stack = make_stack()
    kept = {"server-1": stack.endpoints["server-1"]}
    stack.daemon.set_endpoints(kept)
    wait_until(lambda: set(stack.daemon.listed()) == set(kept), "two endpoints are gone")
    assert {post(stack, chat(f"n {n}")).headers["x-served-by"] for n in range(6)} == {"server-1"}
    stack.daemon.set_endpoints(stack.endpoints)
    wait_until(lambda: len(stack.daemon.listed()) == 3, "they are back")
    wait_until(lambda: post(stack, chat(uuid.uuid4().hex)).headers["x-served-by"] != "server-1",
               "another one serves")


def test_bad_file_keeps_the_last_good_state_and_says_where(make_stack):
    stack = make_stack()
    path = stack.daemon.manifests / "endpoints.yaml"
    good = path.read_text()
    bad = endpoints_manifest(stack.endpoints)
    bad["spec"]["endpoints"][1]["adress"] = "127.0.0.1"
    text = yaml.safe_dump(bad, sort_keys=False)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "adress" in row)
    path.write_text(text)

    def diagnostics():
        return stack.daemon.ctl_json("status")["item"]["config"]["diagnostics"]
    found = wait_until(diagnostics, "the fault is reported")
    assert any(f"endpoints.yaml" in json.dumps(d) and f"{line}" in json.dumps(d) for d in found), found
    assert f"endpoints.yaml:{line}:" in stack.daemon.process.log.read_text()
    assert len(stack.daemon.listed()) == 3
    assert post(stack, chat()).status == 200
    path.write_text(good)
    wait_until(lambda: not diagnostics(), "all is well again")


def test_changes_under_load_lose_nothing(make_stack):
    from test_restart import Load
    stack = make_stack()
    load = Load(stack, clients=6)
    try:
        for n in range(10):
            names = sorted(stack.endpoints)
            names.remove(names[n % 3])
            stack.daemon.set_endpoints({name: stack.endpoints[name] for name in names})
            wait_until(lambda: set(stack.daemon.listed()) == set(names), "the change is in")
            load.wait_for(30)
    finally:
        load.stop()
    assert load.failures == []


def test_kind_that_nothing_acts_on_is_refused_by_name(make_stack):
    stack = make_stack()
    path = stack.daemon.manifests / "extra.yaml"
    path.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    wait_until(lambda: "ConfigMap" in stack.daemon.process.log.read_text(), "the log names the kind")
    assert "extra.yaml:2:" in stack.daemon.process.log.read_text()
    assert post(stack, chat()).status == 200


def test_folder_that_is_swapped_by_symlink_as_kubelet_does(make_stack):
    stack = make_stack()
    folder = stack.directory / "configmap"
    (folder / "..v1").mkdir(parents=True)
    write_manifests(folder / "..v1" / "all.yaml", pool_manifest(), endpoints_manifest(
        {"server-0": stack.endpoints["server-0"]}))
    (folder / "..data").symlink_to("..v1")
    (folder / "all.yaml").symlink_to("..data/all.yaml")
    from harness.daemon import Daemon
    other = Daemon(stack.directory / "second", {}, config={"manifests": [str(folder)]})
    try:
        assert set(other.listed()) == {"server-0"}
        (folder / "..v2").mkdir()
        write_manifests(folder / "..v2" / "all.yaml", pool_manifest(), endpoints_manifest(
            {"server-1": stack.endpoints["server-1"]}))
        (folder / "..fresh").symlink_to("..v2")
        (folder / "..fresh").rename(folder / "..data")
        wait_until(lambda: set(other.listed()) == {"server-1"}, "the new folder is read")
    finally:
        other.stop()
