"""A model server that records what reached it: OpenAI answers, plain and streamed, and metrics."""

import asyncio
import dataclasses
import hashlib
import json

import h11


@dataclasses.dataclass
class Seen:
    """One request as the model server got it."""
    server: str
    method: str
    path: str
    headers: dict
    length: int
    sha256: str
    trailers: dict
    model: str  # of a small JSON body; "m" else


def _model_of(body):
    try:
        return json.loads(body)["model"]
    except (ValueError, TypeError, KeyError):
        return "m"


class ModelServer:
    """Serves on 127.0.0.1. Set `mode` to "hang" to accept and never answer, "reset" to
    cut the connections of all requests but scrapes, "error" to answer these with 500, "ok" to go on.

    Headers of a request steer its answer: x-test-tokens (count), x-test-delay-ms (before each
    token), x-test-answer-bytes (padding of a plain answer), x-test-trailers (answer has trailers),
    x-test-gate (a stream stops after its first token until open_gate()).
    """

    def __init__(self, loop, name, waiting=0, running=0, kv_usage=0.0):
        self.loop, self.name = loop, name
        self.waiting, self.running, self.kv_usage = waiting, running, kv_usage
        self.mode = "ok"
        self.counts = False  # metrics tell what really runs, in place of `running`
        self.seen = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.cancelled = 0  # answers whose client went away
        self.scrapes = 0
        self._writers = set()
        self._server = None
        self._gate = loop.run(self._make_event())
        self.port = loop.run(self._listen(0))

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def _listen(self, port):
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", port, backlog=4096, limit=1 << 20)
        return self._server.sockets[0].getsockname()[1]

    @staticmethod
    async def _make_event():
        return asyncio.Event()

    def open_gate(self):
        self.loop.loop.call_soon_threadsafe(self._gate.set)

    def die(self):
        """Nothing listens any more and open connections are cut."""
        async def close():
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
        self.loop.run(close())

    def revive(self):
        self.loop.run(self._listen(self.port))

    def find(self, test_id):
        """Requests that carried this x-test-id."""
        return [s for s in self.seen if s.headers.get("x-test-id") == test_id]

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._one_request(connection, reader, writer):
                connection.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError, h11.LocalProtocolError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _next_event(self, connection, reader):
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(1 << 18))
        return event

    async def _one_request(self, connection, reader, writer):
        request = await self._next_event(connection, reader)
        if not isinstance(request, h11.Request):
            return False
        headers = {k.decode(): v.decode() for k, v in request.headers}
        digest, length, body, trailers = hashlib.sha256(), 0, bytearray(), {}
        while True:
            event = await self._next_event(connection, reader)
            if isinstance(event, h11.Data):
                digest.update(event.data)
                length += len(event.data)
                if len(body) < 1 << 16:
                    body += event.data
            elif isinstance(event, h11.EndOfMessage):
                trailers = {k.decode(): v.decode() for k, v in event.headers}
                break
            else:
                return False
        path = request.target.decode()
        if path == "/metrics":
            if self.mode == "hang":
                await asyncio.Event().wait()
            self.scrapes += 1
            return await self._plain(connection, writer, self._metrics().encode(),
                                     "text/plain; version=0.0.4")
        if path == "/health":
            return await self._plain(connection, writer, b"", "text/plain")
        self.seen.append(Seen(self.name, request.method.decode(), path, headers, length,
                              digest.hexdigest(), trailers, _model_of(bytes(body))))
        if self.mode == "hang":
            await asyncio.Event().wait()
        if self.mode == "reset":
            writer.transport.abort()
            return False
        if self.mode == "error":
            return await self._plain(connection, writer, b'{"error": {"message": "engine dead"}}', status=500)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            return await self._answer(connection, writer, headers, path, bytes(body))
        except ConnectionError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    async def _answer(self, connection, writer, headers, path, body):
        tokens, model = int(headers.get("x-test-tokens", "3")), _model_of(body)
        delay = float(headers.get("x-test-delay-ms", "0")) / 1000
        trailers = [("x-test-checksum", "abc")] if "x-test-trailers" in headers else []
        if path == "/v1/models":
            models = {"object": "list", "data": [{"id": "m", "object": "model"}]}
            return await self._plain(connection, writer, json.dumps(models).encode())
        # Bodies over 64 KiB are cut in `body`; whether to stream stands at their front.
        if b'"stream":true' in body.replace(b" ", b""):
            gated = "x-test-gate" in headers
            return await self._stream(connection, writer, model, tokens, delay, trailers, gated)
        if delay:
            await asyncio.sleep(delay * tokens)
        text = "word " * tokens + "." * int(headers.get("x-test-answer-bytes", "0"))
        answer = {"id": "x", "object": "chat.completion", "model": model,
                  "choices": [{"index": 0, "finish_reason": "stop",
                               "message": {"role": "assistant", "content": text}}],
                  "usage": self._usage(tokens)}
        return await self._plain(connection, writer, json.dumps(answer).encode(), trailers=trailers)

    @staticmethod
    def _usage(tokens):
        return {"prompt_tokens": 11, "completion_tokens": tokens, "total_tokens": 11 + tokens,
                "prompt_tokens_details": {"cached_tokens": 7}}

    async def _send(self, writer, data):
        if writer.transport.is_closing():
            raise ConnectionResetError
        writer.write(data)
        await writer.drain()

    async def _plain(self, connection, writer, body, kind="application/json", trailers=(), status=200):
        framing = ("transfer-encoding", "chunked") if trailers else ("content-length", str(len(body)))
        headers = [("content-type", kind), ("x-served-by", self.name), framing]
        data = connection.send(h11.Response(status_code=status, headers=headers))
        data += connection.send(h11.Data(data=body)) if body else b""
        await self._send(writer, data + connection.send(h11.EndOfMessage(headers=list(trailers))))
        return True

    async def _stream(self, connection, writer, model, tokens, delay, trailers, gated):
        headers = [("content-type", "text/event-stream"), ("x-served-by", self.name),
                   ("transfer-encoding", "chunked")]
        await self._send(writer, connection.send(h11.Response(status_code=200, headers=headers)))
        for n in range(tokens):
            if delay:
                await asyncio.sleep(delay)
            chunk = {"id": "x", "object": "chat.completion.chunk", "model": model,
                     "choices": [{"index": 0, "delta": {"content": f"w{n} "}}]}
            event = f"data: {json.dumps(chunk)}\n\n".encode()
            await self._send(writer, connection.send(h11.Data(data=event)))
            if gated:
                await self._gate.wait()
        last = {"id": "x", "object": "chat.completion.chunk", "model": model, "choices": [],
                "usage": self._usage(tokens)}
        tail = f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode()
        await self._send(writer, connection.send(h11.Data(data=tail)) +
                         connection.send(h11.EndOfMessage(headers=list(trailers))))
        return True

    def _metrics(self):
        running = self.in_flight if self.counts else self.running
        return (
            "# TYPE vllm:num_requests_running gauge\n"
            f'vllm:num_requests_running{{engine="0",model_name="m"}} {running:.1f}\n'
            "# TYPE vllm:num_requests_waiting gauge\n"
            f'vllm:num_requests_waiting{{engine="0",model_name="m"}} {self.waiting:.1f}\n'
            "# TYPE vllm:kv_cache_usage_perc gauge\n"
            f'vllm:kv_cache_usage_perc{{engine="0",model_name="m"}} {self.kv_usage}\n'
            "# TYPE vllm:cache_config_info gauge\n"
            'vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="8192"} 1.0\n')
