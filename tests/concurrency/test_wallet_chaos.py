"""Vendors of wallets that are slow, down or wrong: no stamp notices, and no pass stays behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.core.clock import utc_now
from app.core.db import build_sessionmaker
from app.core.jobs.loop import Loop
from app.fakes.apns import Verdict
from app.fakes.faults import Fault
from app.modules.loyalty import tasks
from app.modules.loyalty.services import apple_devices, ledger_verify
from app.modules.loyalty.types import Provider
from app.modules.loyalty.wallets import transport
from tests.concurrency.wallet_site import (
    LONGER_S,
    Counter,
    Site,
    await_true,
    hang_up,
)
from tests.factories import NOW

CARDS = 40
STAMPS_A_CARD = 5
TILLS = 4
BLOCKS = 2
MOST_A_SECOND = 20
HEALED_S = 20.0
# Each block of ten hits one request with each; the tenth is answered at once.
AT_GOOGLE = [
    Fault(kind="slow", delay_s=LONGER_S),
    Fault(status=429, reason="rateLimitExceeded", headers={"Retry-After": "1"}),
    Fault(status=500),
    Fault(status=401, reason="authError"),
    Fault(kind="reset"),
    Fault(kind="cut"),
    Fault(kind="html"),
    Fault(kind="huge"),
    Fault(kind="wrong"),
    Fault(kind="slow", delay_s=0),
]
AT_APPLE = [
    Verdict(delay_s=LONGER_S),
    Verdict(429, "TooManyRequests", retry_after_s=1),
    Verdict(500, "InternalServerError"),
    Verdict(503, "ServiceUnavailable"),
    Verdict(403, "BadCertificate"),
    Verdict(400),
    Verdict(ends="reset"),
    Verdict(ends="hangup"),
    Verdict(ends="goaway"),
    Verdict(),
]


@contextmanager
def draining(sessions: sessionmaker[Session]) -> Iterator[None]:
    """The worker's own loops over the jobs of both vendors."""
    names = ("loyalty.reconcile_google", "loyalty.reconcile_apple")
    with ExitStack() as stack:
        for job in [job for job in tasks.JOBS if job.name in names]:
            loop = Loop(sessions, (job,), tz=ZoneInfo("UTC"), tick_s=0.2)
            loop.start()
            stack.callback(loop.join)
            stack.callback(loop.ask_to_stop)
        yield


def break_both(site: Site) -> None:
    draw = Random(7)
    for _block in range(BLOCKS):
        site.watched.add(*draw.sample(AT_GOOGLE, 10))
        site.pushes.coming.extend(draw.sample(AT_APPLE, 10))


def is_through(site: Site) -> bool:
    """Both have failed in every way, some in each way several times."""
    return len(site.watched.began) > BLOCKS * 10 and len(site.pushes.pushes) > BLOCKS * 10


def give_stamps(counter: Counter, site: Site) -> None:
    """From several tills, one after another as customers come."""
    draw = Random(11)
    turns = draw.sample(counter.held * STAMPS_A_CARD, CARDS * STAMPS_A_CARD)

    def till(number: int) -> None:
        with counter.sessions() as db:
            for one in turns[number::TILLS]:
                counter.stamp(db, one)
                site.watched.await_more(1, timeout_s=0.05)

    with ThreadPoolExecutor(TILLS) as pool:
        list(pool.map(till, range(TILLS)))


def test_given_vendors_that_fail_in_every_way_when_200_stamps_are_given_then_all_converge(
    site: Site, sqlite_engine: Engine
) -> None:
    # given
    sessions = build_sessionmaker(sqlite_engine)
    counter = Counter(sessions, cards=1, now=utc_now())
    counter.drain(Provider.GOOGLE, now=utc_now())
    counter.give_out(CARDS - 1, now=utc_now())
    counter.install(site)
    break_both(site)
    with draining(sessions):
        # when
        give_stamps(counter, site)
        await_true(lambda: is_through(site), within_s=20)
        site.watched.clear()
        site.pushes.coming.clear()
        # then
        await_true(lambda: counter.stale() == 0, within_s=HEALED_S)
    for one in counter.held:
        assert counter.stamps_of(one) == STAMPS_A_CARD
        assert site.at_google(one.google.serial) == (STAMPS_A_CARD, one.card.qr_code_data, "ACTIVE")
        assert one.phone.stamps == STAMPS_A_CARD
    assert site.watched.most_in_a_second() <= MOST_A_SECOND
    with sessions() as db:
        assert list(ledger_verify.verify(db)) == []


@contextmanager
def spying(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[int]]:
    """The threads that use a socket while the block runs."""
    users: set[int] = set()
    with monkeypatch.context() as patch:
        for name in ("connect", "connect_ex", "send", "sendall", "recv", "recv_into"):
            use = getattr(socket.socket, name)

            def spied(*values: Any, _use: Any = use, **options: Any) -> Any:
                users.add(threading.get_ident())
                return _use(*values, **options)

            patch.setattr(socket.socket, name, spied)
        yield users


