"""The daemon without Envoy, driven by Google's gRPC and the generated Envoy messages: an oracle for
our own HTTP/2, gRPC and protobuf code, and the dialects that our bootstraps don't use."""

import hashlib

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc
from google.protobuf import struct_pb2
from harness.daemon import Daemon, endpoints_manifest, pool_manifest, write_manifests
from harness.openai import CHAT, chat
from harness.process import wait_until

Mode = processing_mode_pb2.ProcessingMode
DESTINATION = "x-gateway-destination-endpoint"
# Nothing listens there: scraping fails, picking doesn't.
ENDPOINTS = {"a": "127.0.0.1:1", "b": "127.0.0.2:1", "c": "[::1]:1"}
PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    started = Daemon(tmp_path_factory.mktemp("grpc"), ENDPOINTS)
    yield started
    started.stop()


@pytest.fixture
def channel(daemon):
    with grpc.insecure_channel(daemon.address, options=[("grpc.max_receive_message_length", 1 << 27),
                                                        ("grpc.max_send_message_length", 1 << 27)]) as made:
        yield made


def header_map(**fields):
    return base_pb2.HeaderMap(headers=[
        base_pb2.HeaderValue(key=key.replace("_", "-") if key[0] != ":" else key, raw_value=value.encode())
        for key, value in fields.items()])


def request_headers(mode=Mode.FULL_DUPLEX_STREAMED, response_mode=Mode.NONE, end=False, method="POST",
                    path=CHAT, request_id="", extra=None, metadata=None):
    fields = {":method": method, ":path": path, ":authority": "test",
              "content_type": "application/json", **(extra or {})}
    if request_id:
        fields["x_request_id"] = request_id
    message = pb.ProcessingRequest(request_headers=pb.HttpHeaders(
        headers=header_map(**fields), end_of_stream=end))
    message.protocol_config.request_body_mode = mode
    message.protocol_config.response_body_mode = response_mode
    for namespace, value in (metadata or {}).items():
        message.metadata_context.filter_metadata[namespace].CopyFrom(value)
    return message


def body(data, end):
    return pb.ProcessingRequest(request_body=pb.HttpBody(body=data, end_of_stream=end))


def trailers():
    return pb.ProcessingRequest(request_trailers=pb.HttpTrailers(trailers=header_map(x_sum="1")))


def process(channel, messages, **arguments):
    """All answers, once the daemon has closed the stream or the client's half-close has ended it."""
    return list(pb_grpc.ExternalProcessorStub(channel).Process(iter(messages), timeout=10, **arguments))


def destination(answer):
    """The picked endpoint of an answer that carries one; header and metadata agree."""
    kind = answer.WhichOneof("response")
    mutation = getattr(answer, kind).response.header_mutation
    values = [h.header.raw_value.decode() for h in mutation.set_headers if h.header.key == DESTINATION]
    assert len(values) == 1, answer
    assert answer.dynamic_metadata["envoy.lb"][DESTINATION] == values[0]
    assert all(not h.header.value for h in mutation.set_headers)  # Envoy reads raw_value only
    return values[0]


def streamed(answers):
    """(bytes, whether the last piece ended the stream); only the last one may."""
    pieces = [a.request_body.response.body_mutation.streamed_response
              for a in answers if a.WhichOneof("response") == "request_body"]
    assert all(len(p.body) <= 62000 for p in pieces)
    assert not any(p.end_of_stream for p in pieces[:-1])
    return b"".join(p.body for p in pieces), bool(pieces and pieces[-1].end_of_stream)


@pytest.mark.parametrize("size", (0, 1, 61_999, 62_001, 1_000_000, 20_000_000))
@pytest.mark.parametrize("piece", (1 << 14, 1 << 20))
def test_full_duplex_echoes_the_body(channel, size, piece):
    data = chat("x" * size)
    messages = [request_headers()]
    messages += [body(data[i:i + piece], False) for i in range(0, len(data), piece)]
    answers = process(channel, [*messages, body(b"", True)])
    assert destination(answers[0]) in ENDPOINTS.values()
    assert answers[0].request_headers.response.clear_route_cache
    echoed, ended = streamed(answers)
    assert ended
    assert hashlib.sha256(echoed).digest() == hashlib.sha256(data).digest()


