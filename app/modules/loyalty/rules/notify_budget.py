"""When a change of a pass may make a Google phone ring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

# Google shows at most three notices per pass and 24 hours; beyond, it answers with an error.
MOST_A_DAY: Final = 3
_DAY: Final = timedelta(hours=24)


def may_ring(
    before: Mapping[str, int],
    after: Mapping[str, int],
    *,
    rang_at: Sequence[datetime],
    now: datetime,
) -> bool:
    """True where a change from `before` to `after` is worth one of the day's notices.

    Both count `stamps`, `points` and `rewards` (ready to redeem). The last of the three is
    kept for a reward that becomes ready. A pass that was never shown does not ring.

    Source: Google Wallet, "Partner-triggered notifications"; product rule "Passes",
    docs/rules.md.
    """
    if not before or before == after:
        return False
    spent = sum(1 for at in rang_at if now - at < _DAY)
    is_reward = after.get("rewards", 0) > before.get("rewards", 0)
    return spent < (MOST_A_DAY if is_reward else MOST_A_DAY - 1)
