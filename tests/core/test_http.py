"""The guarded way out: nothing that is not public is ever connected to, and all ends in time."""

from __future__ import annotations

import ipaddress
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore2
import pytest

from app.core import http
from app.core.http import NotFetched, fetch_public
from tests.picture_site import ADDRESS, NAME, PictureSite, Serve, answer, certificate, picture_site

URL = f"https://{NAME}/logo.png?size=2#top"
PICTURE = b"\x89PNG" + bytes(range(256)) * 40
MOST = 20_000

# No look at any name is needed to refuse these.
HOSTILE_URLS = [
    "http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://example.org/",
    "//example.org/", "example.org", "", "https://", "https:example.org", "https:///etc/passwd",
    "HTTPS://example.org\n", " https://example.org/", "https://example.org/a b",
    "https://user@example.org/", "https://user:word@example.org/", "https://example.org@[::1]/",
    "https://example.org\\@127.0.0.1/", "https://example.org#@127.0.0.1\\/ x",
    "https://example.org:80/", "https://example.org:8443/", "https://example.org:/",
    "https://example.org:443:443/", "https://example.org:0443/",
    "https://localhost/", "https://localhost:443/", "https://example.org./", "https://localhost./",
    "https://.example.org/", "https://example..org/", "https://-a.example.org/",
    "https://exämple.org/", "https://\uff11\uff12\uff17.0.0.1/", "https://127。0。0。1/",
    "https://example.org%2f@127.0.0.1/", "https://%31%32%37.0.0.1/", "https://a_b.example.org/",
    "https://127.0.0.1/", "https://127.1/", "https://127.255.255.254/", "https://2130706433/",
    "https://0177.0.0.1/", "https://017700000001/", "https://0x7f.0.0.1/", "https://0x7f000001/",
    "https://0x7f.1/", "https://127.0.0.1.:443/", "https://0/", "https://0.0.0.0/",
    "https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.0.1/",
    "https://100.64.0.1/", "https://100.100.100.200/", "https://169.254.169.254/latest/meta-data/",
    "https://192.0.0.192/", "https://168.63.129.16/", "https://192.0.2.1/", "https://192.88.99.1/",
    "https://198.18.0.1/", "https://224.0.0.1/", "https://239.255.255.250/", "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://[::ffff:8.8.8.8]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b:1::a9fe:a9fe]/", "https://[2002:7f00:1::]/", "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/",
    "https://[fd00:ec2::254]/", "https://[fec0::1]/", "https://[ff02::1]/", "https://[100::1]/",
    "https://[2001:db8::1]/", "https://[3fff::1]/", "https://[::1/", "https://::1/",
]  # fmt: skip
# What a name may turn out to mean.
HOSTILE_ANSWERS = [
    ["127.0.0.1"], ["169.254.169.254"], ["10.1.2.3"], ["192.168.1.1"], ["100.64.1.1"],
    ["0.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["fd00:ec2::254"], ["fe80::1%eth0"],
    ["2606:4700::1%eth0"], ["64:ff9b::7f00:1"], ["2002:a00:1::1"], ["ff0e::1"],
    [ADDRESS, "127.0.0.1"], ["2606:4700::1", "::1"], ["127.0.0.1", ADDRESS],
]  # fmt: skip


class Nobody:
    """A network where nobody answers, and that counts who tried."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.resolved: list[str] = []
        self.connects: list[tuple[str, int]] = []

    def resolve(self, name: str) -> list[str]:
        self.resolved.append(name)
        return self.answers.pop(0)

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore2.NetworkStream:
        assert 0 < timeout_s <= 3
        self.connects.append((address, port))
        raise httpcore2.ConnectError


def refusal_of(network: Nobody | PictureSite, url: str = URL, **more: Any) -> NotFetched:
    options: dict[str, Any] = {"max_bytes": MOST, "accept": "image/png"} | more
    with pytest.raises(NotFetched) as refused:
        fetch_public(url, resolve=network.resolve, connect=network.connect, **options)
    return refused.value


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_given_a_hostile_address_when_fetched_then_refused_without_any_look_or_connection(
    url: str,
) -> None:
    network = Nobody()
    refused = refusal_of(network, url)
    assert (refused.reason, refused.is_final) == ("address_refused", True)
    assert (network.resolved, network.connects) == ([], [])


@pytest.mark.parametrize("answers", HOSTILE_ANSWERS, ids=str)
@pytest.mark.parametrize(
    "url", ["https://metadata.google.internal/", "https://xn--caf-dma.example.org/"]
)
def test_given_a_name_that_leads_inside_when_fetched_then_refused_and_nobody_connects(
    url: str, answers: list[str]
) -> None:
    network = Nobody(answers)
    refused = refusal_of(network, url)
    assert (refused.reason, refused.is_final) == ("address_refused", True)
    assert (len(network.resolved), network.connects) == (1, [])


def test_given_a_name_that_is_rebound_when_fetched_then_only_the_first_answer_counts() -> None:
    network = Nobody([ADDRESS], ["127.0.0.1"])
    assert refusal_of(network).reason == "unreachable"
    assert network.resolved == [NAME]
    assert network.connects == [(ADDRESS, 443)]


@pytest.mark.parametrize(
    ("url", "pinned"),
    [
        ("https://8.8.8.8/", "8.8.8.8"),
        ("https://[2606:4700::1111]:443/", "2606:4700::1111"),
        ("https://EXAMPLE.org:443", ADDRESS),
        ("https://example.org?logo", ADDRESS),
    ],
)
def test_given_a_public_address_when_fetched_then_the_connection_goes_there(
    url: str, pinned: str
) -> None:
    network = Nobody([ADDRESS, "8.8.8.8"])
    assert refusal_of(network, url).reason == "unreachable"
    assert network.connects == [(pinned, 443)]


@pytest.mark.parametrize("answers", [[], OSError("no such name")])
def test_given_a_name_that_nobody_knows_when_fetched_then_it_may_be_tried_again(
    answers: Any,
) -> None:
    def resolve(name: str) -> list[str]:
        if isinstance(answers, OSError):
            raise answers
        found: list[str] = answers
        return found

    with pytest.raises(NotFetched) as refused:
        fetch_public(URL, max_bytes=MOST, accept="*/*", resolve=resolve)
    assert (refused.value.reason, refused.value.is_final) == ("name_unknown", False)


def test_given_nothing_replaced_when_a_name_of_this_machine_is_asked_for_then_loopback() -> None:
    found = http.addresses_of("localhost")
    assert found
    assert not any(http.is_public(ipaddress.ip_address(one)) for one in found)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("site"))


@pytest.fixture
def site(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureSite]:
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    # An environment's proxy would be a way around the guard.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with picture_site(file, answer(PICTURE)) as site:
        yield site


def fetched(site: PictureSite, **more: Any) -> bytes:
    options: dict[str, Any] = {"max_bytes": MOST, "accept": "image/png"} | more
    return fetch_public(URL, resolve=site.resolve, connect=site.connect, **options)


def test_given_a_picture_when_fetched_then_its_bytes_and_the_request_says_little(
    site: PictureSite,
) -> None:
    assert fetched(site) == PICTURE
    assert site.connects == [(ADDRESS, 443)]
    assert site.server_names == [NAME]
    [request] = site.requests
    head = request.decode().split("\r\n")
    assert head[0] == "GET /logo.png?size=2 HTTP/1.1"
    assert set(head[1:-2]) == {
        f"Host: {NAME}", "Accept: image/png", "Accept-Encoding: identity",
        "User-Agent: Orion-Loyalty",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("most", "reason"), [(len(PICTURE), None), (len(PICTURE) - 1, "too_large")]
)
def test_given_a_largest_size_when_fetched_then_not_a_byte_more(
    site: PictureSite, most: int, reason: str | None
) -> None:
    if reason is None:
        assert fetched(site, max_bytes=most) == PICTURE
        return
    refused = refusal_of(site, max_bytes=most)
    assert (refused.reason, refused.is_final) == (reason, True)


def _endless(line: ssl.SSLSocket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")


@pytest.mark.parametrize(
    ("serve", "reason", "is_final"),
    [
        (_endless, "too_large", True),
        (answer(PICTURE, length=len(PICTURE) + 1), "unreachable", False),
        (answer(PICTURE, length=-1), "unreachable", False),
        (answer(b"", "Location: https://127.0.0.1/", status="302 Found"), "redirected", True),
        (answer(b"", f"Location: https://{NAME}/", status="301 Moved"), "redirected", True),
        (answer(PICTURE, status="404 Not Found"), "not_served", True),
        (answer(PICTURE, status="206 Partial Content"), "not_served", True),
        (answer(PICTURE, status="503 Service Unavailable"), "server_failed", False),
        (lambda line: line.sendall(b"SSH-2.0-OpenSSH\r\n\r\n"), "unreachable", False),
        (lambda line: line.close(), "unreachable", False),
    ],
)
def test_given_a_site_that_misbehaves_when_fetched_then_refused_and_asked_once(
    site: PictureSite, serve: Serve, reason: str, is_final: bool
) -> None:
    site.serve = serve
    refused = refusal_of(site)
    assert (refused.reason, refused.is_final) == (reason, is_final)
    assert len(site.connects) == 1


def test_given_a_site_that_says_too_little_when_fetched_then_no_more_than_it_said(
    site: PictureSite,
) -> None:
    site.serve = answer(PICTURE, length=4)
    assert fetched(site) == PICTURE[:4]


def test_given_something_packed_when_fetched_then_it_is_not_unpacked(site: PictureSite) -> None:
    site.serve = answer(PICTURE, "Content-Encoding: gzip")
    assert fetched(site) == PICTURE


def _drip(start: bytes) -> Serve:
    def serve(line: ssl.SSLSocket) -> None:
        line.sendall(start)
        while True:
            line.sendall(b"x")
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    "serve",
    [
        _drip(b"HTTP/1.1 200 OK\r\nX-Long: "),
        _drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"),
        lambda _line: time.sleep(0.6),
    ],
    ids=["head", "body", "silence"],
)
def test_given_a_site_that_takes_its_time_when_fetched_then_it_ends_at_the_deadline(
    site: PictureSite, serve: Serve
) -> None:
    site.serve, began = serve, time.monotonic()
    refused = refusal_of(site, timeout_s=0.3)
    assert (refused.reason, refused.is_final) == ("timeout", False)
    assert 0.3 <= time.monotonic() - began < 0.6


def test_given_a_resolver_that_hangs_when_fetched_then_it_ends_at_the_deadline() -> None:
    released, began = threading.Event(), time.monotonic()

    def resolve(name: str) -> list[str]:
        released.wait(5)
        return [ADDRESS]

    with pytest.raises(NotFetched) as refused:
        fetch_public(URL, max_bytes=MOST, accept="*/*", timeout_s=0.1, resolve=resolve)
    released.set()
    assert (refused.value.reason, refused.value.is_final) == ("timeout", False)
    assert time.monotonic() - began < 1


def test_given_a_certificate_of_another_name_or_of_nobody_when_fetched_then_nothing_is_asked(
    site: PictureSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in (f"https://other.{NAME}/", "https://8.8.8.8/"):
        assert refusal_of(site, url).reason == "unreachable"
    monkeypatch.delenv("SSL_CERT_FILE")
    assert refusal_of(site).reason == "unreachable"
    assert (len(site.connects), site.requests) == (3, [])
