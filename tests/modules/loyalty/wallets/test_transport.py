"""A call to a vendor over a real socket: what comes back, and what is not waited for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest

from app.modules.loyalty.types import FaultKind
from app.modules.loyalty.wallets import transport
from app.modules.loyalty.wallets.faults import WalletFault
from app.modules.loyalty.wallets.transport import Answer, ask, open_client, retry_after_s

MEGABYTE = 1_000_000
PATIENCE_S = 0.3
Serve = Callable[[socket.socket], None]


@contextmanager
def vendor(serve: Serve) -> Iterator[str]:
    """A server for one connection, which does what `serve` does; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work() -> None:
            with suppress(OSError):  # the client hangs up where it has had enough
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    serve(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread.join(10)


def saying(head: str, body: bytes = b"", *, length: int | None = None) -> Serve:
    """Answer so, and hang up."""
    size = len(body) if length is None else length
    return lambda connection: connection.sendall(
        f"HTTP/1.1 {head}\r\nContent-Length: {size}\r\n\r\n".encode() + body
    )


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    with open_client() as opened:
        yield opened


@pytest.fixture
def hasty_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx2.Client]:
    monkeypatch.setattr(transport, "TIMEOUT_S", PATIENCE_S)
    with open_client() as opened:
        yield opened


def fault_of(client: httpx2.Client, url: str) -> WalletFault:
    with pytest.raises(WalletFault) as raised:
        ask(client, "GET", url)
    return raised.value


def test_given_an_answer_when_asked_then_status_headers_and_body_come_whole(
    client: httpx2.Client,
) -> None:
    with vendor(saying("418 Teapot\r\nX-Word: yes", b'{"a": 1}')) as url:
        answer = ask(client, "PATCH", url, content=b"{}")
    assert (answer.status, answer.headers["x-word"], answer.json()) == (418, "yes", {"a": 1})


def test_given_a_redirect_when_asked_then_it_is_the_answer(client: httpx2.Client) -> None:
    with vendor(saying("302 Found\r\nLocation: http://127.0.0.1:1/elsewhere")) as url:
        assert ask(client, "GET", url).status == 302


@pytest.mark.parametrize(("size", "reason"), [(MEGABYTE, ""), (MEGABYTE + 1, "answer_too_large")])
def test_given_a_large_answer_when_asked_then_no_more_than_a_megabyte_is_read(
    client: httpx2.Client, size: int, reason: str
) -> None:
    with vendor(saying("200 OK", b"x" * size)) as url:
        if not reason:
            assert len(ask(client, "GET", url).content) == size
        else:
            assert fault_of(client, url).reason == reason


def test_given_an_endless_answer_when_asked_then_it_ends_at_a_megabyte(
    client: httpx2.Client,
) -> None:
    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    with vendor(flood) as url:
        assert fault_of(client, url).reason == "answer_too_large"


@pytest.mark.parametrize(
    ("body", "length"), [(b'{"id": "1', 100), (b"", 10)], ids=["cut off", "nothing"]
)
def test_given_a_line_that_breaks_when_asked_then_it_was_no_answer(
    client: httpx2.Client, body: bytes, length: int
) -> None:
    with vendor(saying("200 OK", body, length=length)) as url:
        fault = fault_of(client, url)
    assert (fault.kind, fault.reason) == (FaultKind.TRANSIENT, "unreachable")


def test_given_nobody_there_when_asked_then_unreachable(client: httpx2.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert fault_of(client, f"http://127.0.0.1:{port}/").reason == "unreachable"


def silent(connection: socket.socket) -> None:
    connection.recv(1)  # until the other side has had enough


def dripping(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(PATIENCE_S / 10)


@pytest.mark.parametrize("serve", [silent, dripping])
def test_given_a_vendor_that_takes_its_time_when_asked_then_the_call_ends_in_time(
    hasty_client: httpx2.Client, serve: Serve
) -> None:
    with vendor(serve) as url:
        began = time.monotonic()
        fault = fault_of(hasty_client, url)
        took = time.monotonic() - began
    assert (fault.kind, fault.reason) == (FaultKind.TRANSIENT, "timeout")
    assert took < PATIENCE_S * 5


@pytest.mark.parametrize("body", [b'{"id": "1', b"<html></html>", b"", b"\xff\xfe", b"NaN"])
def test_given_a_body_that_is_no_json_when_read_then_it_may_pass(body: bytes) -> None:
    with pytest.raises(WalletFault) as raised:
        Answer(200, httpx2.Headers(), body).json()
    assert (raised.value.kind, raised.value.reason) == (FaultKind.TRANSIENT, "unreadable_answer")


def wait_of(value: str | None) -> int | None:
    said = [] if value is None else [(b"Retry-After", value.encode())]
    headers = httpx2.Headers(said)
    return retry_after_s(Answer(429, headers, b""))


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        (None, None), ("", None), ("soon", None), ("-1", None), ("1.5", None), ("٣", None),
        ("0", 0), ("7", 7), ("3600", 3600), ("3601", 3600), ("9" * 500, 3600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2015 07:28:00 -0000", None), ("Wed, 21 Oct 2015 07:28:00 +9999", None),
        (" , ", None), ("Wed, 21 Oct 99999999999 07:28:00 GMT", None), ("é\t;", None),
    ],
)  # fmt: skip
def test_given_retry_after_when_read_then_seconds_up_to_an_hour_or_nothing(
    value: str | None, wait_s: int | None
) -> None:
    assert wait_of(value) == wait_s


def test_given_retry_after_as_a_date_when_read_then_the_seconds_until_then() -> None:
    def in_minutes(minutes: int) -> str:
        return format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)

    assert wait_of(in_minutes(2)) == pytest.approx(119, abs=2)
    assert wait_of(in_minutes(120)) == 3600
