"""The staff table of the statistics: what everybody did, and whom an owner should look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias, cast

from sqlalchemy import bindparam, literal, select, union_all
from sqlalchemy.orm import Session

from app.core.db import BigInt
from app.modules.loyalty.models import StaffPin
from app.modules.loyalty.rules.figures import permille
from app.modules.loyalty.rules.staff_counts import STAFF_COUNTS, StaffCounts
from app.modules.loyalty.rules.staff_outliers import Conduct, flags, is_after_hours, quiet_hours
from app.modules.loyalty.schemas.stats import MetCard, StaffLine
from app.modules.loyalty.services.staff_cards import CardFigures
from app.modules.loyalty.services.stats_queries import PersonAtHour
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.models import AccessToken, Membership, User

Person: TypeAlias = tuple[str, int]


def staff_lines(
    db: Session,
    *,
    merchant_id: int,
    staff: Mapping[PersonAtHour, Counter[str]],
    hours: Mapping[tuple[int, date, int], int],
    cards: CardFigures | None,
) -> list[StaffLine]:
    """A line for each person, the busiest first, those with flags before all others."""
    by_hour = _by_hour(hours)
    quiet = _quiet_hours(hours, by_hour)
    done: defaultdict[Person, Counter[str]] = defaultdict(Counter)
    for at, counts in staff.items():
        person = done[at.actor_kind, at.actor_id]
        for name, count in counts.items():
            person[name] += count
        mine, everybody = counts["operations"], by_hour[at.store_id][at.hour]
        if at.hour in quiet.get(at.store_id, ()) and is_after_hours(mine, everybody):
            person["after_hours"] += mine
    for figures in cards["people"] if cards else ():
        _ = done[figures["actor_kind"], figures["actor_id"]]
    together = sum(done.values(), Counter())
    names = _names(db, merchant_id)
    lines = [_line(who, done[who], together, names.get(who), cards) for who in done]
    return sorted(lines, key=lambda line: (not line["flags"], -line["operations"]))


def _line(
    who: Person,
    counts: Counter[str],
    everybody: Counter[str],
    name: str | None,
    cards: CardFigures | None,
) -> StaffLine:
    kind, actor_id = who
    known = [one for one in cards["people"] if _is(one, who)] if cards else []
    pairs = [pair for pair in cards["pairs"] if _is(pair, who)] if cards else []
    own = sum(one["own_card_operations"] for one in known)
    conduct = Conduct(
        operations=counts["operations"],
        overrides=counts["overrides"],
        voids=counts["voids"],
        after_hours=counts["after_hours"],
        own_card_operations=own,
        repeat_pairs=len(pairs),
    )
    others = Conduct(
        operations=everybody["operations"] - counts["operations"],
        overrides=everybody["overrides"] - counts["overrides"],
        voids=everybody["voids"] - counts["voids"],
    )
    return StaffLine(
        **cast(StaffCounts, {count: counts[count] for count in STAFF_COUNTS}),
        actor_kind=kind,
        actor_id=actor_id or None,
        name=name,
        after_hours=conduct.after_hours,
        after_hours_permille=permille(conduct.after_hours, conduct.operations),
        cards=sum(one["cards"] for one in known),
        top_card_permille=permille(
            sum(one["top_card_operations"] for one in known),
            sum(one["operations"] for one in known),
        ),
        own_card_operations=own,
        repeat_pairs=[
            MetCard(card_id=pair["card_id"], operations=pair["operations"]) for pair in pairs
        ],
        flags=[flag.value for flag in flags(conduct, others)],
    )


def _is(figures: Mapping[str, Any], who: Person) -> bool:
    return (figures["actor_kind"], figures["actor_id"]) == who


def _by_hour(hours: Mapping[tuple[int, date, int], int]) -> defaultdict[int, Counter[int]]:
    operations: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for (store_id, _day, hour), count in hours.items():
        operations[store_id][hour] += count
    return operations


def _quiet_hours(
    hours: Mapping[tuple[int, date, int], int], by_hour: Mapping[int, Counter[int]]
) -> dict[int, frozenset[int]]:
    days_used: defaultdict[int, Counter[int]] = defaultdict(Counter)
    for (store_id, _day, hour), count in hours.items():
        days_used[store_id][hour] += count > 0
    return {
        store_id: quiet_hours(operations, days_used[store_id])
        for store_id, operations in by_hour.items()
    }


def _names(db: Session, merchant_id: int) -> dict[Person, str]:
    """What people are called, deleted ones too."""
    rows = db.connection().execute(_named(), {"merchant": merchant_id})
    return {(kind, actor_id): name for kind, actor_id, name in rows}


@lru_cache(maxsize=1)
def _named() -> Any:
    """Everybody the merchant has; one statement, since there are few of each kind."""
    merchant = bindparam("merchant", type_=BigInt)
    pins, users, keys = (
        literal(kind.value).label("kind")
        for kind in (ActorKind.PIN, ActorKind.USER, ActorKind.API_KEY)
    )
    return union_all(
        select(pins, StaffPin.id, StaffPin.name).where(StaffPin.merchant_id == merchant),
        select(users, User.id, User.name)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.merchant_id == merchant),
        select(keys, AccessToken.id, AccessToken.name).where(
            AccessToken.merchant_id == merchant, AccessToken.kind == ActorKind.API_KEY.value
        ),
    )
