"""What the triggers could not stop is found, and named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.core.db import build_sessionmaker
from app.core.security import Keyring
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import ledger_entries, ledger_verify
from app.modules.loyalty.services.ledger_verify import Fault, FaultKind
from app.modules.loyalty.types import Draft, EntryType
from tests.factories import NOW, make_card, make_shop, post
from tests.reads import entries_of
from tests.tampering import unguarded

EARN = Draft(EntryType.STAMP_EARNED, stamps_delta=1, sets_last_stamp=True, last_stamp_at=NOW)


def make_ledger(db: Session) -> LoyaltyCard:
    """A card with entries 1 to 4: created, 3 stamps by hand, two stamps earned."""
    card = make_card(db, stamps=3)
    post(db, card, [EARN, EARN])
    return card


def faults_of(db: Session, card: LoyaltyCard) -> list[Fault]:
    return list(ledger_verify.verify(db, merchant_id=card.merchant_id))


def tamper(engine: Engine, statement: str, **parameters: object) -> None:
    with unguarded(engine) as connection:
        assert connection.execute(text(statement), parameters).rowcount == 1


def change_entry(engine: Engine, db: Session, card: LoyaltyCard, change: str) -> int:
    """Change entry 3 of the card; returns its id."""
    entry_id = entries_of(db, card)[2].id
    tamper(engine, f"UPDATE loyalty_transactions SET {change} WHERE id = :id", id=entry_id)
    return entry_id


@pytest.mark.parametrize("batch_size", [1, 2, 500])
def test_given_a_clean_ledger_when_it_is_verified_then_nothing_is_found(
    db: Session, batch_size: int
) -> None:
    shop = make_shop(db)
    for _ in range(5):
        post(db, make_card(db, shop=shop, stamps=2), [EARN])
    make_ledger(db)
    found = ledger_verify.verify(db, merchant_id=shop.merchant_id, batch_size=batch_size)
    assert list(found) == []


@pytest.mark.parametrize("batch_size", [1, 2, 500])
def test_given_faults_on_several_cards_when_verified_in_batches_then_each_is_found_once(
    db: Session, engine: Engine, batch_size: int
) -> None:
    shop = make_shop(db)
    cards = [make_card(db, shop=shop, stamps=1) for _ in range(5)]
    for card in (cards[0], cards[2], cards[4]):
        tamper(engine, "UPDATE loyalty_cards SET stamp_count = 7 WHERE id = :id", id=card.id)
    found = ledger_verify.verify(db, merchant_id=shop.merchant_id, batch_size=batch_size)
    kinds = [(fault.kind, fault.card_id) for fault in found]
    assert kinds == [(FaultKind.CARD_BALANCE, cards[n].id) for n in (0, 2, 4)]


@pytest.mark.parametrize(
    "change",
    [
        "type = 'stamp_refunded'",
        "reward_description = 'A coffef'",
        "reward_description = reward_description || ' '",
        "stamps_target = stamps_target + 1",
        "actor_kind = 'user'",
        "actor_id = 1",
        "amount_cents = 0",
        "request_id = ''",
        "program_revision = program_revision + 1",
        "business_day = '2026-03-11'",
        "occurred_at = '2026-03-10 09:00:00.000001+00'",
        "recorded_at = '2026-03-10 09:01:00.000000+00'",
        "hash = 'f' || substr(hash, 2, 62) || 'g'",
    ],
)
def test_given_one_value_of_an_entry_changed_when_verified_then_card_and_entry_are_named(
    db: Session, engine: Engine, change: str
) -> None:
    card, sound = make_ledger(db), make_ledger(db)
    if engine.dialect.name == "sqlite":
        change = change.replace("+00'", "'")
    entry_id = change_entry(engine, db, card, change)
    # A changed hash also breaks the chain to the entry after it.
    found = faults_of(db, card)
    assert found[0] == Fault(FaultKind.HASH, card.merchant_id, card.id, 3, entry_id)
    assert len(found) == (2 if change.startswith("hash") else 1)
    assert str(found[0]) == (
        f"merchant {card.merchant_id}, card {card.id}, entry 3 (id {entry_id}): "
        "the entry is not what was written"
    )
    assert faults_of(db, sound) == []


@pytest.mark.parametrize(
    "change",
    [
        "overrides_limits = 2",
        "business_day = '2026-13-10'",
        "occurred_at = '2026-03-10T09:00:00.000000'",
        "occurred_at = '2026-03-10 09:00:00'",
        "reward_description = CAST(x'41ff' AS TEXT)",
    ],
)
def test_given_sqlite_when_a_byte_makes_no_sense_any_more_then_the_search_still_names_the_entry(
    sqlite_engine: Engine, change: str
) -> None:
    with build_sessionmaker(sqlite_engine)() as db:
        card = make_ledger(db)
        entry_id = change_entry(sqlite_engine, db, card, change)
        found = faults_of(db, card)
    assert found == [Fault(FaultKind.HASH, card.merchant_id, card.id, 3, entry_id)]


def test_given_an_amount_changed_when_verified_then_hash_and_balances_tell(
    db: Session, engine: Engine
) -> None:
    card = make_ledger(db)
    entry_id = change_entry(engine, db, card, "stamps_delta = 2")
    place = (card.merchant_id, card.id)
    assert faults_of(db, card) == [
        Fault(FaultKind.RUNNING_BALANCE, *place, 3, entry_id),
        Fault(FaultKind.HASH, *place, 3, entry_id),
        Fault(FaultKind.CARD_BALANCE, *place),
    ]


def _delete_entry(number: int) -> Callable[[Engine, Session, LoyaltyCard], None]:
    def delete(engine: Engine, db: Session, card: LoyaltyCard) -> None:
        entry_id = entries_of(db, card)[number - 1].id
        tamper(engine, "DELETE FROM loyalty_transactions WHERE id = :id", id=entry_id)

    return delete


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, [(FaultKind.GAP, 1)]),
        (3, [(FaultKind.GAP, 3), (FaultKind.CARD_BALANCE, None)]),
        (4, [(FaultKind.CARD_BALANCE, None), (FaultKind.CARD_HEAD, 4)]),
    ],
)
def test_given_an_entry_deleted_when_verified_then_its_place_is_named(
    db: Session, engine: Engine, number: int, expected: list[tuple[FaultKind, int | None]]
) -> None:
    card = make_ledger(db)
    _delete_entry(number)(engine, db, card)
    found = faults_of(db, card)
    assert [(fault.kind, fault.sequence) for fault in found] == expected
    assert {fault.card_id for fault in found} == {card.id}


def test_given_the_last_entry_and_the_cards_head_taken_back_when_verified_then_the_balance_tells(
    db: Session, engine: Engine
) -> None:
    card = make_ledger(db)
    third = entries_of(db, card)[2]
    _delete_entry(4)(engine, db, card)
    tamper(
        engine,
        "UPDATE loyalty_cards SET last_sequence = 3, head_hash = :hash WHERE id = :id",
        hash=third.hash,
        id=card.id,
    )
    assert [fault.kind for fault in faults_of(db, card)] == [FaultKind.CARD_BALANCE]


@pytest.mark.parametrize("column", ["stamp_count", "points_balance"])
def test_given_a_cards_balance_changed_when_verified_then_it_is_found(
    db: Session, engine: Engine, column: str
) -> None:
    card = make_ledger(db)
    tamper(engine, f"UPDATE loyalty_cards SET {column} = 6 WHERE id = :id", id=card.id)
    expected = Fault(FaultKind.CARD_BALANCE, card.merchant_id, card.id)
    assert faults_of(db, card) == [expected]


def test_given_a_cards_uid_changed_when_verified_then_its_first_entry_no_longer_fits(
    db: Session, engine: Engine
) -> None:
    card = make_ledger(db)
    tamper(engine, "UPDATE loyalty_cards SET uid = '0' WHERE id = :id", id=card.id)
    found = faults_of(db, card)
    assert [(fault.kind, fault.sequence) for fault in found] == [(FaultKind.HASH, 1)]


def test_given_an_entry_of_a_key_nobody_has_when_verified_then_the_key_is_missed(
    db: Session, engine: Engine
) -> None:
    card = make_ledger(db)
    entry_id = change_entry(engine, db, card, "key_id = 'feedbeef'")
    expected = Fault(FaultKind.UNKNOWN_KEY, card.merchant_id, card.id, 3, entry_id)
    assert faults_of(db, card) == [expected]


def test_given_an_entry_moved_to_another_merchant_when_verified_then_both_ends_show(
    db: Session, engine: Engine
) -> None:
    card, other = make_ledger(db), make_ledger(db)
    entry_id = change_entry(engine, db, card, f"merchant_id = {other.merchant_id}")
    kinds = [fault.kind for fault in faults_of(db, card)]
    assert kinds == [FaultKind.GAP, FaultKind.CARD_BALANCE]
    stray = Fault(FaultKind.NO_CARD, other.merchant_id, card.id, 3, entry_id)
    assert faults_of(db, other) == [stray]


def test_given_a_new_ledger_key_when_old_entries_are_verified_then_the_old_key_still_proves_them(
    db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "an-old-ledger-key-0123456789abcdef", "a-new-ledger-key-0123456789abcdef"

    def use(*keys: str) -> None:
        ring = Keyring(keys[0], keys[1:])
        for module in (ledger_entries, ledger_verify):
            monkeypatch.setattr(module, "ledger_keys", lambda: ring)

    use(old)
    card = make_ledger(db)
    use(new, old)
    post(db, card, [EARN])
    assert faults_of(db, card) == []
    use(new)
    kinds = [(fault.kind, fault.sequence) for fault in faults_of(db, card)]
    assert kinds == [(FaultKind.UNKNOWN_KEY, n) for n in (1, 2, 3, 4)]
