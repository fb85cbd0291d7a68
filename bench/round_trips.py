"""Counts round trips to PostgreSQL on the wire: a socket between client and server."""

from __future__ import annotations

import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SOCKET = ".s.PGSQL.5432"
_READ_BYTES = 65_536


class TripCounter:
    """`count` rises whenever a client speaks after the server spoke: once a round trip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self.count += 1


@contextmanager
def counting_proxy(server_folder: Path | str) -> Iterator[TripCounter]:
    """Stand between clients that connect to `folder` and the server behind `server_folder`."""
    folder = Path(tempfile.mkdtemp(prefix="orion-trips-", dir="/tmp"))
    counter = TripCounter(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / _SOCKET))
        listener.listen()
        threading.Thread(
            target=_accept, args=(listener, Path(server_folder), counter), daemon=True
        ).start()
        try:
            yield counter
        finally:
            # Wakes the thread that waits in accept(); closing alone would not.
            listener.shutdown(socket.SHUT_RDWR)
            shutil.rmtree(folder, ignore_errors=True)


def _accept(listener: socket.socket, server_folder: Path, counter: TripCounter) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return  # the proxy is closed
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(server_folder / _SOCKET))
        threading.Thread(target=_forward, args=(client, server, counter), daemon=True).start()


def _forward(client: socket.socket, server: socket.socket, counter: TripCounter) -> None:
    client_spoke_last = False
    with client, server:
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for source in ready:
                try:
                    part = source.recv(_READ_BYTES)
                except OSError:
                    part = b""
                if not part:
                    return
                if source is client and not client_spoke_last:
                    counter.add()
                client_spoke_last = source is client
                (server if source is client else client).sendall(part)
