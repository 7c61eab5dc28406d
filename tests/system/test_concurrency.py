"""Many streams at once, and many one after the other."""

import asyncio

import pytest
from harness.clients import connect
from harness.openai import CHAT, JSON, chat
from harness.process import wait_until

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
    wait_until(lambda: held() == STREAMS or result.done(), f"{STREAMS} answers are held", timeout=25,
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
