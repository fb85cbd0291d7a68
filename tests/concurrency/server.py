"""The platform as a process of its own, which may be killed and started again."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

# Status, headers in small letters, body.
Answer = tuple[int, dict[str, str], Any]

_START_S = 60.0
_STOP_S = 30.0
_COMMAND = "from app.cli import main; main()"


class Server:
    """`orion serve` on a port of this machine, with the tests' own settings."""

    def __init__(self, database_url: str, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._log = folder / "server.log"
        self._environment = os.environ | {
            "ORION_DATABASE_URL": database_url,
            "ORION_DATA_DIR": str(folder / "data"),
            "ORION_PORT": str(self.port),
            "ORION_LOG_LEVEL": "ERROR",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; returns the seconds until it was ready.

        Raises:
            RuntimeError: it does not come up, with what it said.
        """
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, "serve"],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        while time.monotonic() - began < _START_S:
            if self._process.poll() is not None:
                break
            if self._is_ready():
                return time.monotonic() - began
            time.sleep(0.05)
        raise RuntimeError(self._log.read_text(encoding="utf-8", errors="replace")[-2000:])

    def kill(self) -> None:
        """SIGKILL: nothing is finished, nothing is told to anybody."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def _is_ready(self) -> bool:
        with closing(Client(self.port)) as client:
            try:
                return client.get("/readyz")[0] == 200
            except OSError:
                return False


class Client:
    """One connection to the server, opened again after it broke."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def get(self, path: str) -> Answer:
        """Ask once.

        Raises:
            OSError: the line broke.
        """
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: dict[str, Any], **headers: str) -> Answer:
        """As `get`."""
        return self._ask("POST", path, json.dumps(body), headers)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        try:
            self._connection.request(method, path, body, self._headers | headers)
            response = self._connection.getresponse()
            content = json.loads(response.read() or b"null")
            return response.status, {k.lower(): v for k, v in response.getheaders()}, content
        except http.client.HTTPException as broken:
            self._connection.close()
            raise ConnectionError(str(broken)) from broken
        except OSError:
            self._connection.close()
            raise
