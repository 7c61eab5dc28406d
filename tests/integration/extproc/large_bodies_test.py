"""Bodies that worker threads parse, over real sockets: neighbours, resets, drain, stop."""

import json
import random
import threading
import time

import grpc
import pytest
from server_test import BEST, Conversation, Server, body, destination, headers

MIB = 1 << 20


def token_ids(size):
    """A completion's body of about that many bytes, the kind that takes longest to parse."""
    ids = ",".join(str(n % 90000 + 10000) for n in range(size // 6))
    return ('{"model":"m","prompt":[' + ids + "]}").encode()


def send_large(channel, data, request_id="large", path="/v1/completions"):
    talk = Conversation(channel)
    talk.send(headers(request_id=request_id, path=path))
    for at in range(0, len(data), MIB // 2):
        talk.send(body(data[at:at + MIB // 2], end=False))
    talk.send(body(b"", end=True))
    return talk


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)


@pytest.fixture
def server():
    with Server("--listen", "127.0.0.1:0", "--max-body", str(64 * MIB), "--workers", "1") as s:
        yield s
        wait_until(lambda: s.tell("held") == "0")


def held(server):
    return int(server.tell("held"))


def test_a_small_request_overtakes_a_large_one(server):
    # One reactor. The small request is sent when the whole large body lies there: a reactor that
    # parsed it itself would have to answer it first, every time.
    data = token_ids(12 * MIB)
    overtaken = 0
    with grpc.insecure_channel(server.addresses[0]) as channel:
        for n in range(10):
            order = []

            def answered(talk, name):
                assert destination(talk.next())
                order.append(name)
            large = send_large(channel, data, f"large-{n}")
            waiting = threading.Thread(target=answered, args=(large, "large"))
            waiting.start()
            wait_until(lambda: held(server) >= len(data))
            small = Conversation(channel)
            small.send(headers(request_id=f"small-{n}"), body())
            answered(small, "small")
            waiting.join()
            overtaken += order[0] == "small"
            for talk in (large, small):
                talk.answers.cancel()
                talk.end()
            wait_until(lambda: held(server) == 0)
            if overtaken >= 2:
                break
    assert overtaken >= 2


def test_a_large_body_comes_back_whole(server):
    data = token_ids(3 * MIB)
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talk = send_large(channel, data)
        assert destination(talk.next()) == BEST
        received = bytearray()
        while True:
            piece = talk.next().request_body.response.body_mutation.streamed_response
            received += piece.body
            if piece.end_of_stream:
                break
        assert received == data
        talk.answers.cancel()
        talk.end()


def test_a_fault_in_a_large_body_is_told(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talk = send_large(channel, token_ids(MIB)[:-2] + b"x]}")
        answer = talk.next().immediate_response
        assert answer.status.code == 400
        assert "line 1, column" in json.loads(answer.body)["error"]["message"]
        talk.end()


def test_a_body_that_takes_too_long_to_read_is_refused():
    with Server("--listen", "127.0.0.1:0", "--max-body", str(64 * MIB), "--workers", "1",
                "--pick-timeout-ms", "1") as server:
        with grpc.insecure_channel(server.addresses[0]) as channel:
            talk = send_large(channel, token_ids(48 * MIB))
            answer = talk.next().immediate_response
            assert held(server) > 0, "it is answered while the worker still reads"
            assert answer.status.code == 503
            assert "could not be read in time" in json.loads(answer.body)["error"]["message"]
            talk.end()
            small = Conversation(channel)
            small.send(headers(request_id="small"), body())
            assert destination(small.next()) == BEST
            small.answers.cancel()
            small.end()
        wait_until(lambda: held(server) == 0)


def test_resets_at_any_moment_of_the_parsing():
    dice = random.Random(1)
    bodies = [token_ids(size) for size in (70_000, 200_000, MIB)]
    with Server("--listen", "127.0.0.1:0", "--max-body", str(4 * MIB), "--workers", "2") as server:
        channels = [grpc.insecure_channel(server.addresses[0],
                                          [("grpc.use_local_subchannel_pool", 1)]) for _ in range(4)]
        for round_ in range(30):
            talks = [send_large(dice.choice(channels), dice.choice(bodies), f"r-{round_}-{n}")
                     for n in range(8)]
            dice.shuffle(talks)
            for talk in talks:
                if dice.random() < 0.3:
                    assert destination(talk.next())
                else:
                    time.sleep(dice.random() * 0.003)
                talk.answers.cancel()
                talk.end()
        for channel in channels:
            channel.close()
        wait_until(lambda: server.tell("streams") == "0" and held(server) == 0)


def test_drain_waits_for_bodies_that_are_parsed():
    with Server("--listen", "127.0.0.1:0", "--max-body", str(64 * MIB), "--workers", "1") as server:
        with grpc.insecure_channel(server.addresses[0]) as channel:
            data = token_ids(12 * MIB)
            talk = send_large(channel, data)
            wait_until(lambda: held(server) >= len(data))
            drained = threading.Thread(target=server.tell, args=("drain",))
            drained.start()
            assert destination(talk.next()) == BEST
            talk.answers.cancel()
            talk.end()
            drained.join()


def test_stop_with_bodies_in_the_workers():
    # Whatever state they are in; sanitizers and the exit code judge.
    for _ in range(3):
        server = Server("--listen", "127.0.0.1:0", "--max-body", str(64 * MIB), "--workers", "2")
        channel = grpc.insecure_channel(server.addresses[0])
        data = token_ids(4 * MIB)
        talks = [send_large(channel, data, f"r-{n}") for n in range(6)]
        wait_until(lambda: held(server) >= 2 * len(data))
        server.process.stdin.close()
        assert server.process.wait(30) == 0
        for talk in talks:
            talk.answers.cancel()
            talk.end()
        channel.close()
        server.process.stdout.close()
