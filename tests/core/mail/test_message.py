"""What an e-mail may hold, and that nobody adds a header or a recipient through it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.core.mail.message import (
    Mail,
    Sender,
    checked_address,
    checked_subject,
    checked_text,
    compose,
)

SENDER = Sender("no-reply@orion.example", "Orion Loyalty")


def mail(**changes: str) -> Mail:
    values = {"to": "zoe@example.lu", "subject": "Code", "text": "Code 123456\n"} | changes
    return Mail(message_id="abc123", created_at=datetime(2026, 11, 25, 9, tzinfo=UTC), **values)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("zoe@example.lu", "zoe@example.lu"),
        ("zoe.o'brien+tag@sub.example.lu", "zoe.o'brien+tag@sub.example.lu"),
        ("zoe@bücher.example", "zoe@xn--bcher-kva.example"),
        ("zoé@example.lu", "zoé@example.lu"),
        (f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 61}", None),
        (f"{'a' * 65}@{'b' * 63}.{'c' * 63}.{'d' * 61}", ValueError),
    ],
)
def test_given_an_address_when_checked_then_its_domain_is_in_ascii(
    given: str, expected: str | type[ValueError] | None
) -> None:
    if expected is ValueError:
        with pytest.raises(ValueError, match="must be an e-mail address"):
            checked_address(given)
    else:
        assert checked_address(given) == (expected or given)


@pytest.mark.parametrize(
    "given",
    [
        "", "zoe", "@example.lu", "zoe@", "zoe@@example.lu", "a@b@c.lu",
        "zoe@example.lu\r\nBcc: all@example.lu", "zoe@example.lu\n", "\nzoe@example.lu",
        "zoe@example.lu,other@example.lu", "zoe@example.lu other@example.lu",
        "Zoe <zoe@example.lu>", '"zoe"@example.lu', "zoe>@example.lu", "zoe@example..lu",
        "zoe\x00@example.lu", "zoe\x85@example.lu", "zoe\ud800@example.lu", "zoe\u2028@example.lu",
        "zoe@exam\u3002ple\uff20x.lu", "zoe@[127.0.0.1]", "zoe\\@example.lu", "zoe;x@example.lu",
    ],
)  # fmt: skip
def test_given_no_single_bare_address_when_checked_then_it_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must be an e-mail address"):
        checked_address(given)


@pytest.mark.parametrize("given", ["", "x" * 201, "a\r\nBcc: b", "a\nb", "a\x00", "a\u2028b"])
def test_given_no_single_line_when_it_is_a_subject_then_it_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="a subject is one line"):
        checked_subject(given)


@pytest.mark.parametrize("given", ["x", "x" * 200, "Grüße, 5 Stempel ☕", "مرحبا"])
def test_given_a_line_when_it_is_a_subject_then_it_is_taken(given: str) -> None:
    assert checked_subject(given) == given


@pytest.mark.parametrize("given", ["a\x00b", "half \ud83d"])
def test_given_a_text_that_nothing_carries_when_checked_then_it_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        checked_text(given)
    assert checked_text("whole \U0001f600\r\n") == "whole \U0001f600\r\n"


def test_given_an_email_when_composed_then_its_headers_say_who_to_whom_and_by_a_machine() -> None:
    message = compose(mail(subject="Äre Code ☕"), SENDER)
    assert {name: str(value) for name, value in message.items()} == {
        "From": "Orion Loyalty <no-reply@orion.example>",
        "To": "zoe@example.lu",
        "Subject": "Äre Code ☕",
        "Date": "Wed, 25 Nov 2026 09:00:00 +0000",
        "Message-ID": "<abc123@orion.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }


def test_given_an_email_when_written_out_then_it_is_ascii_in_short_lines() -> None:
    written = compose(
        mail(subject="ä" * 200, text="é" * 5000 + "\n.\nFrom here\n"), SENDER
    ).as_bytes()
    assert written.isascii()
    assert max(map(len, written.splitlines())) <= 78
    assert written.count(b"\n") == written.count(b"\r\n")


def test_given_an_email_that_was_not_checked_when_composed_then_no_header_is_added() -> None:
    """The second net: the library refuses line breaks in headers by itself."""
    for changes in ({"subject": "a\r\nBcc: b@c.lu"}, {"to": "a@b.lu\r\nBcc: b@c.lu"}):
        with pytest.raises(ValueError):  # noqa: PT011 - the library's own words
            compose(mail(**changes), SENDER)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no-reply@shop.lu", Sender("no-reply@shop.lu", "Brand")),
        ("Café Bleu <hello@shop.lu>", Sender("hello@shop.lu", "Café Bleu")),
        ('"Bleu, Café" <hello@shop.lu>', Sender("hello@shop.lu", "Bleu, Café")),
    ],
)
def test_given_a_senders_setting_when_read_then_name_and_address_are_known(
    text: str, expected: Sender
) -> None:
    assert Sender.parse(text, name="Brand") == expected


@pytest.mark.parametrize("text", ["", "nobody", "a@b.lu\r\nBcc: c@d.lu", "Name <nobody>"])
def test_given_no_sender_when_read_then_it_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        Sender.parse(text)
