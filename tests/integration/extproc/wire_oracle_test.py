"""Random messages through the hand-written codec, made and read by another protobuf."""

import os
import random
import struct
import subprocess

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc

ECHO = os.environ["WIRE_ECHO"]


def frame(message: bytes) -> bytes:
    return struct.pack(">BI", 0, len(message)) + message


def unframe(data: bytes):
    while data:
        flag, size = struct.unpack(">BI", data[:5])
        assert flag == 0
        yield ext_proc.ProcessingResponse.FromString(data[5 : 5 + size])
        data = data[5 + size :]


def echo(*messages):
    data = b"".join(frame(m.SerializeToString()) for m in messages)
    done = subprocess.run([ECHO], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(unframe(done.stdout))


def text(rng, most=40):
    return "".join(chr(rng.randrange(0x20, 0x7F)) for _ in range(rng.randrange(most)))


def random_headers(rng, headers):
    for _ in range(rng.randrange(30)):
        header = headers.headers.headers.add()
        header.key = text(rng, 30)
        if rng.random() < 0.8:
            header.raw_value = rng.randbytes(rng.randrange(1, 200))
        else:
            header.value = text(rng)
    headers.end_of_stream = rng.random() < 0.5


def random_context(rng, message):
    if rng.random() < 0.5:
        hint = message.metadata_context.filter_metadata["envoy.lb.subset_hint"]
        entries = [text(rng).replace(",", "") for _ in range(rng.randrange(5))]
        key = "x-gateway-destination-endpoint-subset"
        if rng.random() < 0.5:
            hint[key] = entries
            hint.fields[key].list_value.values.add().number_value = 3
        else:
            hint[key] = ",".join(entries)
        hint["other"] = {"deep": [{"deeper": 1.5}, None, True]}
    if rng.random() < 0.5:
        lb = message.metadata_context.filter_metadata["envoy.lb"]
        lb["x-gateway-destination-endpoint-served"] = "10.0.0.%d:8000" % rng.randrange(256)
        lb["noise"] = 7
    if rng.random() < 0.5:
        attributes = message.attributes["envoy.filters.http.ext_proc"]
        for name in ("xds.route_name", "request.id", "upstream.address", "response.code_details",
                     "xds.cluster_name"):
            if rng.random() < 0.7:
                attributes[name] = text(rng)
        attributes["response.code"] = 200
    if rng.random() < 0.5:
        message.protocol_config.request_body_mode = rng.randrange(6)
        message.protocol_config.response_body_mode = rng.randrange(5)
        message.protocol_config.send_body_without_waiting_for_header_response = True
    message.observability_mode = rng.random() < 0.3


def random_request(rng):
    message = ext_proc.ProcessingRequest()
    kind = rng.randrange(7)
    if kind == 0:
        random_headers(rng, message.request_headers)
        message.request_headers.SetInParent()
    elif kind == 1:
        random_headers(rng, message.response_headers)
        message.response_headers.SetInParent()
    elif kind in (2, 3):
        body = message.request_body if kind == 2 else message.response_body
        body.SetInParent()
        body.body = rng.randbytes(rng.choice([0, 1, 127, 128, 5000, 70000]))
        body.end_of_stream = rng.random() < 0.5
    elif kind == 4:
        message.request_trailers.trailers.headers.add().key = "t"
    elif kind == 5:
        message.response_trailers.SetInParent()
    random_context(rng, message)
    return message


def subset_of(message):
    context = message.metadata_context.filter_metadata
    if "envoy.lb.subset_hint" not in context:
        return None
    value = context["envoy.lb.subset_hint"].fields["x-gateway-destination-endpoint-subset"]
    if value.WhichOneof("kind") == "string_value":
        return value.string_value
    texts = [v.string_value for v in value.list_value.values if v.WhichOneof("kind") == "string_value"]
    return ",".join(t for t in texts if t)


def served_of(message):
    context = message.metadata_context.filter_metadata
    if "envoy.lb" not in context:
        return ""
    return context["envoy.lb"]["x-gateway-destination-endpoint-served"]


def attribute(message, name):
    if "envoy.filters.http.ext_proc" not in message.attributes:
        return ""
    fields = message.attributes["envoy.filters.http.ext_proc"].fields
    return fields[name].string_value if name in fields else ""


def check_destination(response, served):
    if not served:
        assert not response.HasField("dynamic_metadata")
        return
    assert list(response.dynamic_metadata.fields) == ["envoy.lb"]
    assert dict(response.dynamic_metadata["envoy.lb"]) == {"x-gateway-destination-endpoint": served}


def check_headers(headers, common, message):
    expected = [
        (h.key.lower(), h.raw_value or h.value.encode()) for h in headers.headers.headers
    ]
    seen = [(o.header.key, o.header.raw_value) for o in common.header_mutation.set_headers]
    assert seen == expected
    assert all(not o.header.value for o in common.header_mutation.set_headers)
    assert common.clear_route_cache == headers.end_of_stream
    config = "absent"
    if message.HasField("protocol_config"):
        config = "%d,%d" % (
            message.protocol_config.request_body_mode,
            message.protocol_config.response_body_mode,
        )
    subset = subset_of(message)
    flags = ("observability" if message.observability_mode else "") + (
        "" if subset is None else " subset"
    )
    assert list(common.header_mutation.remove_headers) == [
        attribute(message, "xds.route_name"),
        attribute(message, "request.id"),
        attribute(message, "upstream.address"),
        attribute(message, "response.code_details"),
        subset or "",
        config,
        flags,
    ]


@pytest.mark.parametrize("seed", range(8))
def test_random_messages_survive_both_directions(seed):
    rng = random.Random(seed)
    requests = [random_request(rng) for _ in range(150)]
    responses = echo(*requests)
    assert len(responses) == len(requests)
    for request, response in zip(requests, responses):
        kind = request.WhichOneof("request")
        if kind is None:
            assert response.immediate_response.status.code == 418
            continue
        assert response.WhichOneof("response") == kind
        if kind.endswith("headers"):
            check_headers(getattr(request, kind), getattr(response, kind).response, request)
            check_destination(response, served_of(request))
        elif kind.endswith("body"):
            body = getattr(request, kind)
            streamed = getattr(response, kind).response.body_mutation.streamed_response
            assert streamed.body == body.body
            assert streamed.end_of_stream == body.end_of_stream
        else:
            check_destination(response, served_of(request))


def test_a_truncated_message_is_refused():
    message = ext_proc.ProcessingRequest()
    message.request_body.body = b"x" * 100
    data = frame(message.SerializeToString()[:-1])
    assert subprocess.run([ECHO], input=data, capture_output=True).returncode == 1
