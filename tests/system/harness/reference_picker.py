"""A plain ext_proc server on Google's gRPC and generated Envoy messages: round robin, nothing else.

pytest --picker=reference puts it in the daemon's place, which tells a fault of a bootstrap or of a
test from a fault of the daemon. Run as a program: reference_picker.py PORT ENDPOINT...
"""

import asyncio
import itertools
import sys

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as pb_grpc

Mode = processing_mode_pb2.ProcessingMode
DESTINATION = "x-gateway-destination-endpoint"
PIECE = 60000


class Picker(pb_grpc.ExternalProcessorServicer):
    def __init__(self, endpoints):
        self._next = itertools.cycle(endpoints)

    def _pick(self, answer, common):
        endpoint = next(self._next)
        common.header_mutation.set_headers.append(base_pb2.HeaderValueOption(
            header=base_pb2.HeaderValue(key=DESTINATION, raw_value=endpoint.encode())))
        common.clear_route_cache = True
        answer.dynamic_metadata["envoy.lb"] = {DESTINATION: endpoint}
        return answer

    async def Process(self, requests, context):
        mode, body, picked, observing = None, b"", False, False
        async for message in requests:
            if mode is None:
                mode = message.protocol_config.request_body_mode
                observing = message.observability_mode
            if observing:
                continue
            kind = message.WhichOneof("request")
            if kind == "request_headers":
                answer = pb.ProcessingResponse()
                common = answer.request_headers.response
                if message.request_headers.end_of_stream:
                    yield self._pick(answer, common)
                elif mode != Mode.FULL_DUPLEX_STREAMED:
                    common.SetInParent()
                    answer.request_headers.SetInParent()
                    yield answer
            elif kind == "request_body" and mode == Mode.FULL_DUPLEX_STREAMED:
                body += message.request_body.body
                if message.request_body.end_of_stream:
                    for answer in self._full_duplex(body, True):
                        yield answer
            elif kind == "request_body":
                answer = pb.ProcessingResponse()
                answer.request_body.SetInParent()
                yield answer if picked else self._pick(answer, answer.request_body.response)
                picked = True
            elif kind == "request_trailers":
                if mode == Mode.FULL_DUPLEX_STREAMED:
                    for answer in self._full_duplex(body, False):
                        yield answer
                answer = pb.ProcessingResponse()
                answer.request_trailers.SetInParent()
                yield answer
            elif kind == "response_body":
                answer = pb.ProcessingResponse()
                streamed = answer.response_body.response.body_mutation.streamed_response
                streamed.body = message.response_body.body
                streamed.end_of_stream = message.response_body.end_of_stream
                yield answer
            else:
                answer = pb.ProcessingResponse()
                getattr(answer, kind).SetInParent()
                yield answer

    def _full_duplex(self, body, end):
        answer = pb.ProcessingResponse()
        yield self._pick(answer, answer.request_headers.response)
        pieces = [body[i:i + PIECE] for i in range(0, len(body), PIECE)] or [b""]
        for n, piece in enumerate(pieces):
            answer = pb.ProcessingResponse()
            streamed = answer.request_body.response.body_mutation.streamed_response
            streamed.body = piece
            streamed.end_of_stream = end and n == len(pieces) - 1
            yield answer


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1 Check, always SERVING, without its generated code."""

    def service(self, details):
        if details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self._check)

    @staticmethod
    async def _check(request, context):
        return b"\x08\x01"


async def main(port, endpoints):
    server = grpc.aio.server(options=[
        ("grpc.max_receive_message_length", 1 << 26),
        # A stock gRPC server takes the keepalive of our bootstraps for abuse.
        ("grpc.http2.max_ping_strikes", 0),
        # It also refuses at random what comes in a burst.
        ("grpc.server.max_pending_requests", 10000),
        ("grpc.server.max_pending_requests_hard_limit", 10000)])
    pb_grpc.add_ExternalProcessorServicer_to_server(Picker(endpoints), server)
    server.add_generic_rpc_handlers((Health(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
