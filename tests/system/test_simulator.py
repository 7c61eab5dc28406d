"""The daemon before simulated engines: what it reads from their pages is what they do."""

import json
import uuid

import pytest
from harness.openai import CHAT, JSON
from harness.process import wait_until
from harness.simulator import Simulator


@pytest.fixture
def stack(make_stack, tmp_path):
    simulator = Simulator(tmp_path / "simulator", 3)
    yield make_stack(endpoints=simulator.endpoints)
    simulator.stop()


def ask(stack, system, question):
    request_id = uuid.uuid4().hex
    body = {"model": "sim-model", "max_tokens": 4, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": question}]}
    response = stack.request("1.1", "POST", CHAT, body=json.dumps(body).encode(),
                             headers={**JSON, "x-request-id": request_id})
    assert response.status == 200, response.text
    return request_id, json.loads(response.text)["usage"]


def test_repeated_prefix_is_really_cached_where_it_is_sent(stack):
    system = "Answer politely and in one sentence. " * 120
    first, usage = ask(stack, system, "one")
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    picked = stack.daemon.why(first)["picked"]["endpoint"]
    for n in range(4):
        request_id, usage = ask(stack, system, f"another question {n}")
        assert stack.daemon.why(request_id)["picked"]["endpoint"] == picked
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        assert cached > 800
        assert stack.daemon.outcome(request_id)["cachedTokens"] == cached
        # What the pick believed and what the engine did agree to within a block or two.
        predicted = stack.daemon.why(request_id)["prefix"]["predictedCachedTokens"]
        assert abs(predicted - cached) <= 64, (predicted, cached)


def test_pages_are_fresh(stack):
    def fresh():
        return all(e["waiting"]["freshness"] == "fresh" and e["waiting"]["ageMs"] < 1000
                   for e in stack.daemon.listed().values())
    wait_until(fresh, "every page is fresh")
