"""Rules that act, with real Envoy: models renamed and given back, weights, priorities, blue-green."""

import asyncio
import collections
import json
import math
import re
import subprocess
import uuid

import pytest
from harness.clients import connect
from harness.daemon import endpoints_manifest, pool_manifest, program, write_manifests
from harness.model_server import ModelServer
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until


def rewrite(*targets, model="chat", name="chat", pool="chat"):
    """`targets`: (model, weight)."""
    rule = {"targets": [{"modelRewrite": to, "weight": weight} for to, weight in targets]}
    if model:
        rule["matches"] = [{"model": {"value": model}}]
    return {"apiVersion": "llm-d.ai/v1alpha2", "kind": "InferenceModelRewrite",
            "metadata": {"name": name, "namespace": "llm"},
            "spec": {"poolRef": {"name": pool}, "rules": [rule]}}


def objective(name, priority, pool="chat"):
    return {"apiVersion": "llm-d.ai/v1alpha2", "kind": "InferenceObjective",
            "metadata": {"name": name, "namespace": "llm"},
            "spec": {"poolRef": {"name": pool}, "priority": priority}}


def route(name="chat", **weights):
    backends = [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": pool,
                 "weight": weight} for pool, weight in weights.items()]
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "llm"},
            "spec": {"parentRefs": [{"name": "gateway"}], "rules": [{"backendRefs": backends}]}}


def set_rules(daemon, *documents):
    """Writes the rules and waits until they are in force."""
    before = daemon.ctl_json("status")["item"]["config"]["generation"]
    write_manifests(daemon.manifests / "rules.yaml", *documents)
    daemon.process.wait_until(
        lambda: daemon.ctl_json("status")["item"]["config"]["generation"] > before, "has the rules")


def within(count, of, share):
    """Is `count` within 4 sigma of what `share` gives? Once in 16,000 runs it isn't by chance."""
    return abs(count - of * share) <= 4 * math.sqrt(of * share * (1 - share)) + 1


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines()
            if line.startswith("data: ") and line != "data: [DONE]"]


def test_the_server_gets_the_target_and_the_client_its_own_name(make_stack):
    stack = make_stack("full-duplex")
    set_rules(stack.daemon, rewrite(("org/model-v1", 1)))
    body = chat("hello", model="chat", temperature=0.25)
    response, seen = stack.send("1.1", "POST", CHAT, headers=JSON, body=body)
    assert (response.status, seen[0].model) == (200, "org/model-v1")
    assert seen[0].length == len(body) + len("org/model-v1") - len("chat")
    assert json.loads(response.text)["model"] == "chat"
    response, seen = stack.send("1.1", "POST", CHAT, headers={**JSON, "x-test-tokens": "5"},
                                body=chat(model="chat", stream=True))
    assert seen[0].model == "org/model-v1"
    assert {event["model"] for event in events(response.text)} == {"chat"}
    assert "[DONE]" in response.text
    # Others stay as they are, byte for byte.
    response, seen = stack.send("1.1", "POST", CHAT, headers=JSON, body=chat(model="other"))
    assert (seen[0].model, seen[0].length) == ("other", len(chat(model="other")))
    assert json.loads(response.text)["model"] == "other"


