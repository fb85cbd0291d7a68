"""How the wallets are doing, for the platform's admins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.core.paging import PageRequest
from app.modules.loyalty.errors import PassNotFound
from app.modules.loyalty.models import (
    AppleDeviceLog,
    AppleDeviceRegistration,
    LoyaltyCard,
    WalletClass,
    WalletPass,
    WalletVendor,
)
from app.modules.loyalty.services import wallet_parked, wallet_report, wallet_status
from app.modules.loyalty.services.ledger_entries import Actor
from app.modules.loyalty.services.wallet_status import VendorStatus, WalletStatus
from app.modules.loyalty.types import ActorKind, Draft, EntryType, PassState, Provider
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.tenancy.models import AuditEntry
from tests.factories import NOW, make_card, make_pass, make_shop, post, save
from tests.reads import rows_of

ADMIN = Actor(ActorKind.USER, 7)
BEHIND: dict[str, Any] = {"target_revision": 2, "synced_revision": 1, "synced_at": NOW}
PARKED: dict[str, Any] = BEHIND | {
    "parked_at": NOW, "attempts": 4, "last_error": "invalidResource",
    "last_error_detail": "Invalid value for field heroImage.",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_yet(db: Session) -> None:
    """The platform's whole state is asked for: no other test's rows may be in it."""
    with atomic(db):
        for model in (
            AppleDeviceRegistration, WalletPass, WalletClass, WalletVendor, AppleDeviceLog,
        ):  # fmt: skip
            db.execute(delete(model).execution_options(tenant_exempt="begins anew"))


def status_of(db: Session, *, seconds: int = 0) -> WalletStatus:
    return wallet_status.status(db, now=NOW + timedelta(seconds=seconds))


def google(db: Session, *, seconds: int = 0) -> VendorStatus:
    return status_of(db, seconds=seconds)["vendors"][0]


def stamped(db: Session, card: LoyaltyCard, *, after_s: int) -> None:
    given = Draft(EntryType.STAMP_EARNED, stamps_delta=1)
    post(db, card, [given], now=NOW + timedelta(seconds=after_s))


def make_class(db: Session, *, merchant_id: int, **columns: Any) -> WalletClass:
    defaults = {"provider": "google", "target_revision": 3, "created_at": NOW}
    return save(db, WalletClass(merchant_id=merchant_id, **defaults | columns))


def test_given_nothing_when_asked_then_neither_wallet_is_set_up_and_nothing_waits(
    db: Session,
) -> None:
    status = status_of(db)
    assert [vendor["provider"] for vendor in status["vendors"]] == list(Provider)
    for vendor in status["vendors"]:
        assert not vendor["setup"]["is_configured"]
        assert vendor["backlog"] == {"waiting": 0, "parked": 0, "oldest_seconds": None}
        assert vendor["last_success_at"] is None
    assert (status["designs"], status["device_log"]) == ([], [])
    assert status["parked"] == {"items": [], "next_cursor": None}


def test_given_a_paused_vendor_when_asked_then_until_when_and_why(db: Session) -> None:
    until = NOW + timedelta(minutes=5)
    save(
        db,
        WalletVendor(
            provider="google", paused_until=until, pause_reason="permissionDenied",
            last_failure_at=NOW, last_error="permissionDenied",
        ),
    )  # fmt: skip
    vendor = google(db)
    assert (vendor["paused_until"], vendor["pause_reason"]) == (until, "permissionDenied")
    assert (vendor["last_failure_at"], vendor["last_success_at"]) == (NOW, None)


def test_given_passes_behind_when_counted_then_parked_ones_count_apart(db: Session) -> None:
    for columns in (BEHIND, BEHIND, PARKED, {}, BEHIND | {"provider": "apple"}):
        make_pass(db, card=make_card(db), **columns)
    backlog = google(db)["backlog"]
    assert (backlog["waiting"], backlog["parked"]) == (2, 1)


def test_given_more_than_are_counted_when_counted_then_the_count_ends(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wallet_status, "MOST_COUNTED", 2)
    for _ in range(3):
        make_pass(db, card=make_card(db), **BEHIND)
    assert google(db)["backlog"]["waiting"] == 2


def test_given_passes_behind_when_asked_for_how_long_then_the_one_that_waits_longest(
    db: Session,
) -> None:
    # synced, and stamped 10 s and 25 s later: it waits since the first of them
    card = make_card(db, now=NOW - timedelta(days=1))
    make_pass(db, card=card, **BEHIND)
    stamped(db, card, after_s=10)
    stamped(db, card, after_s=25)
    assert google(db, seconds=60)["backlog"]["oldest_seconds"] == 50
    # never sent: it waits since it was made
    new = BEHIND | {"synced_revision": 0, "synced_at": None}
    make_pass(db, card=make_card(db), created_at=NOW + timedelta(seconds=5), **new)
    assert google(db, seconds=60)["backlog"]["oldest_seconds"] == 55
    # parked ones wait for somebody, not for us
    make_pass(db, card=make_card(db), created_at=NOW - timedelta(days=9), **PARKED)
    assert google(db, seconds=60)["backlog"]["oldest_seconds"] == 55


def test_given_designs_when_asked_then_those_on_their_way_with_their_progress(
    db: Session,
) -> None:
    shop, done = make_shop(db), make_shop(db)
    progress = {"reissue_done": 3, "reissue_total": 8, "reissue_started_at": NOW}
    make_class(db, merchant_id=shop.merchant_id, synced_revision=3, reissued_revision=2, **progress)
    make_class(db, merchant_id=done.merchant_id, synced_revision=3, reissued_revision=3)
    [design] = status_of(db)["designs"]
    assert (design["merchant_name"], design["done"], design["total"]) == (shop.merchant.name, 3, 8)
    assert design["started_at"] == NOW


def test_given_lines_of_phones_when_asked_then_the_newest_first_and_not_all(db: Session) -> None:
    for number in range(wallet_status.LOG_LINES + 2):
        save(db, AppleDeviceLog(line=f"line {number}", heard_at=NOW))
    lines = [entry["line"] for entry in status_of(db)["device_log"]]
    assert len(lines) == wallet_status.LOG_LINES
    assert lines[:2] == ["line 21", "line 20"]


def test_given_parked_passes_when_paged_then_each_once_with_the_vendors_words(
    db: Session,
) -> None:
    passes = [
        make_pass(db, card=make_card(db), **PARKED | {"provider": provider})
        for provider in ("google", "apple", "google")
    ]
    make_pass(db, card=make_card(db), **BEHIND)
    first = wallet_parked.list_parked(db, page=PageRequest(limit=2))
    second = wallet_parked.list_parked(db, page=PageRequest(2, first["next_cursor"]))
    found = [*first["items"], *second["items"]]
    assert second["next_cursor"] is None
    assert sorted(line["pass_id"] for line in found) == [one.id for one in passes]
    assert found[0]["last_error_detail"] == "Invalid value for field heroImage."
    with pytest.raises(ValidationFailed):
        wallet_parked.list_parked(db, page=PageRequest(2, "WzFd"))


def test_given_a_parked_pass_when_tried_again_then_it_waits_and_the_log_says_who(
    db: Session,
) -> None:
    card = make_card(db)
    parked = make_pass(db, card=card, **PARKED)
    refused = {"parked_at": NOW, "attempts": 2, "last_error": "class_refused"}
    make_class(db, merchant_id=card.merchant_id, **refused)
    standing = wallet_parked.retry(db, pass_id=parked.id, actor=ADMIN, now=NOW)
    again = wallet_parked.retry(db, pass_id=parked.id, actor=ADMIN, now=NOW)
    assert standing == again
    assert standing["state"] is PassState.WAITING
    for model in (WalletPass, WalletClass):
        [row] = rows_of(db, model, merchant_id=card.merchant_id)
        assert (row.parked_at, row.attempts, row.next_attempt_at) == (None, 0, None)
    # Nothing was parked the second time.
    [entry] = rows_of(db, AuditEntry, merchant_id=card.merchant_id)
    assert (entry.action, entry.subject) == ("wallet_pass_retried", f"wallet_pass:{parked.id}")
    assert (entry.actor_id, entry.at) == (7, NOW)
    assert entry.old == {"parked_for": ["invalidResource", "class_refused"]}


def test_given_a_parked_pass_when_tried_again_then_no_other_is(db: Session) -> None:
    parked, other = (make_pass(db, card=make_card(db), **PARKED) for _ in range(2))
    wallet_parked.retry(db, pass_id=parked.id, actor=ADMIN, now=NOW)
    [left] = wallet_parked.list_parked(db, page=PageRequest())["items"]
    assert left["pass_id"] == other.id


def test_given_no_such_pass_when_tried_again_then_it_is_refused(db: Session) -> None:
    with pytest.raises(PassNotFound):
        wallet_parked.retry(db, pass_id=2**40, actor=ADMIN, now=NOW)


def test_given_a_wrong_setup_when_reported_then_with_its_cause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def load(**_options: object) -> None:
        raise SetupProblem("apple_certificate_expired", date="2026-11-01")

    monkeypatch.setattr(apple_setup, "load", load)
    report = wallet_report.setup_of(Provider.APPLE, now=NOW)
    assert report["is_configured"]
    assert report["problem"] == {
        "cause": "apple_certificate_expired", "params": {"date": "2026-11-01"},
    }  # fmt: skip
