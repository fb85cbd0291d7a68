"""How sums become what statistics answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import cast

from app.modules.loyalty.rules.figures import Period, permille
from app.modules.loyalty.rules.statistics import COUNTS, DayCounts
from app.modules.loyalty.schemas.stats import DayFigures, Figures, PeriodFigures
from app.modules.loyalty.services.stats_queries import ActiveCards


def added(counts: Iterable[Counter[str]], names: Sequence[str] = COUNTS) -> Counter[str]:
    """All of them together. Name by name: `Counter.update` takes many times as long."""
    each = list(counts)
    return Counter({name: sum([one[name] for one in each]) for name in names})


def figures(counts: Counter[str]) -> Figures:
    """Counts with what is left of stamps and points after voids and refunds."""
    return Figures(
        **cast(DayCounts, {name: counts[name] for name in COUNTS}),
        stamps_net=counts["stamps_given"] - counts["stamps_voided"] - counts["stamps_refunded"],
        points_net=counts["points_earned"] - counts["points_voided"] - counts["points_refunded"],
    )


def period_figures(counts: Counter[str], cards: ActiveCards) -> PeriodFigures:
    """A period with its distinct cards."""
    return PeriodFigures(
        **figures(counts),
        active_cards=cards.active,
        returning_cards=cards.returning,
        return_permille=permille(cards.returning, cards.active),
    )


def series(by_day: Mapping[tuple[date, int], Counter[str]], period: Period) -> list[DayFigures]:
    """Each day of a period, all stores together; a day without anything is all zeros."""
    found: dict[date, list[Counter[str]]] = {day: [] for day in period.days}
    for (day, _store), counts in by_day.items():
        if day in found:
            found[day].append(counts)
    return [DayFigures(**figures(added(counts)), business_day=day) for day, counts in found.items()]


def busy_hours(operations: Mapping[tuple[int, date, int], int]) -> list[list[int]]:
    """Operations by weekday of the business day (Monday first) and hour of the clock."""
    grid = [[0] * 24 for _ in range(7)]
    for (_store, day, hour), count in operations.items():
        grid[day.weekday()][hour] += count
    return grid


def breakage(counts: Counter[str]) -> tuple[int, int]:
    """Points that ran out for good, and points that were handed out."""
    issued = figures(counts)["points_net"] + counts["points_welcome"]
    return counts["points_expired"] - counts["points_reinstated"], issued
