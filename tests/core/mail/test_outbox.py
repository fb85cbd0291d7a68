"""Nothing that was promised is lost, nothing that was rolled back is told, nothing comes twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, RowMapping
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic
from app.core.mail import outbox
from app.core.mail.message import Mail
from app.core.mail.smtp import NotSent

pytestmark = pytest.mark.usefixtures("outbox_db")
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
Sessions = sessionmaker[Session]


def put(db: Session, to: str = "zoe@example.lu", **changes: Any) -> None:
    values: dict[str, Any] = {
        "subject": "Code",
        "text": "Code 123456",
        "purpose": "sign_in_code",
        "now": NOW,
    }
    with atomic(db):
        outbox.enqueue(db, to=to, **(values | changes))


def rows(db: Session) -> list[RowMapping]:
    """All e-mails, oldest first, as stored."""
    with Session(db.get_bind()) as fresh:
        return outbox.newest(fresh, limit=1000)[::-1]


def drain(
    db: Session, send: Callable[[Mail], None], now: datetime = NOW, limit: int = 50
) -> dict[str, int]:
    return outbox.drain(db, send=send, now=now, keep_alive=lambda: None, limit=limit)


class Post:
    """Takes e-mails, or refuses them."""

    def __init__(self, *faults: NotSent | None) -> None:
        self.sent: list[Mail] = []
        self._faults = list(faults)

    def __call__(self, mail: Mail) -> None:
        fault = self._faults.pop(0) if self._faults else None
        if fault is not None:
            raise fault
        self.sent.append(mail)


def test_given_an_email_when_drained_then_it_is_sent_once_and_its_text_forgotten(
    db: Session,
) -> None:
    put(db, merchant_id=7)
    post = Post()
    assert drain(db, post) == {"sent": 1, "put_off": 0, "given_up": 0}
    assert drain(db, post, NOW + timedelta(days=1)) == {"sent": 0, "put_off": 0, "given_up": 0}
    [mail], [row] = post.sent, rows(db)
    assert (mail.to, mail.subject, mail.text) == ("zoe@example.lu", "Code", "Code 123456")
    assert (row["merchant_id"], row["purpose"], row["attempts"]) == (7, "sign_in_code", 1)
    assert (row["sent_at"], row["next_attempt_at"], row["text_body"]) == (NOW, None, "")


def test_given_a_transaction_that_rolls_back_when_drained_then_nothing_is_told(
    db: Session,
) -> None:
    def undone() -> None:
        with atomic(db):
            outbox.enqueue(db, to="a@b.lu", subject="s", text="t", purpose="p", now=NOW)
            raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        undone()
    assert not outbox.has_due(db, NOW)
    assert rows(db) == []


def test_given_no_transaction_when_enqueued_then_it_is_a_programmers_error(db: Session) -> None:
    with pytest.raises(AssertionError, match="belongs into the transaction"):
        outbox.enqueue(db, to="a@b.lu", subject="s", text="t", purpose="p", now=NOW)


@pytest.mark.parametrize(
    "wrong", [{"to": "a@b.lu\r\nBcc: c@d.lu"}, {"subject": "a\r\nBcc: c@d.lu"}, {"text": "a\x00"}]
)
def test_given_what_no_email_may_hold_when_enqueued_then_it_is_refused(
    db: Session, wrong: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"must be|one line|cannot be sent"):
        put(db, **({"to": "a@b.lu"} | wrong))
    assert rows(db) == []


def test_given_an_email_when_it_is_due_then_from_that_moment_on(db: Session) -> None:
    put(db)
    assert not outbox.has_due(db, NOW - timedelta(microseconds=1))
    assert outbox.has_due(db, NOW)


def test_given_a_server_that_is_down_when_drained_then_it_is_tried_less_and_less_often_until_sent(
    db: Session,
) -> None:
    put(db)
    down = NotSent("server_unreachable", is_servers=True)
    waits, now = [], NOW
    for _ in range(14):
        assert drain(db, Post(down), now) == {"sent": 0, "put_off": 1, "given_up": 0}
        [row] = rows(db)
        assert row["last_error"] == "server_unreachable"
        waits.append((row["next_attempt_at"] - now).total_seconds())
        assert not outbox.has_due(db, row["next_attempt_at"] - timedelta(microseconds=1))
        now = row["next_attempt_at"]
    longest = [min(3600, 2**n) for n in range(1, 15)]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len({round(wait / most, 3) for wait, most in zip(waits, longest, strict=True)}) > 5
    post = Post()
    drain(db, post, now)
    [row] = rows(db)
    assert (len(post.sent), row["attempts"], row["last_error"]) == (1, 15, None)


def test_given_a_server_that_stays_down_when_three_days_have_passed_then_it_is_given_up(
    db: Session,
) -> None:
    put(db)
    now, counts = NOW, {"given_up": 0}
    while not counts["given_up"]:
        counts = drain(db, Post(NotSent("timeout", is_servers=True)), now)
        [row] = rows(db)
        now = row["next_attempt_at"] or now
    assert timedelta(days=3) - timedelta(hours=1) <= now - NOW < timedelta(days=3)
    assert (row["last_error"], row["sent_at"], row["text_body"]) == ("timeout", None, "")
    assert row["to_address"] == "zoe@example.lu"  # kept visible
    assert not outbox.has_due(db, NOW + timedelta(days=30))


def test_given_an_email_that_is_good_for_minutes_when_it_is_late_then_it_is_not_sent(
    db: Session,
) -> None:
    put(db, good_for=timedelta(minutes=10))
    post = Post()
    assert drain(db, post, NOW + timedelta(minutes=10))["given_up"] == 1
    assert post.sent == []
    assert rows(db)[0]["last_error"] == "too_late"


def test_given_a_final_refusal_when_drained_then_that_one_is_given_up_and_the_next_sent(
    db: Session,
) -> None:
    put(db, "unknown@example.lu")
    put(db, "zoe@example.lu", now=NOW + timedelta(seconds=1))
    post = Post(NotSent("recipient_refused_550", is_final=True))
    counts = drain(db, post, NOW + timedelta(seconds=1))
    assert counts == {"sent": 1, "put_off": 0, "given_up": 1}
    assert [row["last_error"] for row in rows(db)] == ["recipient_refused_550", None]


def test_given_a_fault_of_the_server_when_drained_then_the_others_do_not_suffer_it_too(
    db: Session,
) -> None:
    for number in range(3):
        put(db, f"c{number}@example.lu")
    post = Post(NotSent("timeout", is_servers=True))
    assert drain(db, post) == {"sent": 0, "put_off": 1, "given_up": 0}
    assert sorted(row["attempts"] for row in rows(db)) == [0, 0, 1]
    assert drain(db, post)["sent"] == 2


def test_given_many_emails_when_drained_then_the_longest_waiting_first_and_no_more_than_asked(
    db: Session,
) -> None:
    for number in (2, 0, 1):
        put(db, f"c{number}@example.lu", now=NOW + timedelta(seconds=number))
    post = Post()
    drain(db, post, NOW + timedelta(minutes=1), limit=2)
    assert [mail.to for mail in post.sent] == ["c0@example.lu", "c1@example.lu"]


def test_given_two_drainers_when_they_race_then_every_email_is_sent_once(
    session_factory: Sessions, db: Session
) -> None:
    with atomic(db):
        for number in range(40):
            outbox.enqueue(
                db, to=f"c{number}@example.lu", subject="s", text="t", purpose="p", now=NOW
            )
    posts, start = [Post(), Post()], threading.Barrier(2)

    def race(post: Post) -> None:
        with session_factory() as own:
            start.wait()
            drain(own, post)

    with ThreadPoolExecutor(2) as pool:
        for racing in [pool.submit(race, post) for post in posts]:
            racing.result(timeout=60)
    everybody = sorted(mail.to for post in posts for mail in post.sent)
    assert everybody == sorted(f"c{number}@example.lu" for number in range(40))


def test_given_a_process_that_dies_while_sending_when_minutes_pass_then_another_sends_it(
    db: Session,
) -> None:
    def die(_mail: Mail) -> None:
        raise KeyboardInterrupt

    put(db)
    with pytest.raises(KeyboardInterrupt):
        drain(db, die)
    assert not outbox.has_due(db, NOW + timedelta(minutes=4))
    post = Post()
    assert drain(db, post, NOW + timedelta(minutes=5))["sent"] == 1
    assert post.sent[0].message_id == rows(db)[0]["message_id"]


def test_given_a_sending_email_when_looked_at_then_no_transaction_is_open(db: Session) -> None:
    put(db)
    seen: list[bool] = []
    drain(db, lambda _mail: seen.append(db.in_transaction()))
    assert seen == [False]


def test_given_no_server_in_development_when_kept_here_then_it_can_be_read(db: Session) -> None:
    put(db)
    put(db, now=NOW + timedelta(hours=1))
    assert outbox.keep_here(db, now=NOW) == {"sent": 1}
    assert [(row["sent_at"], row["text_body"]) for row in rows(db)] == [
        (NOW, "Code 123456"),
        (None, "Code 123456"),
    ]


def test_given_old_emails_when_tidied_then_sent_ones_go_after_a_week_and_the_rest_after_a_month(
    db: Session,
) -> None:
    put(db, "sent@example.lu")
    drain(db, Post())
    put(db, "refused@example.lu")
    drain(db, Post(NotSent("recipient_refused_550", is_final=True)))
    seven, thirty = NOW + timedelta(days=7), NOW + timedelta(days=30)
    assert outbox.tidy(db, now=seven) == {"emails": 0}
    assert outbox.tidy(db, now=seven + timedelta(seconds=1)) == {"emails": 1}
    assert [row["to_address"] for row in rows(db)] == ["refused@example.lu"]
    assert outbox.tidy(db, now=thirty) == {"emails": 0}
    assert outbox.tidy(db, now=thirty + timedelta(seconds=1)) == {"emails": 1}


def test_given_a_person_who_is_erased_when_forgotten_then_only_that_merchants_emails_go(
    db: Session,
) -> None:
    for merchant_id, to in [(1, "zoe@example.lu"), (1, "ana@example.lu"), (2, "zoe@example.lu")]:
        put(db, to, merchant_id=merchant_id)
    with atomic(db):
        outbox.forget(db, merchant_id=1, to="zoe@example.lu")
    assert sorted((row["merchant_id"], row["to_address"]) for row in rows(db)) == [
        (1, "ana@example.lu"),
        (2, "zoe@example.lu"),
    ]


def test_given_a_full_outbox_when_due_ones_are_sought_then_by_the_index(
    sqlite_engine: Engine,
) -> None:
    with sqlite_engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT 1 FROM outbox_emails WHERE next_attempt_at <= ?", ("x",)
        ).all()
    assert "ix_outbox_emails_next_attempt_at" in str(plan)
