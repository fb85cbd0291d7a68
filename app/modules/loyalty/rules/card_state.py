"""Whether a card takes part."""

from __future__ import annotations

from app.modules.loyalty.errors import CardInactive
from app.modules.loyalty.types import CardState, CardStatus


def check_active(state: CardState) -> None:
    """Refuse a card that is suspended, merged or erased.

    Raises:
        CardInactive.
    """
    if state.status is not CardStatus.ACTIVE:
        raise CardInactive
