"""The preview says exactly what the change then does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.core.db import read_connection
from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram
from app.modules.loyalty.rules.expiry import points_expire_on
from app.modules.loyalty.schemas import ProgramUpdate
from app.modules.loyalty.services import card_queries, program_preview, program_service
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import Unit
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.factories import NOW, Shop

REWARDS = ("A coffee", "A tea")
AGO = st.integers(0, 24 * 500).map(lambda hours: NOW - timedelta(hours=hours))
CARDS = st.fixed_dictionaries(
    {
        "stamp_count": st.integers(-3, 25),
        "stamps_target": st.integers(2, 12),
        "reward_description": st.sampled_from(REWARDS),
        "status": st.sampled_from(["active", "active", "active", "suspended", "merged", "erased"]),
        "points_balance": st.integers(-5, 30),
        "last_collected_at": st.none() | AGO,
        "created_at": AGO,
        "is_elsewhere": st.booleans(),
    }
)
PROGRAMS = st.fixed_dictionaries(
    {
        "stamps_target": st.integers(2, 12),
        "stamps_reward_description": st.sampled_from(REWARDS),
        "loyalty_type": st.sampled_from(["stamps", "points", "hybrid"]),
        "is_active": st.booleans(),
        "points_expiration_days": st.sampled_from([None, 90, 365]),
        "points_expiry_since": st.none() | AGO,
    }
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "stamps_target": st.integers(2, 12),
        "stamps_reward_description": st.sampled_from(REWARDS),
        "loyalty_type": st.sampled_from(["stamps", "points", "hybrid"]),
        "is_active": st.booleans(),
        "points_expiration_days": st.sampled_from([None, 30, 90, 180, 365, 400]),
    },
)


@dataclass(frozen=True)
class Seen:
    """A card as it stands, and the day its points run out."""

    card: LoyaltyCard
    expires_on: date | None


def see(db: Session, shop: Shop) -> dict[int, Seen]:
    with read_connection(db) as connection:
        return {
            card.id: Seen(card, _expires_on(connection, card))
            for card in reads.rows_of(db, LoyaltyCard, merchant_id=shop.merchant_id)
            if card.status in ("active", "suspended")
        }


def _expires_on(connection: Any, card: LoyaltyCard) -> date | None:
    question = Question(merchant_id=card.merchant_id, card_id=card.id)
    [state] = card_queries.read_states(connection, question, now=NOW)
    return points_expire_on(state)


def happened(before: dict[int, Seen], after: dict[int, Seen], shop: Shop) -> dict[str, Any]:
    """What the change did, found out card by card."""
    pairs = [(seen.card, after[card_id].card) for card_id, seen in before.items()]
    changed = [(old, new) for old, new in pairs if new.revision > old.revision]
    sooner = [
        now.expires_on
        for card_id, now in after.items()
        if now.expires_on is not None
        and ((was := before[card_id].expires_on) is None or now.expires_on < was)
    ]
    return {
        "cards": len(after),
        "open_cards": sum(new.stamp_count > 0 for _, new in pairs),
        "cards_with_points": sum(new.points_balance > 0 for _, new in pairs),
        "cards_changed": len(changed),
        "rewards_ready": sum(_ready(new) > _ready(old) for old, new in changed),
        "cards_expiring_sooner": len(sooner),
        "earliest_expiry_on": min(sooner, default=None),
    }


def _ready(card: LoyaltyCard) -> int:
    return max(0, card.stamp_count) // card.stamps_target


def program_of(db: Session, shop: Shop) -> LoyaltyProgram:
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert isinstance(program, LoyaltyProgram)
    return program


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=PROGRAMS, cards=st.lists(CARDS, max_size=8), change=CHANGES)
def test_given_any_cards_when_a_change_is_previewed_then_the_change_does_exactly_that(
    db: Session, program: dict[str, Any], cards: list[dict[str, Any]], change: dict[str, Any]
) -> None:
    # given
    shop = factories.make_shop(db, **program)
    bar = factories.make_store(
        db, merchant_id=shop.merchant_id, timezone="America/New_York", day_starts_at=time(4)
    )
    for columns in cards:
        place = bar if columns["is_elsewhere"] else shop.store
        values = {name: value for name, value in columns.items() if name != "is_elsewhere"}
        factories.make_card(db, shop=shop, enrolled_store_id=place.id, **values)
    before, data = see(db, shop), ProgramUpdate(**change)
    # when
    preview = program_preview.preview_update(db, merchant_id=shop.merchant_id, data=data, now=NOW)
    assert see(db, shop).keys() == before.keys()
    assert program_of(db, shop).revision == 1
    changed = program_service.update_program(db, merchant_id=shop.merchant_id, data=data, now=NOW)
    # then
    after = see(db, shop)
    did = happened(before, after, shop)
    assert {name: preview[name] for name in did} == did  # type: ignore[literal-required]
    cycle = changed.stamps_target, changed.stamps_reward_description
    keeps = [
        seen.card
        for seen in after.values()
        if (seen.card.stamps_target, seen.card.reward_description) != cycle
    ]
    touches_cycle = cycle != (program["stamps_target"], program["stamps_reward_description"])
    assert preview["cards_keeping_target"] == (len(keeps) if touches_cycle else 0)


def test_given_full_and_half_full_cards_when_the_target_sinks_then_who_gets_a_reward_is_counted(
    db: Session,
) -> None:
    shop = factories.make_shop(db, stamps_target=10)
    for stamps in (0, 5, 8, 9, 10):
        factories.make_card(db, shop=shop, stamps=stamps)
    preview = program_preview.preview_update(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=8)
    )
    assert (preview["cards"], preview["open_cards"], preview["cards_changed"]) == (5, 4, 5)
    assert preview["rewards_ready"] == 2
    assert (preview["cards_keeping_target"], preview["stops_earning"]) == (0, [])
    assert reads.count_of(db, AuditEntry, merchant_id=shop.merchant_id) == 0


def test_given_half_full_cards_when_the_target_is_raised_then_they_are_said_to_keep_theirs(
    db: Session,
) -> None:
    shop = factories.make_shop(db, stamps_target=10)
    for stamps in (0, 5, 10):
        factories.make_card(db, shop=shop, stamps=stamps)
    preview = program_preview.preview_update(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=12)
    )
    assert (preview["cards_changed"], preview["cards_keeping_target"]) == (1, 2)
    assert preview["rewards_ready"] == 0


@pytest.mark.parametrize(
    ("change", "stops"),
    [
        ({"loyalty_type": "points"}, [Unit.STAMPS]), ({"loyalty_type": "stamps"}, [Unit.POINTS]),
        ({"is_active": False}, [Unit.STAMPS, Unit.POINTS]), ({"card_name": "New"}, []),
    ],
)  # fmt: skip
def test_given_a_hybrid_program_when_a_unit_goes_then_all_cards_are_said_to_stop_collecting_it(
    db: Session, change: dict[str, Any], stops: list[Unit]
) -> None:
    shop = factories.make_shop(db, loyalty_type="hybrid")
    for _ in range(2):
        factories.make_card(db, shop=shop)
    preview = program_preview.preview_update(
        db, merchant_id=shop.merchant_id, data=ProgramUpdate(**change)
    )
    assert preview["stops_earning"] == stops
    assert preview["cards_stop_earning"] == (2 if stops else 0)


def test_given_another_merchants_cards_when_a_change_is_previewed_then_they_do_not_count(
    db: Session,
) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    factories.make_card(db, shop=other, stamps=5, points_balance=7)
    data = ProgramUpdate(stamps_target=2, points_expiration_days=30)
    preview = program_preview.preview_update(db, merchant_id=shop.merchant_id, data=data)
    counts = [value for value in preview.values() if isinstance(value, int)]
    assert counts == [0] * len(counts)


def test_given_a_change_that_is_refused_when_previewed_then_refused_alike(db: Session) -> None:
    shop = factories.make_shop(db, welcome_bonus_stamps=5)
    with pytest.raises(ValidationFailed) as refused:
        program_preview.preview_update(
            db, merchant_id=shop.merchant_id, data=ProgramUpdate(stamps_target=5)
        )
    assert [fault.code for fault in refused.value.errors] == ["welcome_bonus_too_large"]
    merchant = factories.make_merchant(db)
    with pytest.raises(ProgramNotFound):
        program_preview.preview_update(db, merchant_id=merchant.id, data=ProgramUpdate())


def test_given_the_first_moment_after_midnight_when_expiry_is_set_then_the_stores_day_counts(
    db: Session,
) -> None:
    shop = factories.make_shop(db, loyalty_type="points")
    factories.make_card(db, shop=shop, points_balance=5)
    midnight = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)  # in Luxembourg
    data = ProgramUpdate(points_expiration_days=30)
    for now, day in ((midnight - timedelta(seconds=1), 30), (midnight, 31)):
        preview = program_preview.preview_update(
            db, merchant_id=shop.merchant_id, data=data, now=now
        )
        assert preview["earliest_expiry_on"] == date(2026, 7, day)
