"""The data plane over real sockets, driven by another gRPC implementation."""

import os
import queue
import socket
import ssl
import subprocess
import threading

import grpc
import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc

SERVER = os.environ["TEST_SERVER"]
PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
BEST = b"10.0.0.2:8000"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
FULL_DUPLEX = 4


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [SERVER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.addresses = []
        for line in self.process.stdout:
            if line.strip() == "ready":
                break
            self.addresses.append(line.strip())
        self.tell("serving")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture
def server():
    with Server("--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--max-body", "1000000") as s:
        yield s


def call(channel):
    return channel.stream_stream(
        PROCESS,
        request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
        response_deserializer=ext_proc.ProcessingResponse.FromString,
    )


def health(channel, service, method="Check"):
    kind = channel.unary_unary if method == "Check" else channel.unary_stream
    return kind("/grpc.health.v1.Health/" + method)(
        b"\x0a" + bytes([len(service)]) + service.encode(), timeout=10
    )


def headers(end=False, request_id="r-1", mode=FULL_DUPLEX, path="/v1/chat/completions"):
    message = ext_proc.ProcessingRequest()
    for key, value in (
        (":method", "POST"),
        (":path", path),
        ("content-type", "application/json"),
        ("x-request-id", request_id),
    ):
        message.request_headers.headers.headers.add(key=key, raw_value=value.encode())
    message.request_headers.end_of_stream = end
    message.protocol_config.request_body_mode = mode
    message.protocol_config.response_body_mode = mode
    return message


def body(data=BODY, end=True):
    message = ext_proc.ProcessingRequest()
    message.request_body.body = data
    message.request_body.end_of_stream = end
    return message


def response_headers():
    message = ext_proc.ProcessingRequest()
    message.response_headers.headers.headers.add(key=":status", raw_value=b"200")
    return message


def response_body(data, end):
    message = ext_proc.ProcessingRequest()
    message.response_body.body = data
    message.response_body.end_of_stream = end
    return message


class Conversation:
    """A stream whose messages are sent one by one."""

    def __init__(self, channel, **options):
        self.queue = queue.Queue()
        self.answers = call(channel)(iter(self.queue.get, None), timeout=20, **options)

    def send(self, *messages):
        for message in messages:
            self.queue.put(message)

    def next(self):
        return next(self.answers)

    def end(self):
        self.queue.put(None)


def destination(response):
    common = getattr(response, response.WhichOneof("response")).response
    for option in common.header_mutation.set_headers:
        if option.header.key == "x-gateway-destination-endpoint":
            return option.header.raw_value
    return None


def exchange(channel):
    """One whole request and response, as a gateway has it."""
    talk = Conversation(channel)
    talk.send(headers(), body())
    assert destination(talk.next()) == BEST
    assert talk.next().request_body.response.body_mutation.streamed_response.body == BODY
    talk.send(response_headers())
    assert talk.next().WhichOneof("response") == "response_headers"
    talk.send(response_body(b"abc", False), response_body(b"", True))
    assert talk.next().response_body.response.body_mutation.streamed_response.body == b"abc"
    assert talk.next().response_body.response.body_mutation.streamed_response.end_of_stream
    talk.end()
    assert list(talk.answers) == []
    assert talk.answers.code() == grpc.StatusCode.OK


def error_of(answers):
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    return raised.value.code(), raised.value.details()


def test_a_whole_exchange(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        exchange(channel)
    assert server.tell("find r-1") == BEST.decode()
    assert server.tell("find other") == "none"


def test_many_streams_on_one_connection(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talks = [Conversation(channel) for _ in range(200)]
        for talk in talks:
            talk.send(headers(), body())
        for talk in talks:
            assert destination(talk.next())
        for talk in talks:
            talk.answers.cancel()
            talk.end()


def test_more_resets_than_the_library_would_allow(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        for _ in range(1500):
            talk = Conversation(channel)
            talk.send(headers(end=True))
            assert destination(talk.next())  # which one depends on those still in flight
            talk.answers.cancel()
            talk.end()


@pytest.mark.parametrize("size", [0, 1, 16384, 62000, 62001, 900000])
def test_bodies_of_any_size_come_back_whole(server, size):
    data = os.urandom(size)
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talk = Conversation(channel)
        talk.send(headers(path="/other"), body(data))
        assert destination(talk.next()) == BEST
        received = b""
        while True:
            piece = talk.next().request_body.response.body_mutation.streamed_response
            received += piece.body
            if piece.end_of_stream:
                break
        assert received == data
        talk.end()


def test_early_close_brings_the_body_and_the_status_together():
    with Server("--listen", "127.0.0.1:0", "--tracking", "none") as server:
        with grpc.insecure_channel(server.addresses[0]) as channel:
            for size in (10, 50000, 300000):
                talk = Conversation(channel)
                talk.send(headers(path="/other"), body(b"x" * size))
                answers = list(talk.answers)
                assert talk.answers.code() == grpc.StatusCode.OK
                last = answers[-1].request_body.response.body_mutation.streamed_response
                assert last.end_of_stream
                talk.end()
            assert server.tell("unseen") == "3"


def test_refusals(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talk = Conversation(channel)
        talk.send(headers(), body(b"not json"))
        (answer,) = list(talk.answers)
        assert answer.immediate_response.status.code == 400
        assert talk.answers.code() == grpc.StatusCode.OK
        talk.end()


def test_status_codes(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        code, _ = error_of(call(channel)(iter([b"\xff\xff\xff"]), timeout=10))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, _ = error_of(call(channel)(iter([body()]), timeout=10))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, details = error_of(call(channel)(iter([headers(mode=5)]), timeout=10))
        assert (code, "GRPC" in details) == (grpc.StatusCode.UNIMPLEMENTED, True)
        code, details = error_of(call(channel)(iter([body(b"x" * 2_000_000)]), timeout=10))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        unknown = channel.unary_unary("/envoy.service.ext_proc.v3.ExternalProcessor/Other")
        with pytest.raises(grpc.RpcError) as raised:
            unknown(b"", timeout=10)
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_compressed_messages_are_refused(server):
    options = {"compression": grpc.Compression.Gzip}
    with grpc.insecure_channel(server.addresses[0]) as channel:
        code, _ = error_of(call(channel)(iter([headers(path="/" + "x" * 5000)]), timeout=10, **options))
        assert code == grpc.StatusCode.UNIMPLEMENTED


def test_grpc_timeout(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        hold = threading.Event()

        def messages():
            yield headers()
            hold.wait(10)

        code, _ = error_of(call(channel)(messages(), timeout=0.3))
        hold.set()
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED


SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


def test_health(server):
    ready = ["", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor"]
    for address in server.addresses:
        with grpc.insecure_channel(address) as channel:
            for service in ready + ["liveness"]:
                assert health(channel, service) == SERVING
            with pytest.raises(grpc.RpcError) as raised:
                health(channel, "unknown")
            assert raised.value.code() == grpc.StatusCode.NOT_FOUND
            assert next(health(channel, "unknown", "Watch")) == SERVICE_UNKNOWN
            watch = health(channel, "readiness", "Watch")
            assert next(watch) == SERVING
            server.tell("not-serving")
            assert next(watch) == NOT_SERVING
            for service in ready:
                assert health(channel, service) == NOT_SERVING
            assert health(channel, "liveness") == SERVING
            server.tell("serving")
            assert next(watch) == SERVING
            watch.cancel()


def test_the_health_port_serves_nothing_else(server):
    with grpc.insecure_channel(server.addresses[1]) as channel:
        code, _ = error_of(call(channel)(iter([headers()]), timeout=10))
        assert code == grpc.StatusCode.UNIMPLEMENTED


def test_unix_sockets(tmp_path):
    path = tmp_path / "extproc.sock"
    with Server("--listen", "unix://%s" % path) as server:
        assert server.addresses == ["unix://%s" % path]
        assert path.stat().st_mode & 0o777 <= 0o660
        assert path.stat().st_mode & 0o007 == 0
        with grpc.insecure_channel("unix:%s" % path) as channel:
            exchange(channel)
        second = subprocess.run(
            [SERVER, "--listen", "unix://%s" % path], capture_output=True, text=True, input=""
        )
        assert second.returncode == 1
        assert str(path) in second.stderr
        assert path.exists()
    assert not path.exists()
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with Server("--listen", "unix://%s" % path):
        assert path.exists()
    path.write_text("a file")
    assert subprocess.run([SERVER, "--listen", "unix://%s" % path], input=b"").returncode == 1
    assert path.read_text() == "a file"


def test_several_listeners_with_ipv6():
    with Server("--listen", "127.0.0.1:0", "--listen", "[::1]:0") as server:
        for address in server.addresses:
            with grpc.insecure_channel(address) as channel:
                exchange(channel)


def test_a_bad_address_is_named():
    done = subprocess.run([SERVER, "--listen", "nowhere"], capture_output=True, text=True, input="")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_tls_with_a_self_signed_certificate():
    with Server("--listen-tls", "127.0.0.1:0") as server:
        host, port = server.addresses[0].split(":")
        certificate = ssl.get_server_certificate((host, int(port)))
        credentials = grpc.ssl_channel_credentials(certificate.encode())
        options = [("grpc.ssl_target_name_override", "inferenced")]
        with grpc.secure_channel(server.addresses[0], credentials, options) as channel:
            exchange(channel)
            talk = Conversation(channel)
            talk.send(headers(path="/other"), body(b"y" * 500000))
            assert destination(talk.next()) == BEST
            received = 0
            while received < 500000:
                received += len(
                    talk.next().request_body.response.body_mutation.streamed_response.body
                )
            talk.end()


def test_drain_lets_running_streams_finish(server):
    with grpc.insecure_channel(server.addresses[0]) as channel:
        talk = Conversation(channel)
        talk.send(headers(), body())
        assert destination(talk.next()) == BEST
        talk.next()
        drained = threading.Thread(target=lambda: results.append(server.tell("drain")))
        results = []
        drained.start()
        talk.send(response_headers())
        assert talk.next().WhichOneof("response") == "response_headers"
        talk.send(response_body(b"late", True))
        assert talk.next().response_body.response.body_mutation.streamed_response.body == b"late"
        talk.end()
        assert list(talk.answers) == []
        drained.join(15)
        assert results == ["0"]
    with pytest.raises(OSError):
        host, port = server.addresses[0].split(":")
        socket.create_connection((host, int(port)), timeout=2)


def test_garbage_is_survived(server):
    host, port = server.addresses[0].split(":")
    for junk in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(2000), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100):
        with socket.create_connection((host, int(port)), timeout=5) as s:
            s.sendall(junk)
            s.settimeout(5)
            try:
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
    with grpc.insecure_channel(server.addresses[0]) as channel:
        exchange(channel)
