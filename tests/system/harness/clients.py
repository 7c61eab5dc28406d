"""HTTP/1.1 and HTTP/2 clients over h11 and h2 that let a test do what ordinary clients hide:
chunk by chunk, trailers, reading slowly, leaving early."""

import asyncio
import dataclasses
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings
import h11

VERSIONS = ("1.1", "2")


@dataclasses.dataclass
class Response:
    status: int
    headers: dict
    body: bytes = b""
    trailers: dict = dataclasses.field(default_factory=dict)
    chunk_times: list = dataclasses.field(default_factory=list)

    @property
    def text(self):
        return self.body.decode()


class ConnectionLost(Exception):
    """The peer ended the connection or the stream before the answer was complete."""


def _decoded(headers):
    def text(value):
        return value.decode() if isinstance(value, bytes) else value
    return {text(k).lower(): text(v) for k, v in headers}


async def connect(version, port, **options):
    kind = Http1Connection if version == "1.1" else Http2Connection
    return await kind.open(port, **options)


async def request(version, port, method, path, **arguments):
    """One request on a connection of its own."""
    connection = await connect(version, port)
    try:
        return await connection.request(method, path, **arguments)
    finally:
        await connection.close()


class _Exchange:
    """What both versions share: collecting an answer from `next_chunk`."""

    async def request(self, method, path, **arguments):
        stream = await self.start(method, path, **arguments)
        return await stream.finish()


class _Stream:
    """An answer whose headers are there; `response` fills up while reading."""

    response: Response

    async def finish(self):
        while (chunk := await self.next_chunk()) is not None:
            self.response.body += chunk
            self.response.chunk_times.append(time.monotonic())
        return self.response


class Http1Connection(_Exchange):
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.protocol = h11.Connection(h11.CLIENT)

    @classmethod
    async def open(cls, port, receive_buffer=1 << 20):
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=receive_buffer))

    async def close(self):
        self.writer.transport.abort()

    async def start(self, method, path, headers=None, body=b"", pieces=None, trailers=None,
                    end=True):
        """Sends a request and waits for the answer's headers. `pieces` sends the body chunked, an
        iterable or async iterable; `end=False` leaves the request unfinished and doesn't wait."""
        if self.protocol.our_state is h11.DONE:
            self.protocol.start_next_cycle()
        chunked = pieces is not None or trailers
        fields = [("host", "test"), *(headers or {}).items()]
        if chunked:
            fields.append(("transfer-encoding", "chunked"))
        elif body or method == "POST":
            fields.append(("content-length", str(len(body))))
        await self._send(h11.Request(method=method, target=path, headers=fields))
        async for piece in _async(pieces if pieces is not None else ([body] if body else [])):
            await self._send(h11.Data(data=piece))
        if not end:
            return Http1Stream(self)
        await self._send(h11.EndOfMessage(headers=list((trailers or {}).items())))
        stream = Http1Stream(self)
        await stream.read_headers()
        return stream

    async def _send(self, event):
        try:
            self.writer.write(self.protocol.send(event))
            await self.writer.drain()
        except ConnectionError as error:
            raise ConnectionLost(str(error)) from None

    async def next_event(self):
        try:
            while (event := self.protocol.next_event()) is h11.NEED_DATA:
                self.protocol.receive_data(await self.reader.read(1 << 16))
            return event
        except (ConnectionError, h11.RemoteProtocolError) as error:
            raise ConnectionLost(str(error)) from None


class Http1Stream(_Stream):
    def __init__(self, connection):
        self.connection = connection

    async def read_headers(self):
        while True:
            event = await self.connection.next_event()
            if isinstance(event, h11.Response):
                self.response = Response(event.status_code, _decoded(event.headers))
                return self.response
            if not isinstance(event, h11.InformationalResponse):
                raise ConnectionLost(f"no answer: {event!r}")

    async def next_chunk(self):
        event = await self.connection.next_event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            self.response.trailers = _decoded(event.headers)
            return None
        raise ConnectionLost(f"answer cut: {event!r}")

    async def leave(self):
        await self.connection.close()


