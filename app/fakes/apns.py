"""A stand-in for Apple's push service: HTTP/2, demands the certificate, fails on call."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded
from h2.exceptions import ProtocolError

from app.fakes.keys import AppleChain, ServerFiles

_PATH: Final = re.compile(r"/3/device/(?P<token>[^/?]*)")
# Apple: at most 100 bytes, in hexadecimal; so far they are 32.
_TOKEN: Final = re.compile(r"(?:[0-9a-fA-F]{2}){16,100}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a push. `timestamp` in milliseconds. `ends`: the connection ends with it."""

    status: int = 200
    reason: str = ""
    timestamp: int | None = None
    delay_s: float = 0.0
    retry_after_s: int | None = None
    ends: str = ""  # "goaway", "reset" (this stream only) or "hangup": instead of an answer


@dataclass(frozen=True, slots=True)
class Push:
    """A push that arrived."""

    token: str
    headers: dict[str, str]
    body: bytes
    status: int


@dataclass
class PushControl:
    """What arrived, and what is to become of the next pushes.

    `coming` is used up in order, `of_token` stands for good; otherwise what Apple would say.
    `on_push` is called in a thread of its own for each push that is accepted.
    """

    pushes: list[Push] = field(default_factory=list)
    connections: int = 0
    coming: deque[Verdict] = field(default_factory=deque)
    of_token: dict[str, Verdict] = field(default_factory=dict)
    on_push: Callable[[str], None] | None = None
    _told: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def wait(self, *, timeout_s: float = 10.0) -> bool:
        """Until `on_push` has heard of one push more."""
        return self._told.acquire(timeout=timeout_s)

    def tell(self, token: str) -> None:
        """Have `on_push` hear of a push."""
        if self.on_push:
            self.on_push(token)
        self._told.release()

    def accepted(self) -> list[str]:
        """The tokens of all pushes that were taken, in order."""
        return [push.token for push in self.pushes if push.status == 200]


@asynccontextmanager
async def serving(
    control: PushControl, *, files: ServerFiles, chain: AppleChain, host: str, port: int
) -> AsyncIterator[int]:
    """Listen while the block runs; gives the port. `chain` is who may connect."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED
    for authority in (chain.root, chain.wwdr):
        context.load_verify_locations(authority)
    context.set_alpn_protocols(["h2"])
    lines: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        control.connections += 1
        lines.add(writer)
        try:
            with suppress(OSError, ProtocolError):  # the other side may hang up at any time
                await _Connection(control, reader, writer).serve()
        finally:
            writer.close()
            lines.discard(writer)

    server = await asyncio.start_server(connected, host, port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for line in lines:
            line.transport.abort()
        while lines:
            await asyncio.sleep(0.01)


@contextmanager
def running(
    control: PushControl, *, files: ServerFiles, chain: AppleChain, port: int = 0
) -> Iterator[str]:
    """Listen on 127.0.0.1 in a thread of its own; gives the address, such as https://…:8011."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-apns", daemon=True)
    thread.start()
    server = serving(control, files=files, chain=chain, host="127.0.0.1", port=port)
    try:
        found = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        yield f"https://127.0.0.1:{found}"
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Connection:
    """One client, as its certificate names it."""

    def __init__(
        self, control: PushControl, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._control = control
        self._reader, self._writer = reader, writer
        self._topic = _user_id(writer.get_extra_info("peercert"))
        config = H2Configuration(client_side=False, header_encoding="utf-8")
        self._h2 = H2Connection(config)
        self._requests: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(65536):
                for event in self._h2.receive_data(data):
                    self._hear(event)
                self._flush()
        finally:
            for task in self._answering:
                task.cancel()

    def _hear(self, event: object) -> None:
        if isinstance(event, RequestReceived):
            self._requests[event.stream_id] = (
                {str(name): str(value) for name, value in event.headers},
                bytearray(),
            )
        elif isinstance(event, DataReceived):
            self._requests[event.stream_id][1].extend(event.data)
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            task = asyncio.create_task(self._answer(event.stream_id))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, stream_id: int) -> None:
        headers, body = self._requests.pop(stream_id)
        path = _PATH.fullmatch(headers[":path"])
        token = path["token"] if path else ""
        verdict = self._verdict(headers, token, bytes(body))
        await asyncio.sleep(verdict.delay_s)
        status = 0 if verdict.ends else verdict.status
        self._control.pushes.append(Push(token, headers, bytes(body), status))
        with suppress(ProtocolError, OSError):  # it may have lost patience
            self._send(stream_id, verdict)
        if status == 200:
            await asyncio.to_thread(self._control.tell, token)

    def _verdict(self, headers: dict[str, str], token: str, body: bytes) -> Verdict:
        control = self._control
        if control.coming:
            return control.coming.popleft()
        if headers[":method"] != "POST":
            return Verdict(405, "MethodNotAllowed")
        if headers.get("apns-topic") != self._topic:
            return Verdict(400, "BadTopic")
        if not _TOKEN.fullmatch(token):
            return Verdict(400, "BadDeviceToken")
        if not body:
            return Verdict(400, "PayloadEmpty")
        return control.of_token.get(token, Verdict())

    def _send(self, stream_id: int, verdict: Verdict) -> None:
        if verdict.ends == "hangup":
            self._writer.transport.abort()
        elif verdict.ends == "reset":
            self._h2.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
            self._flush()
        elif verdict.ends == "goaway":
            self._h2.close_connection(last_stream_id=max(0, stream_id - 2))
            self._flush()
            self._writer.close()
        else:
            self._reply(stream_id, verdict)

    def _reply(self, stream_id: int, verdict: Verdict) -> None:
        headers = [(":status", str(verdict.status)), ("apns-id", f"fake-{stream_id}")]
        if verdict.retry_after_s is not None:
            headers.append(("retry-after", str(verdict.retry_after_s)))
        said: dict[str, Any] = {"reason": verdict.reason} if verdict.reason else {}
        if verdict.timestamp is not None:
            said["timestamp"] = verdict.timestamp
        self._h2.send_headers(stream_id, headers, end_stream=not said)
        if said:
            self._h2.send_data(stream_id, json.dumps(said).encode(), end_stream=True)
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())


def _user_id(certificate: dict[str, Any]) -> str:
    """The pass type: the subject's UID."""
    parts = {name: value for part in certificate["subject"] for name, value in part}
    return str(parts.get("userId") or parts.get("UID", ""))
