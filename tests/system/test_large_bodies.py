"""Bodies that the gateway cuts, and large ones, behind the real Envoy."""

import json
import uuid

from harness import envoy
from harness.openai import JSON

COMPLETIONS = "/v1/completions"


def buffered_partial(limit):
    """Envoy shows the picker only the first `limit` bytes or so of a body."""
    def edit(bootstrap):
        manager = envoy.connection_manager(bootstrap)
        for host in manager["route_config"]["virtual_hosts"]:
            host["request_body_buffer_limit"] = limit
        pick = envoy.ext_proc_filters(bootstrap)[0]["typed_config"]
        pick["processing_mode"]["request_body_mode"] = "BUFFERED_PARTIAL"
        bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = limit
    return edit


def ask(stack, body):
    request_id = str(uuid.uuid4())
    answer = stack.request("1.1", "POST", COMPLETIONS, headers={**JSON, "x-request-id": request_id}, body=body)
    assert answer.status == 200, answer
    return stack.picker.why(request_id)


def test_a_body_that_envoy_cut_still_tells_its_model(make_stack):
    stack = make_stack("buffered", edit=buffered_partial(16384))
    body = json.dumps({"model": "cut-model", "prompt": "word " * 60_000}).encode()
    seen = ask(stack, body)
    assert seen["model"] == "cut-model"
    # Less than all of it came: else this would test nothing.
    assert 0 < seen["bodyBytes"] < len(body)
    # And its prefix is known when it comes again.
    again = ask(stack, body)
    assert again["prefix"]["predictedCachedTokens"] > 0
    assert again["picked"] == seen["picked"]


def test_a_body_that_takes_too_long_to_read_is_refused(make_stack):
    stack = make_stack("full-duplex", config={"limits": {"pickTimeout": "1ms"}})
    numbers = ",".join(str(n % 90000 + 10000) for n in range(2_000_000))  # 12 MB
    body = ('{"model":"m","prompt":[' + numbers + "]}").encode()
    answer = stack.request("1.1", "POST", COMPLETIONS, headers=JSON, body=body)
    assert answer.status == 503
    assert "could not be read in time" in answer.text


def test_a_model_behind_the_cut_is_unknown_not_wrong(make_stack):
    stack = make_stack("buffered", edit=buffered_partial(16384))
    seen = ask(stack, json.dumps({"prompt": "word " * 60_000, "model": "late-model"}).encode())
    assert not seen["model"]
