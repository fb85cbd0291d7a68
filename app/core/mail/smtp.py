"""Sending by SMTP, one connection for a batch."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.policy import SMTP, SMTPUTF8
from types import TracebackType

from app.core.mail.message import Mail, Sender, compose
from app.core.mail.server import SmtpServer

TIMEOUT_S = 10.0
_BEYOND_ASCII = ("SMTPUTF8", "BODY=8BITMIME")  # RFC 6531


class NotSent(Exception):
    """An e-mail was not accepted. `code` is a short word for it, without anything of the e-mail.

    `is_final`: another try would end the same. `is_servers`: the server is at fault, not this
    e-mail, so the next one would fare alike.
    """

    def __init__(self, code: str, *, is_final: bool = False, is_servers: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_final = is_final
        self.is_servers = is_servers


class SmtpSender:
    """Sends through one server. Connects at the first e-mail, and anew after a fault."""

    def __init__(self, server: SmtpServer, sender: Sender, *, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._sender = sender
        self._timeout_s = timeout_s
        self._connection: smtplib.SMTP | None = None

    def __enter__(self) -> SmtpSender:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    def send(self, mail: Mail) -> None:
        """Hand one e-mail over; returns when the server has taken it.

        Raises:
            NotSent: it has not, or died before it said so.
        """
        sender, is_ascii = self._sender.address, (mail.to + self._sender.address).isascii()
        try:
            # Written by ourselves: smtplib would make ">From" of a line that begins with "From".
            raw = compose(mail, self._sender).as_bytes(policy=SMTP if is_ascii else SMTPUTF8)
        except (ValueError, MessageError):
            raise NotSent("not_an_email", is_final=True) from None
        if self._connection is None:
            self._connection = self._connect()
        try:
            self._connection.sendmail(sender, [mail.to], raw, () if is_ascii else _BEYOND_ASCII)
        except (smtplib.SMTPException, OSError) as fault:
            not_sent = _refusal(fault)
            if not_sent.is_servers:
                self._drop()
            raise not_sent from fault

    def _connect(self) -> smtplib.SMTP:
        try:
            connection = self._greeted()
            try:
                if self._server.user is not None:
                    connection.login(self._server.user, self._server.password or "")
            except BaseException:
                connection.close()
                raise
        except (smtplib.SMTPException, OSError) as fault:
            raise NotSent(_fault(fault), is_servers=True) from fault
        return connection

    def _greeted(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        # Our name in EHLO; by itself smtplib would ask the network for one, and wait.
        name = self._sender.address.partition("@")[2]
        if server.tls:
            return smtplib.SMTP_SSL(
                server.host, server.port, name, timeout=self._timeout_s, context=context
            )
        connection = smtplib.SMTP(server.host, server.port, name, timeout=self._timeout_s)
        if server.starttls:
            try:
                connection.starttls(context=context)
            except BaseException:
                connection.close()
                raise
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _refusal(fault: smtplib.SMTPException | OSError) -> NotSent:
    """RFC 5321, 4.2.1: 4yz asks to come again, 5yz means no. 421 closes the line."""
    match fault:
        case smtplib.SMTPRecipientsRefused():
            status = max((code for code, _ in fault.recipients.values()), default=0)
            return _by_status("recipient_refused", status)
        case smtplib.SMTPDataError():
            return _by_status("message_refused", fault.smtp_code)
        case smtplib.SMTPNotSupportedError():
            return NotSent("address_not_supported", is_final=True)
        case _:
            return NotSent(_fault(fault), is_servers=True)


def _by_status(code: str, status: int) -> NotSent:
    return NotSent(f"{code}_{status}", is_final=500 <= status < 600, is_servers=status == 421)


def _fault(fault: smtplib.SMTPException | OSError) -> str:
    match fault:
        case smtplib.SMTPAuthenticationError():
            return "sign_in_refused"
        case smtplib.SMTPSenderRefused():
            return "sender_refused"
        case smtplib.SMTPNotSupportedError():
            return "extension_missing"
        case ssl.SSLError():
            return "no_trusted_encryption"
        case TimeoutError():
            return "timeout"
        case _:
            return "server_unreachable"