class Http2Connection(_Exchange):
    """Many streams at once; a task reads the socket."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.protocol = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.streams = {}
        self.windows = asyncio.Condition()
        self.broken = None

    @classmethod
    async def open(cls, port, receive_buffer=1 << 20):
        self = cls(*await asyncio.open_connection("127.0.0.1", port))
        self.protocol.initiate_connection()
        self.protocol.update_settings({
            h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: receive_buffer})
        self.protocol.increment_flow_control_window(1 << 30)
        self.flush()
        self.task = asyncio.ensure_future(self._read())
        return self

    def flush(self):
        self.writer.write(self.protocol.data_to_send())

    async def close(self):
        self.task.cancel()
        self.writer.transport.abort()

    async def start(self, method, path, headers=None, body=b"", pieces=None, trailers=None,
                    end=True):
        """As for HTTP/1.1."""
        fields = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "test"),
                  *(headers or {}).items()]
        pieces = pieces if pieces is not None else ([body] if body else None)
        if pieces is None and method == "POST":
            fields.append(("content-length", "0"))
        if self.broken:
            raise self.broken
        number = self.protocol.get_next_available_stream_id()
        stream = self.streams[number] = Http2Stream(self, number)
        no_body = pieces is None and not trailers
        self.protocol.send_headers(number, fields, end_stream=no_body and end)
        self.flush()
        async for piece in _async(pieces or []):
            await self._send_data(number, piece)
        if not end:
            return stream
        if trailers:
            self.protocol.send_headers(number, list(trailers.items()), end_stream=True)
        elif not no_body and not stream.finished:
            self.protocol.end_stream(number)
        self.flush()
        await stream.read_headers()
        return stream

    async def _send_data(self, number, piece):
        view = memoryview(piece)
        while view:
            if self.streams[number].finished or self.broken:
                return  # answered early: the rest is of no use
            room = min(self.protocol.local_flow_control_window(number),
                       self.protocol.max_outbound_frame_size, len(view))
            if room <= 0:
                async with self.windows:
                    await self.windows.wait()
                continue
            self.protocol.send_data(number, bytes(view[:room]))
            view = view[room:]
            self.flush()
            await self.writer.drain()

    async def _read(self):
        try:
            while data := await self.reader.read(1 << 18):
                for event in self.protocol.receive_data(data):
                    self._dispatch(event)
                self.flush()
                async with self.windows:
                    self.windows.notify_all()
            self._break(ConnectionLost("connection closed"))
        except (ConnectionError, h2.exceptions.ProtocolError) as error:
            self._break(ConnectionLost(str(error)))

    def _break(self, error):
        self.broken = error
        for stream in self.streams.values():
            stream.events.put_nowait(error)

    def _dispatch(self, event):
        stream = self.streams.get(getattr(event, "stream_id", 0))
        if stream is None:
            return
        if isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
            stream.finished = True
        stream.events.put_nowait(event)


class Http2Stream(_Stream):
    def __init__(self, connection, number):
        self.connection, self.number = connection, number
        self.events = asyncio.Queue()
        self.finished = False

    async def _next(self):
        event = await self.events.get()
        if isinstance(event, ConnectionLost):
            raise event
        if isinstance(event, h2.events.StreamReset):
            raise ConnectionLost(f"stream reset, code {event.error_code}")
        return event

    async def read_headers(self):
        while True:
            event = await self._next()
            if isinstance(event, h2.events.ResponseReceived):
                headers = _decoded(event.headers)
                self.response = Response(int(headers.pop(":status")), headers)
                return self.response

    async def next_chunk(self):
        while True:
            event = await self._next()
            if isinstance(event, h2.events.DataReceived):
                # The window opens again only now: who doesn't read slows the sender down.
                self.connection.protocol.acknowledge_received_data(
                    event.flow_controlled_length, self.number)
                self.connection.flush()
                return event.data
            if isinstance(event, h2.events.TrailersReceived):
                self.response.trailers = _decoded(event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                self.connection.streams.pop(self.number, None)
                return None

    async def leave(self):
        if not self.finished:
            self.connection.protocol.reset_stream(self.number, h2.errors.ErrorCodes.CANCEL)
            self.connection.flush()
        self.connection.streams.pop(self.number, None)


async def _async(pieces):
    if hasattr(pieces, "__aiter__"):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece
