"""Where a card stands in phones' wallets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard, WalletPass, WalletVendor
from app.modules.loyalty.services import wallet_views
from app.modules.loyalty.services.wallet_views import PassStanding
from app.modules.loyalty.types import PassState, Provider
from tests.factories import NOW, make_card, make_pass, make_shop
from tests.reads import rows_of


def google_of(db: Session, card: LoyaltyCard) -> PassStanding:
    google, apple = wallet_views.wallet_state(db, merchant_id=card.merchant_id, card_id=card.id)
    assert (google["provider"], apple["provider"]) == (Provider.GOOGLE, Provider.APPLE)
    return google


@pytest.mark.parametrize(
    ("columns", "state", "held"),
    [
        ({}, PassState.CURRENT, False),
        ({"held_since": NOW}, PassState.CURRENT, True),
        ({"synced_revision": 0, "held_since": NOW}, PassState.WAITING, True),
        ({"synced_revision": 0, "last_error": "timeout"}, PassState.WAITING, False),
        ({"synced_revision": 0, "parked_at": NOW}, PassState.PARKED, False),
        # What ended is not in anybody's hands, whoever still has a copy.
        ({"ended_as": "replaced", "held_since": NOW}, PassState.ENDED, False),
        ({"ended_as": "merged", "synced_revision": 0, "parked_at": NOW}, PassState.ENDED, False),
    ],
)
def test_given_a_pass_when_looked_at_then_how_far_it_has_got(
    db: Session, columns: dict[str, Any], state: PassState, held: bool
) -> None:
    card = make_card(db)
    make_pass(
        db, card=card, synced_at=NOW, **{"target_revision": 5, "synced_revision": 5} | columns
    )
    standing = google_of(db, card)
    assert (standing["state"], standing["held"]) == (state, held)
    assert standing["synced_at"] == NOW
    assert standing["last_error"] == columns.get("last_error")


def test_given_no_pass_when_looked_at_then_none_in_either_wallet(db: Session) -> None:
    card = make_card(db)
    make_pass(db, card=make_card(db))  # somebody else's
    states = wallet_views.wallet_state(db, merchant_id=card.merchant_id, card_id=card.id)
    assert [one["state"] for one in states] == [PassState.NONE, PassState.NONE]


@pytest.mark.parametrize("is_older", [True, False])
def test_given_an_ended_pass_and_its_successor_when_looked_at_then_the_one_that_counts(
    db: Session, is_older: bool
) -> None:
    card = make_card(db)
    for ended_as in ["replaced", None] if is_older else [None, "replaced"]:
        make_pass(db, card=card, ended_as=ended_as)
    assert google_of(db, card)["state"] is PassState.CURRENT


@pytest.mark.parametrize(
    ("columns", "is_paused", "is_addable"),
    [
        (None, False, True),
        (None, True, False),
        ({"synced_revision": 0}, False, True),
        ({"synced_revision": 0}, True, False),
        ({"synced_revision": 0, "parked_at": NOW}, False, False),
        # Google has it, if not the latest: its link works.
        ({"synced_revision": 0, "parked_at": NOW, "synced_at": NOW}, True, True),
        ({"ended_as": "replaced", "synced_at": NOW}, True, False),
    ],
)
def test_c18_given_what_google_said_when_buttons_are_chosen_then_none_that_leads_nowhere(
    db: Session, columns: dict[str, Any] | None, is_paused: bool, is_addable: bool
) -> None:
    card = make_card(db)
    if columns is not None:
        make_pass(db, card=card, **columns)
    with atomic(db):
        db.execute(delete(WalletVendor))
        until = NOW + timedelta(seconds=1 if is_paused else 0)
        db.add(WalletVendor(provider="google", paused_until=until))
        db.add(WalletVendor(provider="apple", paused_until=NOW + timedelta(hours=1)))
    place = {"merchant_id": card.merchant_id, "card_id": card.id}
    found = [one["provider"] for one in wallet_views.addable(db, **place, now=NOW)]
    # Apple's passes are made by us, whatever its push service does.
    assert found == ([Provider.GOOGLE, Provider.APPLE] if is_addable else [Provider.APPLE])


def test_given_another_merchants_card_when_looked_at_then_its_passes_do_not_show(
    db: Session,
) -> None:
    card = make_card(db)
    make_pass(db, card=card)
    other = make_shop(db)
    states = wallet_views.wallet_state(db, merchant_id=other.merchant_id, card_id=card.id)
    assert {one["state"] for one in states} == {PassState.NONE}
    with pytest.raises(CardNotFound):
        wallet_views.sync_now(db, merchant_id=other.merchant_id, card_id=card.id)


def test_given_a_pass_that_waits_or_is_parked_when_synced_now_then_it_is_tried_at_once(
    db: Session,
) -> None:
    card = make_card(db)
    make_pass(db, card=card, synced_revision=0, parked_at=NOW, attempts=3, next_attempt_at=NOW)
    make_pass(db, card=card, provider="apple")
    states = wallet_views.sync_now(db, merchant_id=card.merchant_id, card_id=card.id)
    assert [one["state"] for one in states] == [PassState.WAITING, PassState.WAITING]
    for row in rows_of(db, WalletPass, merchant_id=card.merchant_id):
        assert row.synced_revision < row.target_revision
        assert (row.parked_at, row.attempts, row.next_attempt_at) == (None, 0, None)
