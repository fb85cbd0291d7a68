"""Staff and their own cards."""

from __future__ import annotations

from app.modules.loyalty.errors import OwnCard
from app.modules.loyalty.types import CardState, Staff


def check_not_own_card(state: CardState, staff: Staff | None) -> None:
    """Refuse a member of staff who serves their own card, whatever their role.

    Raises:
        OwnCard.

    Source: product rule "Staff PINs", docs/rules.md.
    """
    if staff is not None and staff.own_card_id == state.card_id:
        raise OwnCard
