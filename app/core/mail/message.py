"""E-mails as they travel: plain text, and headers that nobody can add to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

MAXIMUM_SUBJECT_LENGTH = 200
_MAXIMUM_ADDRESS_LENGTH = 254
# One bare address: no name, no brackets, no list, no quotes, no control characters.
_PART = r"[^\s<>()\[\],;:\\\"@\x00-\x1f\x7f-\x9f]+"
_ADDRESS = re.compile(rf"{_PART}@{_PART}")
# Surrogates too: half a character, which no encoding can carry.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSENDABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Mail:
    """One e-mail on its way."""

    message_id: str
    to: str
    subject: str
    text: str
    created_at: datetime


@dataclass(frozen=True)
class Sender:
    """Who writes: the address, and the name that people see."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str, *, name: str = "") -> Sender:
        """Read `Name <address>` or a bare address, which then goes out under `name`.

        Raises:
            ValueError: that is no address.
        """
        shown, address = parseaddr(text)
        if _CONTROL.search(text):
            raise ValueError("must be one line")
        return cls(checked_address(address), shown or _CONTROL.sub(" ", name))


def checked_address(address: str) -> str:
    """The same address, if it is one, with its domain in ASCII (IDNA).

    Raises:
        ValueError: it is none; anything that could add a header or a recipient is none.
    """
    local, _, domain = address.partition("@")
    try:
        checked = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        checked = ""
    if (
        len(checked) > _MAXIMUM_ADDRESS_LENGTH
        or not _ADDRESS.fullmatch(checked)
        or _CONTROL.search(checked)
    ):
        raise ValueError("must be an e-mail address")
    return checked


def checked_subject(subject: str) -> str:
    """The same subject, if it is one line that a header may hold.

    Raises:
        ValueError: it has line breaks or other control characters, is too long or empty.
    """
    if not 0 < len(subject) <= MAXIMUM_SUBJECT_LENGTH or _CONTROL.search(subject):
        raise ValueError("a subject is one line of 1 to 200 characters")
    return subject


def checked_text(text: str) -> str:
    """The same text, if an e-mail can carry it: any Unicode but NUL and half characters.

    Raises:
        ValueError: it holds one of those.
    """
    if _UNSENDABLE.search(text):
        raise ValueError("the text holds characters that cannot be sent")
    return text


def compose(mail: Mail, sender: Sender) -> EmailMessage:
    """The e-mail with its headers. A second sending has the same Message-ID, so it can be told."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(sender.name, addr_spec=sender.address)
    message["To"] = _header_address(mail.to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<{mail.message_id}@{sender.address.partition('@')[2]}>"
    # RFC 3834: no machine should answer this (holiday notes, other robots).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, charset="utf-8", cte="quoted-printable")
    return message


def _header_address(address: str) -> Address:
    local, _, domain = address.partition("@")
    return Address(username=local, domain=domain)
