"""The address of the mail server, as operators write it."""

from __future__ import annotations

import pytest

from app.core.mail.server import SmtpServer


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", SmtpServer("mail.example", 587)),
        ("smtp://mail.example:25/", SmtpServer("mail.example", 25)),
        ("smtp://mail.example?starttls=1", SmtpServer("mail.example", 587, starttls=True)),
        ("smtp://mail.example?starttls=0", SmtpServer("mail.example", 587)),
        ("smtps://mail.example", SmtpServer("mail.example", 465, tls=True)),
        ("smtp://[::1]:2525", SmtpServer("::1", 2525)),
        ("smtp://u:p@127.0.0.1:2525", SmtpServer("127.0.0.1", 2525, "u", "p")),
        ("smtp://u:p@localhost", SmtpServer("localhost", 587, "u", "p")),
        (
            "smtps://me%40shop.lu:p%2Fw%3A@mail.example:4465",
            SmtpServer("mail.example", 4465, "me@shop.lu", "p/w:", tls=True),
        ),
    ],
)
def test_given_an_address_when_read_then_the_server_is_known(
    url: str, expected: SmtpServer
) -> None:
    assert SmtpServer.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "", "mail.example", "http://mail.example", "smtp://", "smtp://:25", "smtp://h:port",
        "smtp://h:99999", "smtp://h?tls=1", "smtp://h?starttls=yes", "smtp://h?starttls",
        "smtp://h?starttls=1&starttls=0", "smtp://h/path", "smtp://[::1",
    ],
)  # fmt: skip
def test_given_something_else_when_read_then_the_form_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="must be smtp://"):
        SmtpServer.parse(url)


@pytest.mark.parametrize("url", ["smtp://u:p@mail.example", "smtp://u:p@192.0.2.1:25?starttls=0"])
def test_given_a_password_without_encryption_when_read_then_it_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="unencrypted"):
        SmtpServer.parse(url)


def test_given_a_server_when_printed_then_its_password_is_not() -> None:
    assert "canary" not in repr(SmtpServer.parse("smtps://u:canary@mail.example"))