def test_full_duplex_with_trailers(channel):
    data = chat()
    answers = process(channel, [request_headers(), body(data, False), trailers()])
    assert [a.WhichOneof("response") for a in answers] == [
        "request_headers", "request_body", "request_trailers"]
    assert streamed(answers) == (data, False)


def test_headers_that_end_the_request(channel):
    answers = process(channel, [request_headers(method="GET", path="/v1/models", end=True)])
    assert len(answers) == 1
    assert destination(answers[0]) in ENDPOINTS.values()


def test_buffered(channel):
    answers = process(channel, [request_headers(Mode.BUFFERED), body(chat(), True)])
    assert [a.WhichOneof("response") for a in answers] == ["request_headers", "request_body"]
    assert not answers[0].request_headers.response.header_mutation.set_headers
    assert destination(answers[1]) in ENDPOINTS.values()
    assert not answers[1].request_body.response.HasField("body_mutation")


def test_buffered_body_that_is_followed_by_trailers(channel):
    answers = process(channel, [request_headers(Mode.BUFFERED), body(chat(), False), trailers()])
    assert destination(answers[1]) in ENDPOINTS.values()
    assert answers[2].WhichOneof("response") == "request_trailers"


def test_buffered_partial_that_is_cut(channel):
    answers = process(channel, [request_headers(Mode.BUFFERED_PARTIAL), body(chat("x" * 5000)[:3000], False)])
    assert destination(answers[1]) in ENDPOINTS.values()


def test_streamed_and_none_pick_at_the_headers(channel):
    answers = process(channel, [request_headers(Mode.STREAMED), body(b"{", False), body(b"}", True)])
    assert destination(answers[0]) in ENDPOINTS.values()
    assert [a.WhichOneof("response") for a in answers[1:]] == ["request_body"] * 2
    answers = process(channel, [request_headers(Mode.NONE)])
    assert destination(answers[0]) in ENDPOINTS.values()


def test_refusal_is_an_immediate_response(channel):
    for mode in (Mode.FULL_DUPLEX_STREAMED, Mode.BUFFERED):
        answers = process(channel, [request_headers(mode), body(b"{", True)])
        assert answers[-1].immediate_response.status.code == 400


def test_client_headers_of_ours_are_removed_and_never_echoed(channel):
    answers = process(channel, [
        request_headers(extra={"x_gateway_model_name_rewrite": "evil", DESTINATION.replace("-", "_"): "1.2.3.4:5",
                               "authorization": "Bearer secret"}), body(chat(), True)])
    mutation = answers[0].request_headers.response.header_mutation
    assert destination(answers[0]) in ENDPOINTS.values()
    assert "x-gateway-model-name-rewrite" in mutation.remove_headers
    assert DESTINATION not in mutation.remove_headers
    assert b"secret" not in answers[0].SerializeToString()


@pytest.mark.parametrize("subset, allowed", [
    (["127.0.0.2:1"], {"127.0.0.2:1"}), (["127.0.0.1"], {"127.0.0.1:1"}),
    (["127.0.0.1:1", "127.0.0.2:1"], {"127.0.0.1:1", "127.0.0.2:1"})])
def test_subset_hint_is_obeyed(channel, subset, allowed):
    hint = struct_pb2.Struct()
    hint.update({"x-gateway-destination-endpoint-subset": subset})
    for _ in range(5):
        answers = process(channel, [
            request_headers(metadata={"envoy.lb.subset_hint": hint}), body(chat(), True)])
        assert destination(answers[0]) in allowed


