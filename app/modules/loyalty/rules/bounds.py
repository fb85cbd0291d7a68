"""How large a balance may become."""

from __future__ import annotations

from typing import Final

from app.modules.loyalty.errors import AmountTooLarge

# The largest integer that every client, JavaScript included, reads exactly.
MAXIMUM_BALANCE: Final = 2**53 - 1
# A purchase in minor units; what a till sends beyond it is a slip of the finger.
MAXIMUM_AMOUNT_CENTS: Final = 10_000_000


def check_balance(balance: int) -> None:
    """Refuse a balance (stamps or points) beyond `MAXIMUM_BALANCE` on either side of zero.

    Raises:
        AmountTooLarge: with the maximum.

    Source: product rule "Money, numbers, days", docs/rules.md.
    """
    if abs(balance) > MAXIMUM_BALANCE:
        raise AmountTooLarge(maximum=MAXIMUM_BALANCE)
