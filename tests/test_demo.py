"""The demo: two shops that live by their rules, the bakery selling bread for points."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app import demo
from app.core.db import build_sessionmaker
from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.services import (
    card_views,
    ledger_verify,
    points_service,
    program_service,
    reward_service,
)
from app.modules.loyalty.types import Caller, EntryType
from app.modules.tenancy.services import auth_service, store_service
from tests import reads
from tests.factories import NOW


@pytest.fixture
def loaded(sqlite_engine: Engine) -> sessionmaker[Session]:
    """A database with the demo in it."""
    sessions = build_sessionmaker(sqlite_engine)
    with sessions() as db:
        demo.load(db, now=NOW)
    return sessions


def test_given_the_demo_when_loaded_then_the_bakery_sells_bread_for_points(
    loaded: sessionmaker[Session],
) -> None:
    with loaded() as db:
        merchant_id = store_service.find_store(db, code="schmit").merchant_id
        program = program_service.get_program(db, merchant_id=merchant_id)
        assert (program.loyalty_type, program.points_per_euro) == ("hybrid", 10)
        rewards = reward_service.list_rewards(db, merchant_id=merchant_id)
        assert [reward.name for reward in rewards][1] == "Loaf of bread"
        assert list(ledger_verify.verify(db)) == []

        cards = reads.rows_of(db, LoyaltyCard, merchant_id=merchant_id)
        views = [
            card_views.get_card(db, merchant_id=merchant_id, card_id=card.id, now=NOW)
            for card in cards
        ]
        soon = NOW.date() + timedelta(days=30)
        near = [
            view for view in views if view["points_expire_on"] and view["points_expire_on"] <= soon
        ]
        assert len(near) >= 2
        assert sum(view["points_balance"] < 0 for view in views) == 1
        assert any(line["affordable"] for view in views for line in view["rewards"])

        entries = reads.rows_of(db, LoyaltyTransaction, merchant_id=merchant_id)
        kinds = Counter(entry.type for entry in entries)
        for kind in (EntryType.STAMP_EARNED, EntryType.STAMP_REDEEMED, EntryType.POINTS_EARNED):
            assert kinds[kind] > 10
        assert kinds[EntryType.POINTS_REDEEMED] > 10
        assert kinds[EntryType.POINTS_VOIDED] == 1


def test_given_the_demo_when_its_people_work_then_owner_and_pins_do_in_both_shops(
    loaded: sessionmaker[Session],
) -> None:
    with loaded() as db:
        for code in ("cafe-bleu", "schmit"):
            store = store_service.find_store(db, code=code)
            signed_in = auth_service.sign_in(
                db, email=f"owner@{code}.example", password=demo.PASSWORD
            )
            assert signed_in.token
            assert program_service.public_program(db, store_code=code)["self_enrollment"]
        caller = Caller(store.merchant_id, store_id=store.store_id)
        [card, *_] = reads.rows_of(db, LoyaltyCard, merchant_id=store.merchant_id)
        earned = points_service.earn_points(
            db,
            card_id=card.id,
            purchase_amount_cents=550,
            staff_pin=demo.CASHIER_PIN,
            caller=caller,
            now=NOW,
        )
        assert (earned["points_earned"], earned["staff_name"]) == (55, "Lynn")
