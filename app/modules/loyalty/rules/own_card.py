"""Staff and their own cards."""

from __future__ import annotations

from app.modules.loyalty.errors import OwnCard
from app.modules.loyalty.types import CardState, Staff


def check_not_own_card(
    state: CardState, staff: Staff | None, *, override: Staff | None = None
) -> bool:
    """Refuse a member of staff who serves their own card, whatever their role.

    Another manager's `override` allows it; True says that it was needed. Nobody lifts a
    limit of their own card.

    Raises:
        OwnCard.

    Source: product rule "Staff PINs", docs/rules.md.
    """
    if override is not None and override.own_card_id == state.card_id:
        raise OwnCard
    if staff is None or staff.own_card_id != state.card_id:
        return False
    if override is None or not override.is_manager:
        raise OwnCard
    return True
