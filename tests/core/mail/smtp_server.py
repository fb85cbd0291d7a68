"""A small SMTP server that is as strict as a real one, and can be told to misbehave."""

from __future__ import annotations

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

_PATH = re.compile(r"(?:FROM|TO):<([^<>\s]+@[^<>\s]+)>((?: [A-Z0-9=-]+)*)", re.IGNORECASE)


@dataclass
class Received:
    """One e-mail as the server took it."""

    sender: str
    recipients: list[str]
    raw: bytes
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.SMTP)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class Behaviour:
    """What the server answers instead of what it should. `hang_at`: says nothing any more."""

    answers: dict[str, str] = field(default_factory=dict)
    hang_at: str | None = None
    cut_at: str | None = None
    smtputf8: bool = False
    login: tuple[str, str] | None = None


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1 from its making on."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0, *, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.received: list[Received] = []
        self.behaviour = Behaviour()
        self.connections = 0
        self.faults: list[str] = []
        self.closing = threading.Event()
        self.context: ssl.SSLContext | None = None
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate)

    @property
    def port(self) -> int:
        port: int = self.server_address[1]
        return port


@contextmanager
def smtp_server(port: int = 0, *, certificate: Path | None = None) -> Iterator[SmtpServer]:
    """A server that answers while the block runs."""
    with SmtpServer(port, certificate=certificate) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()
    assert server.faults == [], server.faults


class _Session(socketserver.StreamRequestHandler):
    """One connection: commands must come in the order of RFC 5321."""

    server: SmtpServer

    def handle(self) -> None:
        self.server.connections += 1
        self.encrypted = False
        self.greeted = self.signed_in = False
        self.sender: str | None = None
        self.recipients: list[str] = []
        try:
            self._converse()
        except (ConnectionError, ssl.SSLError):
            return

    def _converse(self) -> None:
        self._say("220 mail.example ESMTP")
        while line := self.rfile.readline(2000):
            if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
                self.server.faults.append(f"bare line end: {line!r}")
            verb, _, rest = line.decode("utf-8").strip().partition(" ")
            verb = verb.upper()
            behaviour = self.server.behaviour
            if verb == behaviour.cut_at:
                return
            if verb == behaviour.hang_at:
                self.server.closing.wait(30)
                return
            if verb == "QUIT":
                self._say("221 bye")
                return
            if verb in behaviour.answers:
                self._say(behaviour.answers[verb])
                if behaviour.answers[verb].startswith("421"):
                    return
                continue
            getattr(self, f"_{verb.lower()}", self._unknown)(rest)

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    def _unknown(self, rest: str) -> None:
        self.server.faults.append(f"unknown command: {rest}")
        self._say("500 unknown")

    def _ehlo(self, name: str) -> None:
        self.greeted = bool(name)
        offers = ["8BITMIME", "SIZE 1000000"]
        if self.server.context is not None and not self.encrypted:
            offers.append("STARTTLS")
        if self.server.behaviour.smtputf8:
            offers.append("SMTPUTF8")
        if self.server.behaviour.login:
            offers.append("AUTH PLAIN")
        self._say("250-mail.example", *[f"250-{one}" for one in offers[:-1]], f"250 {offers[-1]}")

    def _starttls(self, _rest: str) -> None:
        assert self.server.context is not None
        self._say("220 go ahead")
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = socketserver._SocketWriter(self.connection)  # type: ignore[attr-defined]
        self.encrypted, self.greeted = True, False

    def _auth(self, rest: str) -> None:
        mechanism, _, secret = rest.partition(" ")
        given = tuple(base64.b64decode(secret).decode().split("\0")[1:])
        self.signed_in = mechanism == "PLAIN" and given == self.server.behaviour.login
        self._say("235 welcome" if self.signed_in else "535 no")

    def _mail(self, rest: str) -> None:
        found = _PATH.fullmatch(rest)
        if not self.greeted or found is None or self.sender is not None:
            self._refuse(f"MAIL {rest}")
        elif self.server.behaviour.login and not self.signed_in:
            self._say("530 sign in first")
        else:
            self.sender = found[1]
            self._say("250 ok")

    def _rcpt(self, rest: str) -> None:
        found = _PATH.fullmatch(rest)
        if self.sender is None or found is None:
            self._refuse(f"RCPT {rest}")
        else:
            self.recipients.append(found[1])
            self._say("250 ok")

    def _data(self, _rest: str) -> None:
        if not self.recipients or self.sender is None:
            self._refuse("DATA")
            return
        self._say("354 go on")
        content = bytearray()
        while (line := self.rfile.readline()) != b".\r\n":
            if not line.endswith(b"\r\n"):
                self.server.faults.append(f"bare line end in data: {line!r}")
            if not line:
                return
            if len(line) > 1000:
                self.server.faults.append("a line of data is too long")
            content += line[1:] if line.startswith(b".") else line
        if "." in self.server.behaviour.answers:
            self._say(self.server.behaviour.answers["."])
        elif self.server.behaviour.cut_at == ".":
            raise ConnectionResetError
        else:
            self.server.received.append(
                Received(self.sender, self.recipients, bytes(content), self.encrypted)
            )
            self._say("250 taken")
        self._rset_state()

    def _rset(self, _rest: str) -> None:
        self._rset_state()
        self._say("250 ok")

    def _rset_state(self) -> None:
        self.sender, self.recipients = None, []

    def _refuse(self, what: str) -> None:
        self.server.faults.append(f"out of order or malformed: {what}")
        self._say("503 bad sequence")