def test_subset_without_any_endpoint_is_503(channel):
    hint = struct_pb2.Struct()
    hint.update({"x-gateway-destination-endpoint-subset": ["10.9.9.9:1"]})
    answers = process(channel, [
        request_headers(metadata={"envoy.lb.subset_hint": hint}), body(chat(), True)])
    assert answers[-1].immediate_response.status.code == 503


def test_pool_by_initial_metadata(tmp_path):
    daemon = Daemon(tmp_path, {"a": "127.0.0.1:1"}, wait=False)
    write_manifests(daemon.manifests / "second.yaml", pool_manifest("embed", app="embedder"),
                    endpoints_manifest({"e": "127.0.0.9:1"}, name="embedders", app="embedder"))
    daemon.wait_ready()
    try:
        wait_until(lambda: len(daemon.listed()) == 2, "both pools are there")
        with grpc.insecure_channel(daemon.address) as channel:
            for pool, expected in (("llm/chat", "127.0.0.1:1"), ("llm/embed", "127.0.0.9:1")):
                answers = process(channel, [request_headers(), body(chat(), True)],
                                  metadata=[("x-inference-pool", pool)])
                assert destination(answers[0]) == expected
            answers = process(channel, [request_headers(), body(chat(), True)],
                              metadata=[("x-inference-pool", "llm/none")])
            assert answers[-1].immediate_response.status.code == 404
    finally:
        daemon.stop()


# --- gRPC itself ------------------------------------------------------------------------------------

def call(channel, method, request=b""):
    return channel.unary_unary(method)(request, timeout=5)


@pytest.mark.parametrize("service", ("", "liveness", "readiness", "envoy.service.ext_proc.v3.ExternalProcessor"))
@pytest.mark.parametrize("port", ("ext_proc", "health"))
def test_health(daemon, service, port):
    address = daemon.address if port == "ext_proc" else f"127.0.0.1:{daemon.health_port}"
    request = bytes([0x0A, len(service)]) + service.encode() if service else b""
    with grpc.insecure_channel(address) as channel:
        assert call(channel, "/grpc.health.v1.Health/Check", request) == b"\x08\x01"  # SERVING


def test_health_of_an_unknown_service_is_not_found(channel):
    with pytest.raises(grpc.RpcError) as error:
        call(channel, "/grpc.health.v1.Health/Check", b"\x0a\x04nope")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("method", ("/no.such.Service/Method", PROCESS + "X"))
def test_unknown_method_is_unimplemented(channel, method):
    with pytest.raises(grpc.RpcError) as error:
        call(channel, method)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_compressed_messages_are_refused(daemon):
    with grpc.insecure_channel(daemon.address, compression=grpc.Compression.Gzip) as channel:
        with pytest.raises(grpc.RpcError) as error:
            process(channel, [request_headers(), body(chat("x" * 5000), True)])
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_garbage_ends_the_stream_with_invalid_argument(channel):
    with pytest.raises(grpc.RpcError) as error:
        list(channel.stream_stream(PROCESS)(iter([b"\xff\xff\xff\xff"]), timeout=5))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert destination(process(channel, [request_headers(), body(chat(), True)])[0])


def test_deadline_of_the_caller_is_kept(channel):
    with pytest.raises(grpc.RpcError) as error:
        stub = pb_grpc.ExternalProcessorStub(channel)

        def never_ending():
            yield request_headers()
            wait_until(lambda: stream.done(), "the deadline", timeout=10)
        stream = stub.Process(never_ending(), timeout=0.5)
        list(stream)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_many_streams_one_after_the_other(channel):
    # Each is reset or closed; the HTTP/2 library's guard against rapid resets must not strike.
    for n in range(3000):
        stream = pb_grpc.ExternalProcessorStub(channel).Process(
            iter([request_headers(), body(chat(f"n {n}"), True)]), timeout=10)
        assert destination(next(stream)) in ENDPOINTS.values()
        stream.cancel()
