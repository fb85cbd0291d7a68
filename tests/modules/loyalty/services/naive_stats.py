"""Statistics as a schoolchild would make them: read the whole ledger, and count."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.modules.loyalty.models import LoyaltyCard, LoyaltyTransaction
from app.modules.loyalty.rules.business_day import business_day
from app.modules.tenancy.models import Store
from tests import reads
from tests.modules.loyalty.services.book import facts_of

VISITS = {"stamp_earned", "points_earned", "stamp_redeemed", "points_redeemed"}
REDEMPTIONS = {"stamp_redeemed", "points_redeemed"}


def naive_stats(
    db: Session, *, merchant_id: int, days: int, now: datetime, store_id: int | None = None
) -> dict[str, Any]:
    """What `store_stats` says without its staff table, by counting entries one by one."""
    stores = {store.id: store for store in reads.rows_of(db, Store, merchant_id=merchant_id)}
    last = max(business_day(now, store=facts_of(store)) for store in stores.values())
    first = last - timedelta(days=days - 1)
    ledger = reads.rows_of(db, LoyaltyTransaction, merchant_id=merchant_id)
    here = [entry for entry in ledger if store_id in (None, entry.store_id)]
    inside = [entry for entry in here if first <= entry.business_day <= last]
    return {
        "first_day": first,
        "last_day": last,
        "totals": period(inside),
        "before": period(
            [e for e in here if first - timedelta(days=days) <= e.business_day < first]
        ),
        "series": [
            counts([e for e in inside if e.business_day == day]) | {"business_day": day}
            for day in (first + timedelta(days=n) for n in range(days))
        ],
        "busy_hours": hours(inside, stores),
        "days_to_reward": waits(ledger, inside),
        "holdings": holdings(db, merchant_id, store_id),
        "breakage_all_time": (
            sum(-e.points_delta for e in ledger if e.type == "points_expired")
            - sum(e.points_delta for e in ledger if e.type == "points_reinstated")
        ),
    }


# Entry types by what they are called in the statistics, and how their change counts there.
KINDS = {
    "welcome_bonus": ("welcome", 1), "stamp_earned": ("given", 1), "points_earned": ("earned", 1),
    "stamps_adjusted": ("adjusted", 1), "points_adjusted": ("adjusted", 1),
    "points_reinstated": ("reinstated", 1), "points_expired": ("expired", -1),
    "stamp_redeemed": ("redeemed", -1), "points_redeemed": ("redeemed", -1),
    "stamp_voided": ("voided", -1), "points_voided": ("voided", -1),
    "stamp_refunded": ("refunded", -1), "points_refunded": ("refunded", -1),
}  # fmt: skip


def counts(entries: list[LoyaltyTransaction]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for e in entries:
        kind, sign = KINDS.get(e.type, ("other", 1))
        is_returned = kind in ("voided", "refunded") and e.stamps_delta + e.points_delta > 0
        name, sign = ("returned", 1) if is_returned else (kind, sign)
        found[f"stamps_{name}"] += sign * e.stamps_delta
        found[f"points_{name}"] += sign * e.points_delta
        found["redemptions_returned"] += is_returned
        found["overrides"] += e.overrides_limits
        found["voids"] += kind == "voided"
        found["new_cards"] += e.type == "card_created"
        found["stamp_operations"] += e.type == "stamp_earned"
        found["purchases"] += e.type == "points_earned"
        found["amount_cents"] += e.amount_cents or 0
        found["stamp_redemptions"] += e.type == "stamp_redeemed"
        found["point_redemptions"] += e.type == "points_redeemed"
        if e.type == "stamp_redeemed":
            found["rewards_redeemed"] += -e.stamps_delta // e.stamps_target
    found["stamps_net"] = found["stamps_given"] - found["stamps_voided"] - found["stamps_refunded"]
    found["points_net"] = found["points_earned"] - found["points_voided"] - found["points_refunded"]
    return {name: count for name, count in found.items() if count}


def period(entries: list[LoyaltyTransaction]) -> dict[str, Any]:
    visited: dict[int, set[date]] = defaultdict(set)
    for e in entries:
        if e.type in VISITS:
            visited[e.card_id].add(e.business_day)
    cards = {
        "active_cards": len(visited),
        "returning_cards": sum(len(days) >= 2 for days in visited.values()),
    }
    return counts(entries) | {name: count for name, count in cards.items() if count}


def hours(entries: list[LoyaltyTransaction], stores: dict[int, Store]) -> list[list[int]]:
    grid = [[0] * 24 for _ in range(7)]
    for e in entries:
        if e.type in VISITS:
            clock = e.occurred_at.astimezone(ZoneInfo(stores[e.store_id].timezone))
            grid[e.business_day.weekday()][clock.hour] += 1
    return grid


def waits(ledger: list[LoyaltyTransaction], inside: list[LoyaltyTransaction]) -> int | None:
    found = []
    for e in inside:
        if e.type not in REDEMPTIONS:
            continue
        mine = [other for other in ledger if other.card_id == e.card_id]
        earlier = [
            other.business_day
            for other in mine
            if other.type in REDEMPTIONS and other.sequence < e.sequence
        ]
        began = next(other.business_day for other in mine if other.sequence == 1)
        found.append(max(0, (e.business_day - max(earlier, default=began)).days))
    return median_low(found) if found else None


def holdings(db: Session, merchant_id: int, store_id: int | None) -> dict[str, int]:
    cards = [
        card
        for card in reads.rows_of(db, LoyaltyCard, merchant_id=merchant_id)
        if card.status in ("active", "suspended") and store_id in (None, card.enrolled_store_id)
    ]
    return {
        "members": len(cards),
        "points_outstanding": sum(max(0, card.points_balance) for card in cards),
        "rewards_ready": sum(max(0, card.stamp_count) // card.stamps_target for card in cards),
    }
