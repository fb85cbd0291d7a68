"""The merchant's whole ledger: in pages, filtered, and as a file."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.loyalty.models import LoyaltyCard, LoyaltyReward, LoyaltyTransaction
from app.modules.loyalty.services import (
    card_lists,
    ledger_csv,
    ledger_lists,
    pin_service,
    points_service,
    stamp_service,
)
from app.modules.loyalty.services.ledger_lists import EntryView
from app.modules.loyalty.services.ledger_selects import LedgerFilter
from app.modules.loyalty.types import ActorKind, Caller, Draft, EntryType
from app.modules.tenancy.models import AuditEntry
from tests.factories import NOW, PIN, Shop, make_card, make_pin, make_shop, make_store, post, save
from tests.reads import entries_of, rows_of

MANY = 10_000


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db, loyalty_type="hybrid", cooldown_minutes=0, max_daily_stamps=100)


def manager(shop: Shop) -> Caller:
    return Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7, is_manager=True)


def entries(db: Session, shop: Shop, **wanted: Any) -> list[EntryView]:
    page = ledger_lists.list_ledger(
        db, merchant_id=shop.merchant_id, wanted=LedgerFilter(**wanted), limit=100
    )
    return page["items"]


def ids(found: list[EntryView]) -> list[int]:
    return [entry["id"] for entry in found]


def file_of(db: Session, shop: Shop, **wanted: Any) -> list[list[str]]:
    lines = ledger_csv.export_ledger(db, caller=manager(shop), wanted=LedgerFilter(**wanted))
    text = b"".join(lines).decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def buy(db: Session, shop: Shop, card: LoyaltyCard, **more: Any) -> int:
    answer = points_service.earn_points(
        db, card_id=card.id, purchase_amount_cents=2599, caller=Caller(shop.merchant_id),
        staff_pin=PIN, **{"now": NOW} | more,
    )  # fmt: skip
    return answer["transaction_id"]


def test_given_a_ledger_when_paged_then_every_entry_once_and_the_newest_first(
    db: Session, shop: Shop
) -> None:
    cards = [make_card(db, shop=shop, stamps=n + 1) for n in range(4)]
    make_card(db)  # another merchant's
    posted = [entry.id for card in cards for entry in entries_of(db, card)]
    seen: list[int] = []
    cursor = None
    while True:
        page = ledger_lists.list_ledger(
            db, merchant_id=shop.merchant_id, wanted=LedgerFilter(), limit=3, cursor=cursor
        )
        seen += ids(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == sorted(posted, reverse=True)
    with pytest.raises(ValidationFailed):
        ledger_lists.list_ledger(
            db, merchant_id=shop.merchant_id, wanted=LedgerFilter(), cursor="bm9uZQ"
        )


def test_given_an_entry_when_listed_then_all_that_is_known_of_it(db: Session, shop: Shop) -> None:
    pin = make_pin(db, merchant_id=shop.merchant_id, name="Ana")
    boss = make_pin(db, merchant_id=shop.merchant_id, name="Boss", pin="7295", role="manager")
    card = make_card(db, shop=shop)
    earned = buy(db, shop, card, order_reference="R-1")
    caller = Caller(shop.merchant_id, kind=ActorKind.API_KEY, actor_id=1)
    points_service.void_points(
        db, transaction_id=earned, reason="wrong_card", caller=caller, staff_pin=PIN, now=NOW
    )
    program = {"merchant_id": shop.merchant_id, "pin_id": pin.id}
    pin_service.delete_pin(db, **program, caller=manager(shop), now=NOW)
    # when
    voided, bought, _ = entries(db, shop, card_id=card.id)
    # then
    assert (bought["type"], bought["points_delta"], bought["amount_cents"]) == (
        "points_earned", 259, 2599,
    )  # fmt: skip
    assert (bought["currency"], bought["order_reference"]) == ("EUR", "R-1")
    assert (bought["voided"], bought["voided_by_id"]) == (True, voided["id"])
    assert (voided["voids_id"], voided["voided"]) == (earned, False)
    assert bought["actor_name"] == "Ana"  # dead by now, her name stays
    assert bought["card_number"] == card.card_number
    assert boss.name not in (bought["actor_name"], voided["actor_name"])
    own = card_lists.list_transactions(db, merchant_id=shop.merchant_id, card_id=card.id)
    assert own["items"][:2] == [voided, bought]


def test_given_a_lifted_limit_and_a_reward_when_listed_then_who_lifted_it_and_what_it_was(
    db: Session,
) -> None:
    shop = make_shop(db, loyalty_type="hybrid")
    make_pin(db, merchant_id=shop.merchant_id, name="Ana")
    make_pin(db, merchant_id=shop.merchant_id, name="Boss", pin="7295", role="manager")
    card = make_card(db, shop=shop, last_stamp_at=NOW)
    reward = LoyaltyReward(
        merchant_id=shop.merchant_id, name="Loaf of bread", cost_points=100, created_at=NOW,
    )  # fmt: skip
    save(db, reward)
    buy(db, shop, card)
    served: dict[str, Any] = {
        "card_id": card.id, "caller": Caller(shop.merchant_id), "staff_pin": PIN, "now": NOW,
    }  # fmt: skip
    points_service.redeem_points(db, reward_id=reward.id, **served)
    lifted = {"pin": "7295", "reason": "The till was late"}
    stamp_service.add_stamp(db, override=lifted, **served)  # type: ignore[arg-type]
    # then
    (redeemed,) = entries(db, shop, type=EntryType.POINTS_REDEEMED)
    assert (redeemed["reward_name"], redeemed["points_delta"]) == ("Loaf of bread", -100)
    assert (redeemed["overrides_limits"], redeemed["override_name"]) == (False, None)
    (stamped,) = entries(db, shop, type=EntryType.STAMP_EARNED)
    assert (stamped["overrides_limits"], stamped["override_name"]) == (True, "Boss")
    assert (stamped["actor_name"], stamped["notes"]) == ("Ana", "The till was late")


def test_given_filters_when_asked_then_only_what_fits_all_of_them(db: Session, shop: Shop) -> None:
    pin = make_pin(db, merchant_id=shop.merchant_id)
    second = make_store(db, merchant_id=shop.merchant_id)
    card, other = make_card(db, shop=shop), make_card(db, shop=shop)
    first = buy(db, shop, card, order_reference="R-1")
    there = buy(db, shop, card, store_id=second.id, now=NOW + timedelta(days=1))
    stamped = stamp_service.add_stamp(
        db, card_id=other.id, caller=Caller(shop.merchant_id), staff_pin=PIN,
        now=NOW + timedelta(days=2),
    )["transaction_id"]  # fmt: skip
    days = [date(2026, 3, 10) + timedelta(days=n) for n in range(3)]
    wanted: list[tuple[dict[str, Any], list[int]]] = [
        ({"type": EntryType.POINTS_EARNED}, [there, first]),
        ({"store_id": second.id}, [there]),
        ({"card_id": other.id, "type": EntryType.STAMP_EARNED}, [stamped]),
        ({"staff_pin_id": pin.id}, [stamped, there, first]),
        ({"staff_pin_id": pin.id + 1}, []),
        ({"order_reference": "R-1"}, [first]),
        ({"order_reference": "r-1"}, []),
        ({"first_day": days[1]}, [stamped, there]),
        ({"first_day": days[1], "last_day": days[1]}, [there]),
        ({"last_day": days[0], "staff_pin_id": pin.id}, [first]),
        ({"first_day": days[2], "last_day": days[0]}, []),
    ]
    for asked, expected in wanted:
        assert ids(entries(db, shop, **asked)) == expected, asked


def test_given_an_offline_entry_when_its_day_is_asked_for_then_it_is_there(
    db: Session, shop: Shop
) -> None:
    make_pin(db, merchant_id=shop.merchant_id)
    card = make_card(db, shop=shop, now=NOW - timedelta(days=5))
    caller = Caller(shop.merchant_id, kind=ActorKind.API_KEY, actor_id=1)
    kept = points_service.earn_points(
        db, card_id=card.id, purchase_amount_cents=1000, caller=caller, staff_pin=PIN, now=NOW,
        occurred_at=NOW - timedelta(hours=24),
    )["transaction_id"]  # fmt: skip
    day = date(2026, 3, 9)
    (entry,) = entries(db, shop, first_day=day, last_day=day)
    assert entry["id"] == kept
    assert entry["recorded_at"] - entry["occurred_at"] == timedelta(hours=24)


def test_given_texts_like_formulas_when_written_to_a_file_then_none_is_calculated(
    db: Session, shop: Shop
) -> None:
    make_pin(db, merchant_id=shop.merchant_id, name="@SUM(1+1)")
    card = make_card(db, shop=shop)
    buy(db, shop, card, order_reference='=HYPERLINK("https://example.com","x")', notes="-2+3")
    post(db, card, [Draft(EntryType.POINTS_ADJUSTED, points_delta=-9)])
    header, adjusted, bought, _ = file_of(db, shop, card_id=card.id)
    facts, other = (dict(zip(header, row, strict=True)) for row in (bought, adjusted))
    assert facts["order_reference"] == '\'=HYPERLINK("https://example.com","x")'
    assert (facts["actor_name"], facts["notes"]) == ("'@SUM(1+1)", "'-2+3")
    assert other["points_delta"] == "-9"  # a number, and ours
    assert facts["occurred_at"] == "2026-03-10T09:00:00Z"
    assert facts["business_day"] == "2026-03-10"
    assert other["order_reference"] == ""


def test_given_a_file_when_taken_then_it_stands_in_the_audit_with_what_was_asked(
    db: Session, shop: Shop
) -> None:
    file_of(db, shop, type=EntryType.STAMP_EARNED, first_day=date(2026, 3, 1))
    (act,) = rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    assert (act.action, act.actor_kind, act.actor_id) == ("transactions_exported", "user", 7)
    assert act.new == {"type": "stamp_earned", "first_day": "2026-03-01"}


def test_given_ten_thousand_entries_when_taken_as_a_file_then_all_of_them_in_little_memory(
    db: Session, shop: Shop
) -> None:
    card = make_card(db, shop=shop)
    _fill(db, card)
    db.expunge_all()
    lines = ledger_csv.export_ledger(db, caller=manager(shop), wanted=LedgerFilter())
    tracemalloc.start()
    try:
        count, size = 0, 0
        for chunk in lines:
            count += chunk.count(b"\r\n")
            size += len(chunk)
            assert not db.in_transaction()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == MANY + 2  # the header, and the card's own first entry
    assert peak < 12_000_000, (peak, size)


def _fill(db: Session, card: LoyaltyCard) -> None:
    """Copies of the card's first entry: many, at the same moment. Their hashes prove nothing."""
    (first,) = entries_of(db, card)
    columns = LoyaltyTransaction.__table__.columns
    plain = {column.name: getattr(first, column.name) for column in columns if column.name != "id"}
    assert plain["sequence"] == 1
    rows = [plain | {"sequence": n + 2} for n in range(MANY)]
    with atomic(db):
        db.execute(insert(LoyaltyTransaction), rows)