@pytest.mark.parametrize("bootstrap", ["request-only", "buffered"])
def test_a_gateway_that_shows_no_answers_leaves_the_targets_name(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    set_rules(stack.daemon, rewrite(("v1", 1)))
    response, seen = stack.send("1.1", "POST", CHAT, headers=JSON, body=chat(model="chat"))
    assert (response.status, seen[0].model) == (200, "v1")
    assert json.loads(response.text)["model"] == "v1"


@pytest.mark.parametrize("bootstrap", ["full-duplex", "buffered"])
def test_large_bodies_are_renamed_too(make_stack, bootstrap):
    stack = make_stack(bootstrap)
    set_rules(stack.daemon, rewrite(("v" * 300, 1)))
    for size in (1_000, 100_000, 900_000):
        body = chat("p" * size, model="chat")
        response, seen = stack.send("2", "POST", CHAT, headers=JSON, body=body)
        assert response.status == 200
        assert seen[0].length == len(body) + 300 - len("chat")


def test_why_and_pick_tell_the_rule(make_stack):
    stack = make_stack("full-duplex")
    daemon = stack.daemon
    set_rules(daemon, rewrite(("v1", 3), ("v2", 1)), objective("batch", -5))
    request_id = uuid.uuid4().hex
    response, seen = stack.send("1.1", "POST", CHAT, body=chat(model="chat"), headers={
        **JSON, "x-request-id": request_id, "x-gateway-inference-objective": "batch"})
    assert response.status == 200
    why = daemon.why(request_id)
    assert (why["model"], why["targetModel"]) == ("chat", seen[0].model)
    assert why["modelRule"].startswith("InferenceModelRewrite llm/chat rule 0 (")
    assert (why["priority"], why["sheddable"]) == (-5, True)
    assert f"renamed   to {seen[0].model}, by InferenceModelRewrite" in daemon.ctl("why", request_id)
    picked = daemon.ctl_json("pick", "--model", "chat")["item"]
    assert picked["targetModel"] in ("v1", "v2")
    assert any("InferenceModelRewrite llm/chat rule 0 drew" in note for note in picked["notes"])


def test_a_low_priority_is_shed_while_the_servers_are_full(make_stack):
    stack = make_stack("full-duplex")
    set_rules(stack.daemon, objective("batch", -1), objective("live", 1))

    def ask(name):
        return stack.request("1.1", "POST", CHAT, body=chat(), headers={
            **JSON, "x-gateway-inference-objective": name})
    assert ask("batch").status == 200
    for server in stack.servers:
        server.waiting = 50
    refused = wait_until(lambda: (answer := ask("batch")).status == 429 and answer,
                         "requests of low priority are shed")
    assert refused.headers["x-llm-d-request-dropped-reason"] == "rejected-saturated"
    assert json.loads(refused.text)["error"]["type"] == "rate_limit_error"
    assert ask("live").status == ask("unknown").status == 200
    for server in stack.servers:
        server.waiting = 0
    wait_until(lambda: ask("batch").status == 200, "they are served again")


def test_priorities_that_clients_may_not_set_have_no_effect(make_stack):
    stack = make_stack("full-duplex", config={"trustPriorityHeaders": False})
    set_rules(stack.daemon, objective("batch", -1))
    for server in stack.servers:
        server.waiting = 50
    wait_until(lambda: all(e["waiting"]["value"] == 50 for e in stack.daemon.listed().values()),
               "the load is known")
    response, seen = stack.send("1.1", "POST", CHAT, body=chat(), headers={
        **JSON, "x-gateway-inference-objective": "batch"})
    assert response.status == 200
    assert "x-gateway-inference-objective" not in seen[0].headers


def many(stack, count, body):
    """`count` requests, eight at a time; fails on any that fails."""
    async def worker(share):
        connection = await connect("1.1", stack.port)
        answers = []
        try:
            for _ in range(share):
                stream = await connection.start("POST", CHAT, body=body, headers=JSON)
                answers.append(await stream.finish())
        finally:
            await connection.close()
        return answers

    async def all_of_them():
        return sum(await asyncio.gather(*(worker(count // 8) for _ in range(8))), [])
    answers = stack.loop.run(all_of_them(), 120)
    assert {answer.status for answer in answers} == {200}
    return answers


def test_weights_are_kept_and_counted(make_stack):
    stack = make_stack("full-duplex")
    for weights in ({"v1": 90, "v2": 10}, {"v1": 50, "v2": 50}, {"v2": 7}):
        set_rules(stack.daemon, rewrite(*weights.items()))
        for server in stack.servers:
            server.seen.clear()
        answers = many(stack, 800, chat(model="chat"))
        assert all(json.loads(answer.text)["model"] == "chat" for answer in answers)
        seen = collections.Counter(s.model for server in stack.servers for s in server.seen)
        assert sum(seen.values()) == 800 and set(seen) == set(weights)
        counted = {labels["target"]: value for labels, value in
                   stack.daemon.metrics()["inferenced_split_requests_total"]}
        assert all(counted[target] >= seen[target] for target in weights)
        for target, weight in weights.items():
            assert within(seen[target], 800, weight / sum(weights.values())), seen


def row(text, target):
    """The cells of a target's line in what describe prints."""
    return next(re.split(r"\s{2,}", line.strip()) for line in text.splitlines()
                if line.startswith(target + " "))


def test_describe_tells_weights_and_what_came_of_them(make_stack):
    stack = make_stack("full-duplex")
    daemon = stack.daemon
    two_rules = rewrite(("v1", 3), ("v2", 1))
    two_rules["spec"]["rules"].append(
        {"matches": [{"model": {"value": "a"}}, {"model": {"value": "b"}}],
         "targets": [{"modelRewrite": "w"}]})
    namesake = rewrite(("elsewhere", 1))
    namesake["metadata"]["namespace"] = "two"
    set_rules(daemon, two_rules, pool_manifest(namespace="two"), namesake, route(chat=2))
    before = daemon.ctl("describe", "rewrite", "llm/chat")
    assert row(before, "v1") == ["v1", "3", "75.0 %", "-", "0", "0"]
    assert "0 requests since " in before

    many(stack, 40, chat(model="chat"))
    sent = collections.Counter(s.model for server in stack.servers for s in server.seen)
    out = daemon.ctl("describe", "rewrite", "llm/chat")
    assert out.startswith("rewrite     llm/chat\nkind        InferenceModelRewrite\ndefined in  ")
    assert re.search(r"defined in  .*/rules\.yaml:1:1\n", out)
    assert "pool        llm/chat\n" in out
    for target, weight in (("v1", 3), ("v2", 1)):
        count = str(sent[target])
        assert row(out, target) == [target, str(weight), f"{weight * 25:.1f} %",
                                    f"{sent[target] / 40 * 100:.1f} %", count, count]
    assert row(out, "w") == ["w", "-", "100.0 %", "-", "0", "0"]
    first, second = out.index("rule 0      model chat\n"), out.index("rule 1      model a or b\n")
    assert first < second
    assert re.search(r"\n40 requests since \S+Z, when these weights came; check with inferencectl traffic "
                     r"verify rewrite/llm/chat:0\n", out)
    assert "elsewhere" not in out
    assert "elsewhere" in daemon.ctl("describe", "rewrite", "chat", "-n", "two")

    # Other weights begin to count anew; in all it goes on.
    set_rules(daemon, rewrite(("v1", 1), ("v2", 1)), route(chat=2))
    many(stack, 8, chat(model="chat"))
    later = collections.Counter(s.model for server in stack.servers for s in server.seen)
    out = daemon.ctl("describe", "rewrite", "llm/chat")
    for target in ("v1", "v2"):
        since = later[target] - sent[target]
        assert row(out, target) == [target, "1", "50.0 %", f"{since / 8 * 100:.1f} %", str(since),
                                    str(later[target])]
    assert "\n8 requests since " in out


def test_describe_of_routes_and_models_and_of_what_is_not_there(make_stack, tmp_path):
    daemon = make_stack("full-duplex").daemon
    write_manifests(tmp_path / "route.yaml", route(name="web", chat=2))
    daemon.ctl("apply", "-f", str(tmp_path / "route.yaml"))
    out = daemon.ctl("describe", "route", "web", "-n", "llm")
    assert out.startswith("route       llm/web\nkind        HTTPRoute\ndefined in  applied in generation 1\n")
    assert "requests of this rule's routes" in out
    assert row(out, "llm/chat") == ["llm/chat", "2", "100.0 %", "-", "0", "0"]
    model = {"apiVersion": "inference.networking.x-k8s.io/v1alpha2", "kind": "InferenceModel",
             "metadata": {"name": "old", "namespace": "llm"},
             "spec": {"modelName": "food-review", "poolRef": {"name": "chat"},
                      "targetModels": [{"name": "v1", "weight": 1}, {"name": "v2", "weight": 4}]}}
    set_rules(daemon, model)
    out = daemon.ctl("describe", "model", "llm/old")
    assert "kind        InferenceModel\n" in out and "model food-review" in out
    assert row(out, "v2")[:3] == ["v2", "4", "80.0 %"]
    set_rules(daemon, rewrite(("v1", 1), pool="none"))
    out = daemon.ctl("describe", "rewrite", "llm/chat")
    assert out.endswith("\nno rule of it is in force here\n")
    for word in ("rewrite", "model", "route"):
        done = subprocess.run([program("inferencectl"), "--server", daemon.admin, "describe", word, "llm/none"],
                              capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (1, "")
        assert "llm/none" in done.stderr
    daemon.ctl("describe", "route", "web", expect=1)  # the namespace is default
    daemon.ctl("describe", "route", "a/b/c", expect=1)
    daemon.ctl("describe", "objective", "x", expect=2)


def test_a_storm_of_changes_loses_nothing(make_stack, tmp_path):
    """Weights change 250 times, as fast as commands can be started, while requests are sent."""
    stack = make_stack("full-duplex")
    daemon = stack.daemon
    write_manifests(tmp_path / "rules.yaml", rewrite(("v1", 1), ("v2", 1000)))
    daemon.ctl("apply", "-f", str(tmp_path / "rules.yaml"))
    before = daemon.ctl_json("status")["item"]["config"]["generation"]

    def storm():
        for change in range(250):
            daemon.ctl("traffic", "set", "rewrite/llm/chat", f"v1={2 + change}", "v2=1000")
    thread = stack.loop.loop.run_in_executor(None, storm)
    answers = []
    while not thread.done():
        answers += many(stack, 400, chat(model="chat"))
    stack.loop.run(_await(thread), 30)
    assert all(json.loads(answer.text)["model"] == "chat" for answer in answers)
    seen = collections.Counter(s.model for server in stack.servers for s in server.seen)
    assert set(seen) == {"v1", "v2"} and sum(seen.values()) == len(answers)
    assert daemon.ctl_json("status")["item"]["config"]["generation"] == before + 250


async def _await(future):
    return await future


def test_one_route_over_two_pools(make_stack, loop, tmp_path):
    """Blue-green: the split follows the route's weights; a pool at 0 gets nothing."""
    servers = {pool: ModelServer(loop, pool) for pool in ("blue", "green")}
    try:
        documents = []
        for pool, server in servers.items():
            documents += [pool_manifest(pool, app=pool),
                          endpoints_manifest({pool: server.address}, name=pool, app=pool)]
        write_manifests(tmp_path / "pools.yaml", *documents)
        write_manifests(tmp_path / "rules.yaml", route(blue=100, green=0))
        stack = make_stack("full-duplex", endpoints={p: s.address for p, s in servers.items()},
                           config={"manifests": ["manifests.d", str(tmp_path)]})
        stack.daemon.manifests.joinpath("pool.yaml").unlink()
        stack.daemon.manifests.joinpath("endpoints.yaml").unlink()
        wait_until(lambda: len(stack.daemon.ctl_json("get", "pools")["items"]) == 2, "two pools")
        for blue, green in ((100, 0), (60, 40), (0, 1)):
            before = stack.daemon.ctl_json("status")["item"]["config"]["generation"]
            write_manifests(tmp_path / "rules.yaml", route(blue=blue, green=green))
            if (blue, green) != (100, 0):
                wait_until(lambda: stack.daemon.ctl_json("status")["item"]["config"]["generation"] > before,
                           "the weights are in force")
            for server in servers.values():
                server.seen.clear()
            many(stack, 400, chat())
            share = green / (blue + green)
            assert within(len(servers["green"].seen), 400, share)
            assert len(servers["blue"].seen) + len(servers["green"].seen) == 400
            assert share not in (0, 1) or 0 in (len(s.seen) for s in servers.values())
        request_id = uuid.uuid4().hex
        stack.send("1.1", "POST", CHAT, headers={**JSON, "x-request-id": request_id}, body=chat())
        why = stack.daemon.why(request_id)
        assert (why["pool"], why["routeRule"]) == (
            "llm/green", "HTTPRoute llm/chat rule 0 (100 %)")
    finally:
        for server in servers.values():
            server.die()
