"""Requests of every shape through every bootstrap: what reaches the model server is what was sent."""

import hashlib
import json

import pytest
from harness.clients import VERSIONS, connect
from harness.openai import CHAT, JSON, chat

pytestmark = pytest.mark.any_picker
KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


def assert_arrived(seen, body):
    assert len(seen) == 1, seen
    assert seen[0].length == len(body)
    assert seen[0].sha256 == hashlib.sha256(body).hexdigest()


def test_plain_chat(stack, version):
    body = chat()
    response, seen = stack.send(version, "POST", CHAT, JSON, body=body)
    assert response.status == 200
    assert json.loads(response.text)["usage"]["total_tokens"] == 14
    assert_arrived(seen, body)
    assert response.headers["x-served-by"] == seen[0].server


def test_destination_header_names_the_server_that_got_the_request(stack, version):
    _, seen = stack.send(version, "POST", CHAT, JSON, body=chat())
    assert seen[0].headers["x-gateway-destination-endpoint"] == stack.endpoints[seen[0].server]


def test_streamed_chat_comes_token_by_token(stack, version):
    body = chat(stream=True)
    headers = {**JSON, "x-test-tokens": "8", "x-test-delay-ms": "40"}
    response, seen = stack.send(version, "POST", CHAT, headers, body=body)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream"
    events = [line for line in response.text.splitlines() if line]
    assert len(events) == 10 and events[-1] == "data: [DONE]"
    assert [json.loads(e[6:])["choices"][0]["delta"]["content"] for e in events[:8]] == [
        f"w{n} " for n in range(8)]
    assert_arrived(seen, body)
    # 8 tokens, 40 ms apart: had anyone collected them, they would have come at once.
    assert len(response.chunk_times) >= 8
    assert response.chunk_times[-1] - response.chunk_times[0] > 0.2


@pytest.mark.parametrize("size", [KIB, 16 * KIB, 256 * KIB, MIB, 5 * MIB],
                         ids=["1K", "16K", "256K", "1M", "5M"])
def test_body_arrives_byte_for_byte(stack, version, size):
    body = chat("x" * (size - len(chat(""))))
    assert len(body) == size
    response, seen = stack.send(version, "POST", CHAT, JSON, body=body)
    assert response.status == 200
    assert_arrived(seen, body)


def test_body_in_many_small_chunks(stack, version):
    body = chat("y" * 3000)
    pieces = [body[i:i + 37] for i in range(0, len(body), 37)]
    response, seen = stack.send(version, "POST", CHAT, JSON, pieces=pieces)
    assert response.status == 200
    assert_arrived(seen, body)


def test_large_answer(stack, version):
    headers = {**JSON, "x-test-answer-bytes": str(3 * MIB)}
    response, _ = stack.send(version, "POST", CHAT, headers, body=chat())
    assert response.status == 200
    assert len(json.loads(response.text)["choices"][0]["message"]["content"]) == 3 * MIB + 15


def test_get_without_body(stack, version):
    response, seen = stack.send(version, "GET", "/v1/models")
    assert response.status == 200
    assert json.loads(response.text)["data"][0]["id"] == "m"
    assert [s.method for s in seen] == ["GET"]


def test_empty_post_to_a_path_that_nobody_parses(stack, version):
    response, seen = stack.send(version, "POST", "/reset_prefix_cache")
    assert response.status == 200
    assert_arrived(seen, b"")


def test_body_of_another_content_type_is_passed_on(stack, version):
    body = bytes(range(256)) * 20
    headers = {"content-type": "application/octet-stream"}
    response, seen = stack.send(version, "POST", "/v1/audio/transcriptions", headers, body=body)
    assert response.status == 200
    assert_arrived(seen, body)


def test_request_trailers(stack, version):
    body = chat()
    response, seen = stack.send(version, "POST", CHAT, JSON, pieces=[body[:20], body[20:]],
                                trailers={"x-test-sum": "1234"})
    assert response.status == 200
    assert_arrived(seen, body)
    assert seen[0].trailers.get("x-test-sum") == "1234"


def test_response_trailers(stack, version):
    headers = {**JSON, "x-test-trailers": "yes"}
    if version == "1.1":
        headers["te"] = "trailers"
    response, _ = stack.send(version, "POST", CHAT, headers, body=chat(stream=True))
    assert response.status == 200
    assert response.text.endswith("data: [DONE]\n\n")
    assert response.trailers.get("x-test-checksum") == "abc"


@pytest.mark.parametrize("method, path, body", [("POST", CHAT, chat()), ("GET", "/v1/models", b"")])
def test_client_cannot_choose_the_destination(stack, version, method, path, body):
    forbidden = "127.0.0.1:9"
    for _ in range(4):
        response, seen = stack.send(
            version, method, path, {**JSON, "x-gateway-destination-endpoint": forbidden}, body=body)
        assert response.status == 200
        assert seen[0].headers["x-gateway-destination-endpoint"] == stack.endpoints[seen[0].server]


def test_client_header_reaches_the_server_once_and_unchanged(stack, version):
    headers = {**JSON, "authorization": "Bearer abc", "x-odd": "a, b;c=\"d\""}
    _, seen = stack.send(version, "POST", CHAT, headers, body=chat())
    assert seen[0].headers["authorization"] == "Bearer abc"
    assert seen[0].headers["x-odd"] == "a, b;c=\"d\""


def test_many_requests_on_one_connection(stack, version):
    async def run():
        connection = await connect(version, stack.port)
        try:
            return [(await connection.request("POST", CHAT, headers=JSON, body=chat(f"n {n}"))).status
                    for n in range(200)]
        finally:
            await connection.close()
    assert stack.loop.run(run()) == [200] * 200
