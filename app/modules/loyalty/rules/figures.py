"""The figures that statistics show: periods, shares, medians, what points are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

# Somebody who waited longer than a year counts as a year: the median stays what it is.
LONGEST_WAIT_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Business days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each day, in order."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def before(self) -> Period:
        """As many days, right before these."""
        length = self.last - self.first
        last = self.first - timedelta(days=1)
        return Period(last - length, last)


def period_until(last: date, *, days: int) -> Period:
    """The `days` business days that end with `last`."""
    assert days >= 1, days
    return Period(last - timedelta(days=days - 1), last)


def permille(part: int, whole: int) -> int | None:
    """`part` of `whole` in thousandths, halves up; None of nothing. Never a float."""
    return (2000 * part + whole) // (2 * whole) if whole > 0 else None


def median_of(counts: Mapping[int, int]) -> int | None:
    """The median of values that stand `counts[value]` times; of two in the middle the lower."""
    return quantile_of(counts, 500)


def quantile_of(counts: Mapping[int, int], thousandths: int) -> int | None:
    """The lowest value that at least so many thousandths of all values do not exceed."""
    total = sum(counts.values())
    reached = 0
    for value in sorted(counts):
        reached += counts[value]
        if reached * 1000 >= total * thousandths:
            return value if total else None
    return None


def wait_days(since: date, until: date) -> int:
    """How many days a reward took, 0 to `LONGEST_WAIT_DAYS`."""
    return min(max((until - since).days, 0), LONGEST_WAIT_DAYS)


def points_value(points: int, *, cost_points: int | None, value_cents: int | None) -> int | None:
    """What points are worth (minor units, rounded down), where a reward tells; else None."""
    if cost_points is None or value_cents is None:
        return None
    return points * value_cents // cost_points
