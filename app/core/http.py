"""One look at an address that somebody typed in, and never at what is not public.

Only https on port 443. The name is asked for once, all its addresses must be public, and the
connection goes to the first of them: a name that points elsewhere a moment later leads nowhere
else. No redirect is followed, no proxy used, nothing unpacked, and everything ends in time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import httpcore2

TIMEOUT_S: Final = 3.0
_PORT: Final = 443
# Strict, so that no other reader of addresses finds another host in one: no user, no other port,
# no backslash, no character beyond ASCII.
_URL: Final = re.compile(
    r"https://(?P<host>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::443)?"
    r"(?P<target>[/?][!-\"$-~]*)?(?:#[!-~]*)?"
)
# Its last label has letters: 127.1, 0x7f.1 and 2130706433 are addresses in disguise.
_NAME: Final = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})",
    re.IGNORECASE,
)
# IANA's registries of special addresses, where `is_global` says too much: relays and tunnels,
# which carry another address inside, and a cloud's own service under a public address.
_NOT_PUBLIC: Final = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "2002::/16",
         "3fff::/20"),
    )
)  # fmt: skip
# All that is given out as global unicast (RFC 4291, 2.4); what embeds IPv4 lies outside.
_IPV6_UNICAST: Final = ipaddress.IPv6Network("2000::/3")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Sequence[str]]
Connect = Callable[[str, int, float], httpcore2.NetworkStream]


class NotFetched(Exception):
    """Nothing came of it. `reason` is a stable word, `is_final`: another try would end the same.

    Final: `address_refused`, `redirected`, `not_served`, `too_large`. Not final: `name_unknown`,
    `unreachable`, `timeout`, `server_failed`.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final


def addresses_of(name: str) -> list[str]:
    """All addresses of a name that this host has a way to.

    Raises:
        OSError: the name is not known, or nobody could be asked.
    """
    found = socket.getaddrinfo(name, _PORT, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [str(entry[4][0]) for entry in found]


def connect_to(address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
    """A connection to an address, which is no name."""
    return httpcore2.SyncBackend().connect_tcp(address, port, timeout=timeout_s)


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may be behind it, and nobody of this network.

    Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
    """
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _IPV6_UNICAST or address.scope_id
    ):
        return False
    is_special = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not is_special


def fetch_public(
    url: str,
    *,
    max_bytes: int,
    accept: str,
    timeout_s: float = TIMEOUT_S,
    resolve: Resolve = addresses_of,
    connect: Connect = connect_to,
) -> bytes:
    """What a public https address serves, at most `max_bytes`, in `timeout_s` seconds altogether.

    `accept` is the header's value; whether it is that, the caller finds out. To be called by
    workers only: no request waits for somebody else's server.

    Raises:
        NotFetched.
    """
    host, target = _parts(url)
    deadline = _Deadline(timeout_s)
    backend = _PinnedBackend(_pinned(host, resolve, deadline), deadline, connect)
    headers = [
        ("Host", host),
        ("Accept", accept),
        ("Accept-Encoding", "identity"),  # what comes packed all the same stays as it is
        ("User-Agent", "Orion-Loyalty"),
    ]
    address = httpcore2.URL(scheme="https", host=host.strip("[]"), target=target)
    context = httpcore2.default_ssl_context()
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=context, network_backend=backend) as pool,
            pool.stream("GET", address, headers=headers) as response,
        ):
            return _content(response, max_bytes)
    except httpcore2.TimeoutException:
        raise NotFetched("timeout") from None
    except (httpcore2.NetworkError, httpcore2.ProtocolError) as fault:
        raise NotFetched("unreachable") from fault


class _Deadline:
    """When all must be over, by this process's stopwatch."""

    def __init__(self, timeout_s: float) -> None:
        self._at = time.monotonic() + timeout_s

    def left_s(self) -> float:
        left_s = self._at - time.monotonic()
        if left_s <= 0:
            raise NotFetched("timeout")
        return left_s


class _PinnedBackend(httpcore2.NetworkBackend):
    """Connects to one address, whatever the name means to anybody by now."""

    def __init__(self, address: str, deadline: _Deadline, connect: Connect) -> None:
        self._address = address
        self._deadline = deadline
        self._connect = connect

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the library's signature; certificate and SNI go by the name
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """The one connection that there is."""
        stream = self._connect(self._address, _PORT, self._deadline.left_s())
        return _TimedStream(stream, self._deadline)


class _TimedStream(httpcore2.NetworkStream):
    """Waits no longer than the deadline, however often something small arrives."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """What has arrived."""
        return self._stream.read(max_bytes, self._deadline.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all of it."""
        self._stream.write(buffer, self._deadline.left_s())

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        """The same line, encrypted."""
        left_s = self._deadline.left_s()
        encrypted = self._stream.start_tls(ssl_context, server_hostname, left_s)
        return _TimedStream(encrypted, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """What the line knows of itself."""
        return self._stream.get_extra_info(info)


def _parts(url: str) -> tuple[str, str]:
    """Host, and path with query."""
    match = _URL.fullmatch(url)
    if match is None:
        raise NotFetched("address_refused", is_final=True)
    target = match["target"] or "/"
    return match["host"].lower(), target if target.startswith("/") else f"/{target}"


def _pinned(host: str, resolve: Resolve, deadline: _Deadline) -> str:
    """The address to connect to. One that is not public spoils all."""
    literal = _literal(host)
    found = [literal] if literal else _resolved(host, resolve, deadline)
    if not all(map(is_public, found)):
        raise NotFetched("address_refused", is_final=True)
    return str(found[0])


def _literal(host: str) -> Address | None:
    if not host.startswith("[") and _NAME.fullmatch(host):
        return None
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise NotFetched("address_refused", is_final=True) from None


def _resolved(name: str, resolve: Resolve, deadline: _Deadline) -> list[Address]:
    """Asked in a thread of its own: the system's resolver knows no deadline."""
    answer: Future[Sequence[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(resolve(name))
        except OSError as fault:
            answer.set_exception(fault)

    threading.Thread(target=ask, name="orion-resolve", daemon=True).start()
    try:
        found = [ipaddress.ip_address(text) for text in answer.result(deadline.left_s())]
    except TimeoutError:
        raise NotFetched("timeout") from None
    except OSError:
        found = []
    if not found:
        raise NotFetched("name_unknown")
    return found


def _content(response: httpcore2.Response, max_bytes: int) -> bytes:
    if 300 <= response.status < 400:
        raise NotFetched("redirected", is_final=True)
    if response.status >= 500:
        raise NotFetched("server_failed")
    if response.status != 200:
        raise NotFetched("not_served", is_final=True)
    content = bytearray()
    for part in response.iter_stream():
        content += part
        if len(content) > max_bytes:
            raise NotFetched("too_large", is_final=True)
    return bytes(content)