def test_given_vendors_that_never_answer_when_stamps_are_given_then_no_till_uses_the_network(
    site: Site, session_factory: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    counter = Counter(session_factory, cards=12, now=utc_now())
    counter.install(site)
    site.watched.always = [Fault(kind="slow", delay_s=LONGER_S)]
    site.pushes.of_token = {one.phone.token: Verdict(delay_s=LONGER_S) for one in counter.held}
    # when
    with draining(session_factory), counter.sessions() as db, spying(monkeypatch) as users:
        await_true(lambda: len(site.watched.began) > 0, within_s=9)
        for one in counter.held:
            counter.stamp(db, one)
        given = [counter.stamps_of(one) for one in counter.held]
        answered = [call for call in site.google.calls if call.status == 200]
    # then
    assert given == [1] * 12
    assert answered == [], "no vendor has answered anything until now"
    assert users, "the drain has used it"
    assert threading.get_ident() not in users


def test_given_two_stamps_in_one_second_when_drained_then_both_reach_both_phones(
    site: Site, session_factory: sessionmaker[Session]
) -> None:
    second = utc_now().replace(microsecond=0)
    counter = Counter(session_factory, cards=1, now=second)
    counter.install(site, second)
    (one,), shown = counter.held, []
    for milliseconds in (0, 300, 600):
        now = second + timedelta(milliseconds=milliseconds)
        for provider in Provider:
            counter.drain(provider, now=now)
        await_true(lambda: one.phone.stamps == counter.stamps_of(one), within_s=5)
        shown.append((site.stamps_at_google(one.google.serial), one.phone.stamps))
        with counter.sessions() as db:
            counter.stamp(db, one, now=now)
    assert shown == [(0, 0), (1, 1), (2, 2)]
    assert one.phone.fetched == 3


@pytest.mark.parametrize("path", ["loyaltyClass", "loyaltyObject", "/token"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind="cut"), "unreadable_answer"),
        (Fault(kind="html"), "unreadable_answer"),
        (Fault(kind="huge"), "answer_too_large"),
        (Fault(kind="reset"), "unreachable"),
        (Fault(kind="slow", delay_s=LONGER_S), "timeout"),
        (Fault(kind="wrong"), "wrong_answer"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_given_an_answer_that_is_none_when_drained_then_sent_again_and_the_reason_is_kept(
    site: Site, counter: Counter, path: str, fault: Fault, reason: str
) -> None:
    # given: Google knows another card already, and a new one comes
    counter.give_out(1, now=NOW)
    one = counter.held[-1]
    if path == "loyaltyClass":
        site.google.classes.clear()
        counter.forget_class()
    if path == "/token":
        site.google.tokens.clear()
    site.watched.add(replace(fault, path=path))
    # when
    assert counter.drain(Provider.GOOGLE, now=NOW)["sent"] == 0
    # then
    is_token = path == "/token" and fault.kind == "wrong"
    assert counter.last_error("google") == ("unreadable_answer" if is_token else reason)
    assert counter.drain(Provider.GOOGLE, now=NOW + timedelta(seconds=5))["sent"] == 1
    assert site.stamps_at_google(one.google.serial) == 0


def test_given_a_stamp_while_the_call_is_under_way_when_drained_then_google_has_it_in_the_end(
    site: Site, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT_S", 10.0)
    hang_up()
    (one,) = counter.held
    slow = Fault(kind="slow", delay_s=LONGER_S / 3, path="loyaltyObject")
    with counter.sessions() as db, ThreadPoolExecutor(1) as pool:
        counter.stamp(db, one, now=NOW)
        site.watched.add(slow)
        before = len(site.watched.began)
        run = pool.submit(counter.drain, Provider.GOOGLE, now=NOW)
        await_true(lambda: len(site.watched.began) > before + 1, within_s=9)  # token and pass
        counter.stamp(db, one, now=NOW)
        assert run.result()["sent"] == 2
    assert site.stamps_at_google(one.google.serial) == 2
    sent = [call.body["loyaltyPoints"]["balance"]["string"] for call in site.google.calls[-2:]]
    assert sent == ["1/10", "2/10"]
    assert counter.stale(Provider.GOOGLE) == 0


def test_given_a_token_that_never_comes_when_drained_then_threads_do_not_wait_one_by_one(
    site: Site, counter: Counter
) -> None:
    # given: a call that hangs must not hang as often as there are threads
    counter.give_out(7, now=NOW)
    site.google.tokens.clear()
    site.watched.always = [Fault(kind="slow", delay_s=LONGER_S, path="/token")]
    site.watched.asked.clear()
    # when
    assert counter.drain(Provider.GOOGLE, now=NOW)["put_off"] >= 7
    # then
    asked = [call for call in site.watched.asked if call.path == "/token"]
    assert len(asked) <= 5
    assert counter.reasons() == {"timeout"}


def test_given_a_phone_that_adds_the_pass_during_a_drain_when_it_ends_then_the_phone_is_told(
    site: Site, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given: a pass that was fetched, and a stamp before its holder says "Add"
    now = utc_now()
    counter = Counter(build_sessionmaker(sqlite_engine), cards=1, now=now)
    (one,) = counter.held
    one.phone.fetch(now)
    with counter.sessions() as db:
        counter.stamp(db, one, now=now)
    # when: they do so while the drain knows of no phone yet
    tokens_of = apple_devices.push_tokens

    def add_meanwhile(db: Session, pass_ids: Any) -> Any:
        tokens = tokens_of(db, pass_ids)
        if not tokens:
            one.phone.register(now)
        return tokens

    monkeypatch.setattr(apple_devices, "push_tokens", add_meanwhile)
    site.pushes.on_push = lambda _token: one.phone.hear_push(now)
    for _run in range(2):
        counter.drain(Provider.APPLE, now=now)
    # then
    await_true(lambda: one.phone.stamps == 1, within_s=2)
