"""How long a vendor, or one pass at it, is left alone after a failure."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

# The last answers that count, as bits: 1 is a failure that may pass, the newest is lowest.
_WINDOW: Final = 16
_MASK: Final = (1 << _WINDOW) - 1
_LONGEST_S: Final = 3600
_LONGEST_WHILE_FAILING_S: Final = 10
PAUSE: Final = timedelta(seconds=60)


def heard(health: int, *, failed: bool) -> int:
    """`health` after one more answer."""
    return ((health << 1) | failed) & _MASK


def is_failing(health: int) -> bool:
    """True where at least half of the last answers were failures: it is the vendor, not a pass."""
    return health.bit_count() * 2 >= _WINDOW


def is_down(health: int) -> bool:
    """True where the last eight answers were failures."""
    return health & 0xFF == 0xFF


def retry_after(attempts: int, *, failing: bool, jitter: float) -> timedelta:
    """When a pass is tried again that failed `attempts` times (from 1).

    2, 4, 8 … seconds up to an hour, spread by `jitter` (0 to 1) over the upper half. While the
    vendor fails as a whole the pass is not to blame: then 10 seconds at most.
    """
    most = _LONGEST_WHILE_FAILING_S if failing else _LONGEST_S
    seconds = min(most, 2 ** min(attempts, 12))
    return timedelta(seconds=seconds * (0.5 + jitter / 2))
