"""HTTP/2 details of the data plane that a gRPC client hides."""

import os
import socket
import struct

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from server_test import PROCESS, Server, body, headers

REQUEST = [
    (":method", "POST"),
    (":path", PROCESS),
    (":scheme", "http"),
    (":authority", "test"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def frame(message):
    data = message.SerializeToString()
    return struct.pack(">BI", 0, len(data)) + data


class Client:
    def __init__(self, address, window=65535):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        self.data = {}
        self.head = {}
        self.trailers = {}
        self.reset = {}
        self.pings = 0

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, replace=(), drop=()):
        replace = dict(replace)
        stream = self.h2.get_next_available_stream_id()
        fields = [(k, replace.get(k, v)) for k, v in REQUEST if k not in drop]
        self.h2.send_headers(stream, fields)
        self.flush()
        return stream

    def send(self, stream, data):
        self.h2.send_data(stream, data)
        self.flush()

    def read(self):
        """Takes one read from the socket; False at its end."""
        data = self.socket.recv(65536)
        if not data:
            return False
        for event in self.h2.receive_data(data):
            stream = getattr(event, "stream_id", None)
            if isinstance(event, h2.events.DataReceived):
                self.data[stream] = self.data.get(stream, b"") + event.data
            elif isinstance(event, h2.events.ResponseReceived):
                self.head[stream] = dict(event.headers)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[stream] = dict(event.headers)
            elif isinstance(event, h2.events.StreamReset):
                self.reset[stream] = event.error_code
            elif isinstance(event, h2.events.PingAckReceived):
                self.pings += 1
        self.flush()
        return True

    def until(self, condition):
        while not condition():
            assert self.read(), "the connection was closed"

    def status(self, stream):
        self.until(lambda: stream in self.trailers or "grpc-status" in self.head.get(stream, {}))
        return self.trailers.get(stream, self.head[stream])["grpc-status"]


@pytest.fixture(scope="module")
def server():
    with Server("--listen", "127.0.0.1:0", "--tracking", "none", "--workers", "1") as s:
        yield s


def test_the_last_byte_never_leaves_before_the_status(server):
    request = frame(headers(path="/other")) + frame(body(b"x" * 3000))
    client = Client(server.addresses[0])
    stream = client.request()
    client.send(stream, request)
    client.until(lambda: stream in client.trailers)
    size = len(client.data[stream])

    client = Client(server.addresses[0], window=0)
    stream = client.request()
    client.send(stream, request)
    client.h2.increment_flow_control_window(size - 1, stream)
    client.flush()
    client.until(lambda: len(client.data.get(stream, b"")) == size - 1)
    client.h2.ping(b"12345678")
    client.flush()
    client.until(lambda: client.pings == 1)
    assert stream not in client.trailers
    client.h2.increment_flow_control_window(1, stream)
    client.flush()
    client.until(lambda: stream in client.trailers)
    assert len(client.data[stream]) == size
    assert client.trailers[stream]["grpc-status"] == "0"


def test_trailers_follow_in_the_same_read(server):
    client = Client(server.addresses[0])
    stream = client.request()
    client.send(stream, frame(headers(path="/other")) + frame(body(b"y" * 3000)))
    seen = []
    while stream not in client.trailers:
        assert client.read()
        seen.append((client.data.get(stream, b"").endswith(b"y" * 3000), stream in client.trailers))
    assert (True, False) not in seen


def test_what_is_no_grpc_gets_a_http_status(server):
    client = Client(server.addresses[0])
    get = client.request({":method": "GET"})
    html = client.request({"content-type": "text/html"})
    client.until(lambda: get in client.head and html in client.head)
    assert client.head[get][":status"] == "405"
    assert client.head[html][":status"] == "415"


def test_missing_te_and_bad_timeouts(server):
    client = Client(server.addresses[0])
    assert client.status(client.request(drop=["te"])) == "3"
    stream = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream, REQUEST + [("grpc-timeout", "soon")])
    client.flush()
    assert client.status(stream) == "3"
    unknown = client.request({":path": "/nothing/here"})
    assert client.status(unknown) == "12"
    assert client.head[unknown]["grpc-message"] == "unknown method /nothing/here"


def test_a_stream_that_ends_inside_a_message(server):
    client = Client(server.addresses[0])
    stream = client.request()
    client.h2.send_data(stream, b"\0\0\0\0\x10half", end_stream=True)
    client.flush()
    assert client.status(stream) == "3"


def test_a_half_close_is_answered_with_ok(server):
    client = Client(server.addresses[0])
    stream = client.request()
    client.h2.end_stream(stream)
    client.flush()
    assert client.status(stream) == "0"


def test_pings_are_answered(server):
    client = Client(server.addresses[0])
    client.h2.ping(b"12345678")
    client.flush()
    client.until(lambda: client.pings == 1)


def test_settings_promise_room(server):
    client = Client(server.addresses[0])
    client.until(lambda: client.h2.outbound_flow_control_window > 1 << 20)
    assert client.h2.remote_settings.max_concurrent_streams > 1 << 20
    assert client.h2.remote_settings.initial_window_size >= 1 << 20


def test_headers_beyond_the_bound_cost_one_stream(server):
    client = Client(server.addresses[0])
    good = client.request()
    stream = client.h2.get_next_available_stream_id()
    client.h2.send_headers(stream, REQUEST + [("x-%d" % i, "v" * 3000) for i in range(30)])
    client.flush()
    try:
        client.until(lambda: stream in client.reset)
    except (AssertionError, ConnectionError):
        pytest.skip("the HTTP/2 library itself cut the connection")
    client.send(good, frame(headers(end=True)))
    assert client.status(good) == "0"


def test_streams_are_freed():
    with Server("--listen", "127.0.0.1:0", "--tracking", "none") as server:
        client = Client(server.addresses[0])
        for _ in range(50):
            stream = client.request()
            client.send(stream, frame(headers(end=True)))
            assert client.status(stream) == "0"
            client.h2.reset_stream(stream, 2)
            client.flush()
        client.h2.ping(b"12345678")
        client.flush()
        client.until(lambda: client.pings == 1)
        assert server.tell("streams") == "0"
