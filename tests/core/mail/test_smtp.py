"""Sending to a real server over a socket: what it takes, refuses, and how it may fail."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest

from app.core.mail.message import Mail, Sender
from app.core.mail.server import SmtpServer as Address
from app.core.mail.smtp import NotSent, SmtpSender
from tests.core.mail.smtp_server import SmtpServer

SENDER = Sender("no-reply@orion.example", "Orion Loyalty")


def mail(**changes: str) -> Mail:
    values = {"to": "zoe@example.lu", "subject": "Code", "text": "Code 123456\n"} | changes
    return Mail(message_id="abc123", created_at=datetime(2026, 11, 25, 9, tzinfo=UTC), **values)


def sender_to(port: int, *, timeout_s: float = 5.0) -> SmtpSender:
    return SmtpSender(Address("127.0.0.1", port), SENDER, timeout_s=timeout_s)


def fault_of(sender: SmtpSender, one: Mail | None = None) -> NotSent:
    with pytest.raises(NotSent) as caught:
        sender.send(one or mail())
    return caught.value


def test_given_a_server_when_an_email_is_sent_then_it_arrives_as_written(
    server: SmtpServer,
) -> None:
    text = "Äre Code: 123456 ☕\n.\n..\n.leading dot\nFrom here\n" + "long " * 400 + "\n"
    with sender_to(server.port) as sender:
        sender.send(mail(subject="Ëmmer hei", text=text))
    [received] = server.received
    assert (received.sender, received.recipients) == ("no-reply@orion.example", ["zoe@example.lu"])
    assert received.message["Subject"] == "Ëmmer hei"
    assert received.message.get_content().replace("\r\n", "\n") == text


def test_given_many_emails_when_sent_then_over_one_connection(server: SmtpServer) -> None:
    with sender_to(server.port) as sender:
        for number in range(5):
            sender.send(mail(to=f"c{number}@example.lu"))
    assert server.connections == 1
    assert [one.recipients for one in server.received] == [[f"c{n}@example.lu"] for n in range(5)]


@pytest.mark.parametrize(
    ("verb", "answer", "code", "is_final", "is_servers"),
    [
        ("RCPT", "550 no such user", "recipient_refused_550", True, False),
        ("RCPT", "450 greylisted", "recipient_refused_450", False, False),
        ("RCPT", "421 too busy", "recipient_refused_421", False, True),
        ("DATA", "554 no", "message_refused_554", True, False),
        (".", "554 spam", "message_refused_554", True, False),
        (".", "452 disk full", "message_refused_452", False, False),
        ("MAIL", "550 who are you", "sender_refused", False, True),
        ("MAIL", "451 later", "sender_refused", False, True),
        ("EHLO", "421 closed", "server_unreachable", False, True),
    ],
)
def test_given_a_refusal_when_sent_then_it_says_whose_fault_and_whether_to_try_again(
    server: SmtpServer, verb: str, answer: str, code: str, is_final: bool, is_servers: bool
) -> None:
    server.behaviour.answers[verb] = answer
    with sender_to(server.port) as sender:
        fault = fault_of(sender)
    assert (fault.code, fault.is_final, fault.is_servers) == (code, is_final, is_servers)
    assert server.received == []


@pytest.mark.parametrize("verb", ["RCPT", "."])
def test_given_a_refused_email_when_the_next_is_sent_then_it_arrives(
    server: SmtpServer, verb: str
) -> None:
    with sender_to(server.port) as sender:
        server.behaviour.answers[verb] = "550 no"
        fault_of(sender)
        server.behaviour.answers.clear()
        sender.send(mail())
    assert (len(server.received), server.connections) == (1, 1)


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", "."])
def test_given_a_line_that_is_cut_when_sent_then_the_next_try_connects_anew(
    server: SmtpServer, verb: str
) -> None:
    with sender_to(server.port) as sender:
        server.behaviour.cut_at = verb
        fault = fault_of(sender)
        server.behaviour.cut_at = None
        sender.send(mail())
    assert fault.is_servers
    assert not fault.is_final
    assert (len(server.received), server.connections) == (1, 2)


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "DATA"])
def test_given_a_server_that_hangs_when_sent_then_the_wait_ends(
    server: SmtpServer, verb: str
) -> None:
    server.behaviour.hang_at = verb
    with sender_to(server.port, timeout_s=0.3) as sender:
        fault = fault_of(sender)
    assert fault.is_servers
    assert fault.code in ("timeout", "server_unreachable", "sender_refused")


def test_given_nobody_who_listens_when_sent_then_the_server_is_at_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with sender_to(port) as sender:
        assert (fault_of(sender).code, fault_of(sender).is_servers) == ("server_unreachable", True)


def test_given_an_address_beyond_ascii_when_the_server_knows_it_then_it_arrives(
    server: SmtpServer,
) -> None:
    with sender_to(server.port) as sender:
        fault = fault_of(sender, mail(to="zoé@example.lu"))
        assert (fault.code, fault.is_final) == ("address_not_supported", True)
    server.behaviour.smtputf8 = True
    with sender_to(server.port) as sender:
        sender.send(mail(to="zoé@example.lu"))
    assert server.received[0].recipients == ["zoé@example.lu"]


def test_given_what_is_no_email_when_sent_then_only_that_one_is_given_up(
    server: SmtpServer,
) -> None:
    with sender_to(server.port) as sender:
        fault = fault_of(sender, mail(subject="a\r\nBcc: all@example.lu"))
        sender.send(mail())
    assert (fault.code, fault.is_final, fault.is_servers) == ("not_an_email", True, False)
    assert len(server.received) == 1


@pytest.mark.parametrize(("password", "arrives"), [("right", True), ("wrong", False)])
def test_given_a_server_with_a_login_when_signed_in_then_by_the_password(
    server: SmtpServer, password: str, arrives: bool
) -> None:
    server.behaviour.login = ("orion", "right")
    address = Address("127.0.0.1", server.port, "orion", password)
    with SmtpSender(address, SENDER) as sender:
        if arrives:
            sender.send(mail())
        else:
            fault = fault_of(sender)
            assert (fault.code, fault.is_servers) == ("sign_in_refused", True)
    assert len(server.received) == arrives
