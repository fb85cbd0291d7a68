"""A site on this machine that serves one thing over https, and can be told to misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpcore2
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAME = "pictures.example.org"
ADDRESS = "93.184.215.14"  # a public one; connections to it end here
Serve = Callable[[ssl.SSLSocket], None]


def certificate(folder: Path, name: str = NAME) -> Path:
    """A certificate of `name`, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def answer(
    content: bytes, *headers: str, status: str = "200 OK", length: int | None = None
) -> Serve:
    """What the site answers. `length` is what it says of itself, the truth without it."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content) if length is None else length}"]
    head = "\r\n".join([*lines, *headers, "", ""]).encode()
    return lambda line: line.sendall(head + content)


@dataclass
class PictureSite:
    """The site, what it was asked, and who connected where."""

    serve: Serve
    port: int
    requests: list[bytes] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)
    connects: list[tuple[str, int]] = field(default_factory=list)

    def resolve(self, _name: str) -> list[str]:
        """Every name is this site's."""
        return [ADDRESS]

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
        """Whatever the address, the line ends here."""
        self.connects.append((address, port))
        return httpcore2.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout=timeout_s)


@contextmanager
def picture_site(file: Path, serve: Serve) -> Iterator[PictureSite]:
    """Listens on 127.0.0.1 while the block runs, with the certificate in `file`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        site = PictureSite(serve, listener.getsockname()[1])
        context.sni_callback = lambda _line, name, _context: site.server_names.append(name)
        thread = threading.Thread(target=_accept, args=(listener, context, site), daemon=True)
        thread.start()
        yield site
        # A listener that is only closed goes on waiting.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert not thread.is_alive()


def _accept(listener: socket.socket, context: ssl.SSLContext, site: PictureSite) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        with line, suppress(OSError):  # the other side may hang up at any time
            line.settimeout(2)
            _serve(context.wrap_socket(line, server_side=True), site)


def _serve(line: ssl.SSLSocket, site: PictureSite) -> None:
    with line:
        request = b""
        while b"\r\n\r\n" not in request:
            part = line.recv(4096)
            if not part:
                return
            request += part
        site.requests.append(request)
        site.serve(line)
