"""STARTTLS: used where asked for, and nothing is sent where it cannot be trusted."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.mail.message import Mail, Sender
from app.core.mail.server import SmtpServer as Address
from app.core.mail.smtp import NotSent, SmtpSender
from tests.core.mail.smtp_server import smtp_server

SENDER = Sender("no-reply@orion.example")
MAIL = Mail("abc", "zoe@example.lu", "Code", "123456\n", datetime(2026, 11, 25, tzinfo=UTC))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `localhost`, signed by itself, with its key in the same file."""
    file = tmp_path / "localhost.pem"
    # The program comes along with PostgreSQL, and with macOS.
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", str(file), "-out", str(tmp_path / "certificate"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    file.write_bytes(file.read_bytes() + (tmp_path / "certificate").read_bytes())
    return file


def test_given_a_trusted_server_when_starttls_is_asked_for_then_all_is_encrypted(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with smtp_server(certificate=certificate) as server:
        server.behaviour.login = ("orion", "secret")
        address = Address("localhost", server.port, "orion", "secret", starttls=True)
        with SmtpSender(address, SENDER) as sender:
            sender.send(MAIL)
    assert [one.encrypted for one in server.received] == [True]


def test_given_an_unknown_certificate_when_starttls_is_asked_for_then_nothing_is_sent(
    certificate: Path,
) -> None:
    with smtp_server(certificate=certificate) as server:
        address = Address("localhost", server.port, starttls=True)
        with SmtpSender(address, SENDER) as sender, pytest.raises(NotSent) as caught:
            sender.send(MAIL)
    assert (caught.value.code, caught.value.is_servers) == ("no_trusted_encryption", True)
    assert server.received == []


def test_given_a_server_without_starttls_when_it_is_asked_for_then_nothing_is_sent() -> None:
    with smtp_server() as server:
        address = Address("localhost", server.port, starttls=True)
        with SmtpSender(address, SENDER) as sender, pytest.raises(NotSent) as caught:
            sender.send(MAIL)
    assert (caught.value.code, caught.value.is_servers) == ("extension_missing", True)
    assert server.received == []
