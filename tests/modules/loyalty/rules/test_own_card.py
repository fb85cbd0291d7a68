from __future__ import annotations

from dataclasses import replace

import pytest

from app.modules.loyalty.errors import OwnCard
from app.modules.loyalty.rules.own_card import check_not_own_card
from app.modules.loyalty.types import Staff
from tests.modules.loyalty.rules.states import ANNA, MIA, card


@pytest.mark.parametrize("staff", [ANNA, MIA])
def test_given_a_members_own_card_when_served_then_refused_whatever_the_role(
    staff: Staff,
) -> None:
    with pytest.raises(OwnCard):
        check_not_own_card(card(card_id=7), replace(staff, own_card_id=7))


@pytest.mark.parametrize("staff", [None, ANNA, replace(ANNA, own_card_id=8)])
def test_given_anothers_card_when_served_then_allowed(staff: Staff | None) -> None:
    check_not_own_card(card(card_id=7), staff)
