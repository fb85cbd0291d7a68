"""What customers change of themselves reaches their passes; what passes don't show does not."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.modules.loyalty.models import WalletPass
from app.modules.loyalty.services import own_account
from tests.factories import NOW, make_card, make_pass


@pytest.mark.parametrize(
    ("facts", "is_told"),
    [
        ({"first_name": "Maria"}, True),
        ({"locale": "lb"}, True),
        ({"marketing_consent": True}, False),
        ({"first_name": "Zoé"}, False),
    ],
)
def test_given_an_account_when_its_holder_changes_it_then_passes_follow_what_they_show(
    db: Session, facts: dict[str, Any], is_told: bool
) -> None:
    card = make_card(db)
    row = make_pass(db, card=card)
    own_account.change_account(
        db,
        merchant_id=card.merchant_id,
        customer_id=card.customer_id,
        shown_in="en",
        now=NOW,
        **facts,
    )
    found = select(WalletPass.target_revision).where(
        WalletPass.merchant_id == card.merchant_id, WalletPass.id == row.id
    )
    assert (db.execute(found).scalar_one() > row.synced_revision) is is_told
