"""Statistics of a merchant or of one of its stores."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import Integer, Row, bindparam, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import BigInt, end_read
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.models import (
    LoyaltyProgram,
    LoyaltyReward,
    MerchantStats,
    StaffReport,
)
from app.modules.loyalty.rules.figures import (
    Period,
    median_of,
    period_until,
    permille,
    points_value,
)
from app.modules.loyalty.schemas.stats import Holdings, RewardFigures, StatsView, StoreFigures
from app.modules.loyalty.services import (
    staff_cards,
    staff_report,
    stats_queries,
    stats_scope,
    stats_views,
)
from app.modules.loyalty.services.card_totals import TOTALS, Totals
from app.modules.loyalty.services.staff_cards import CardFigures
from app.modules.loyalty.services.stats_ledger import AnySelect
from app.modules.loyalty.services.stats_queries import Days, RolledUp
from app.modules.loyalty.services.stats_scope import StatsScope
from app.modules.loyalty.services.stats_sums import one_snapshot
from app.modules.tenancy.models import Merchant

MOST_DAYS: Final = 365
ByDay = dict[tuple[date, int], Counter[str]]
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


def store_stats(
    db: Session,
    *,
    merchant_id: int,
    days: int = 30,
    store_id: int | None = None,
    now: datetime | None = None,
) -> StatsView:
    """What happened in the last `days` (1 to 365) business days, today included.

    At one store or, without `store_id`, at all. Exactly what the ledger says at this moment,
    except for what the staff table knows about cards.

    Raises:
        ProgramNotFound.

    Source: product rule "Statistics", docs/rules.md.
    """
    assert 1 <= days <= MOST_DAYS, days
    now = now or clock.utc_now()
    one_snapshot(db)
    head = _head(db, merchant_id=merchant_id, store_id=store_id, days=days)
    scope = stats_scope.read_scope(
        db, merchant_id=merchant_id, store_id=store_id, counted_until=head.counted_until
    )
    period = period_until(scope.places.today(now), days=days)
    found = stats_scope.days_of(db, scope, Period(period.before.first, period.last))
    rolled_up = stats_queries.read_rolled_up(db, **scope.of(period))
    held = stats_scope.held_of(db, scope, rolled_up.held)
    view = {
        "days": days,
        "first_day": period.first,
        "last_day": period.last,
        "store_id": store_id,
        "currency": head.currency,
        "rolled_up_until": head.counted_until,
        "series": stats_views.series(found.counts, period),
        "holdings": _holdings(scope, held, head),
        "stores": _stores(scope, found.counts, held, period),
        **_periods(db, scope, found.counts, period, head, rolled_up),
        **_staff(db, scope, found, period, head),
    }
    end_read(db)
    return cast(StatsView, view)


def _head(db: Session, *, merchant_id: int, store_id: int | None, days: int) -> AnyRow:
    """All that is one row: how far things are counted, what rewards are worth, last night's staff.

    `cost_points` and `value_cents` are those of the cheapest reward that has a value.
    """
    scope = {
        "merchant": merchant_id,
        "store": store_id or stats_queries.ALL_STORES,
        "window": staff_cards.window_for(days),
    }
    found = db.connection().execute(_head_select(), scope).one_or_none()
    if found is None:
        raise ProgramNotFound
    return found


@lru_cache(maxsize=1)
def _head_select() -> AnySelect:
    reward, program, stats, report = LoyaltyReward, LoyaltyProgram, MerchantStats, StaffReport
    merchant = bindparam("merchant", type_=BigInt)
    cheapest = (
        select(reward.merchant_id, reward.cost_points, reward.value_cents)
        .where(
            reward.merchant_id == merchant,
            reward.is_active,
            reward.deleted_at.is_(None),
            reward.value_cents.is_not(None),
        )
        .order_by(reward.cost_points, reward.id)
        .limit(1)
        .subquery()
    )
    is_report = (
        (report.merchant_id == program.merchant_id)
        & (report.store_id == bindparam("store", type_=BigInt))
        & (report.days == bindparam("window", type_=Integer))
    )
    return (
        select(
            Merchant.currency,
            program.stamps_reward_value_cents,
            cheapest.c.cost_points,
            cheapest.c.value_cents,
            stats.counted_until,
            stats.points_issued,
            stats.points_expired,
            report.until_day,
            report.figures,
        )
        .join(Merchant, Merchant.id == program.merchant_id)
        .outerjoin(cheapest, cheapest.c.merchant_id == program.merchant_id)
        .outerjoin(stats, stats.merchant_id == program.merchant_id)
        .outerjoin(report, is_report)
        .where(program.merchant_id == merchant)
    )


def _holdings(scope: StatsScope, held: Totals, head: AnyRow) -> Holdings:
    ours = (counts for store_id, counts in held.items() if scope.takes(store_id))
    sums = stats_views.added(ours, TOTALS)
    reward_cents = head.stamps_reward_value_cents
    return Holdings(
        members=sums["members"],
        points_outstanding=sums["points_outstanding"],
        points_value_cents=points_value(
            sums["points_outstanding"],
            cost_points=head.cost_points,
            value_cents=head.value_cents,
        ),
        rewards_ready=sums["rewards_ready"],
        rewards_value_cents=(
            None if reward_cents is None else sums["rewards_ready"] * reward_cents
        ),
    )


def _periods(
    db: Session,
    scope: StatsScope,
    by_day: ByDay,
    period: Period,
    head: AnyRow,
    rolled_up: RolledUp,
) -> dict[str, Any]:
    """The fields `totals`, `before` and `rewards`."""
    now = stats_views.added(c for (day, _), c in by_day.items() if day >= period.first)
    then = stats_views.added(c for (day, _), c in by_day.items() if day < period.first)
    return {
        "totals": stats_views.period_figures(
            now, stats_scope.active_of(db, scope, period, rolled_up.active)
        ),
        "before": stats_views.period_figures(
            then, stats_scope.active_of(db, scope, period.before, rolled_up.before)
        ),
        "rewards": _rewards(
            scope, now, head, stats_scope.waits_of(db, scope, period, rolled_up.waits)
        ),
    }


def _rewards(
    scope: StatsScope, counts: Counter[str], head: AnyRow, waits: Counter[int]
) -> RewardFigures:
    net = stats_views.figures(counts)
    return RewardFigures(
        days_to_reward=median_of(waits),
        stamps_redeemed_permille=permille(
            counts["stamps_redeemed"] - counts["stamps_returned"],
            net["stamps_net"] + counts["stamps_welcome"],
        ),
        points_redeemed_permille=permille(
            counts["points_redeemed"] - counts["points_returned"],
            net["points_net"] + counts["points_welcome"],
        ),
        breakage_permille=permille(*stats_views.breakage(counts)),
        breakage_all_time_permille=_breakage_of_all_time(scope, head),
    )


def _breakage_of_all_time(scope: StatsScope, head: AnyRow) -> int | None:
    """Of the merchant, whichever store is meant: points run out wherever they were earned."""
    expired, issued = stats_views.breakage(stats_views.added(scope.live.days.values()))
    return permille(expired + (head.points_expired or 0), issued + (head.points_issued or 0))


def _stores(scope: StatsScope, by_day: ByDay, held: Totals, period: Period) -> list[StoreFigures]:
    def counts_at(store_id: int) -> Counter[str]:
        return stats_views.added(
            counts
            for (day, store), counts in by_day.items()
            if store == store_id and day >= period.first
        )

    return [
        StoreFigures(
            **stats_views.figures(counts_at(store.id)),
            store_id=store.id,
            code=store.code,
            name=store.name,
            members=held.get(store.id, Counter())["members"],
        )
        for store in scope.places.stores.values()
        if scope.takes(store.id)
    ]


def _staff(
    db: Session, scope: StatsScope, found: Days, period: Period, head: AnyRow
) -> dict[str, Any]:
    """The fields about hours and staff."""
    hours = {key: count for key, count in found.hours.items() if key[1] >= period.first}
    return {
        "busy_hours": stats_views.busy_hours(hours),
        "staff": staff_report.staff_lines(
            db,
            merchant_id=scope.merchant_id,
            staff=stats_scope.people_of(db, scope, period),
            hours=hours,
            cards=cast(CardFigures | None, head.figures),
        ),
        "staff_cards_days": staff_cards.window_for(len(period.days)),
        "staff_cards_until": head.until_day,
    }
