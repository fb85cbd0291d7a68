"""Clients of the HTTP API: keep-alive connections in one thread, so that they cost little CPU."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from bench.load import Sample, Tally

_READ_BYTES = 65_536
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"
_TIMEOUT_S = 10.0


@dataclass
class _Client:
    connection: socket.socket
    began: float = 0.0
    received: bytes = b""


class HttpClients:
    """Clients of one server."""

    def __init__(self, port: int, next_request: Callable[[], bytes]) -> None:
        self._port = port
        self._next_request = next_request

    def run(self, *, clients: int, seconds: float) -> Sample:
        """Each client sends its next request when its answer is there, for `seconds`."""
        with ExitStack() as stack, selectors.DefaultSelector() as selector:
            connected = [_Client(stack.enter_context(self._connect())) for _ in range(clients)]
            tally, began = Tally(), time.perf_counter()
            deadline = began + seconds
            for client in connected:
                selector.register(client.connection, selectors.EVENT_READ, client)
                self._send(client)
            while selector.get_map():
                ready = selector.select(_TIMEOUT_S)
                if not ready:
                    tally.errors.append(f"no answer within {_TIMEOUT_S:.0f} s")
                    break
                for key, _ in ready:
                    if not self._receive(key.data, tally, deadline):
                        selector.unregister(key.fileobj)
            return Sample.of(tally, seconds=time.perf_counter() - began, cpu_s=None)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _send(self, client: _Client) -> None:
        client.received = b""
        client.began = time.perf_counter()
        client.connection.sendall(self._next_request())

    def _receive(self, client: _Client, tally: Tally, deadline: float) -> bool:
        """Take what has come; False where this client is done."""
        part = client.connection.recv(_READ_BYTES)
        client.received += part
        if not part:
            tally.errors.append("the server closed the connection")
            return False
        if not _is_complete(client.received):
            return True
        now = time.perf_counter()
        if client.received[9:12] != b"200":
            tally.errors.append(client.received[-300:].decode("utf-8", "replace"))
            return False
        tally.latencies.append(now - client.began)
        if now >= deadline:
            return False
        self._send(client)
        return True


def _is_complete(answer: bytes) -> bool:
    head, separator, body = answer.partition(_END_OF_HEAD)
    if not separator:
        return False
    length = head.lower().partition(_LENGTH)[2].partition(b"\r")[0]
    return len(body) >= int(length)
