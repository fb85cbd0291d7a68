"""A card's ledger in words, line by line and day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from app.core.i18n import Translator
from app.modules.loyalty.services.card_lists import EntryView
from app.modules.loyalty.types import EntryType

_KEY: Final = "loyalty.storefront.activity."
_MINUS: Final = "\u2212"
_ISOLATED: Final = "\u2068{}\u2069"  # a name keeps its own direction inside a sentence
_PLAIN: Final = {
    EntryType.CARD_CREATED: f"{_KEY}joined",
    EntryType.CARD_SUSPENDED: f"{_KEY}paused",
    EntryType.CARD_REACTIVATED: f"{_KEY}resumed",
    EntryType.CARD_REPLACED: f"{_KEY}replaced",
    EntryType.CARDS_MERGED: f"{_KEY}merged",
}
# Of stamps, points or both: "2 stamps and 50 points as a welcome".
_TOGETHER: Final = {
    EntryType.WELCOME_BONUS: f"{_KEY}welcome",
    EntryType.IMPORTED: f"{_KEY}imported",
    EntryType.CARDS_MERGED: f"{_KEY}merged_with",
}
_COUNTED: Final = {
    EntryType.STAMP_EARNED: f"{_KEY}earned",
    EntryType.STAMP_REFUNDED: f"{_KEY}refunded",
    EntryType.POINTS_EARNED: f"{_KEY}points",
    EntryType.POINTS_REFUNDED: f"{_KEY}points_refunded",
    EntryType.POINTS_EXPIRED: f"{_KEY}points_expired",
    EntryType.POINTS_REINSTATED: f"{_KEY}points_reinstated",
}


@dataclass(frozen=True)
class Place:
    """A store as its customers know it; `timezone` is an IANA name."""

    name: str
    city: str
    timezone: str


@dataclass(frozen=True)
class Line:
    """What happened, where and when, what it changed, and the balance it left (or "")."""

    what: str
    place: str
    time: str
    at: datetime
    changes: tuple[str, ...]
    balance: str
    is_voided: bool


@dataclass(frozen=True)
class Day:
    """A business day and what happened on it, newest first."""

    day: date
    title: str
    lines: list[Line]


Stores = Mapping[int, Place]


def lines(entries: Iterable[EntryView], stores: Stores, translator: Translator) -> list[Line]:
    """Ledger lines as people tell them; what means nothing to a customer is left out."""
    return [line for entry in entries if (line := _line(entry, stores, translator))]


def days(
    entries: Iterable[EntryView], stores: Stores, translator: Translator, *, today: date
) -> list[Day]:
    """The lines by business day; today is called so."""
    found = []
    for day, group in groupby(entries, key=lambda entry: entry["business_day"]):
        if told := lines(group, stores, translator):
            found.append(Day(day, title_of(day, translator, today=today), told))
    return found


def title_of(day: date, translator: Translator, *, today: date) -> str:
    """A business day as a heading."""
    return translator.t(f"{_KEY}today") if day == today else translator.date(day, style="full")


def line_of(entry: EntryView, what: str, stores: Stores, translator: Translator) -> Line:
    """A ledger line about which `what` is said."""
    store, deltas = stores[entry["store_id"]], (entry["stamps_delta"], entry["points_delta"])
    return Line(
        what=what,
        place=_place(store),
        time=translator.time(entry["occurred_at"], tz=ZoneInfo(store.timezone)),
        at=entry["occurred_at"],
        changes=tuple(_signed(delta, translator) for delta in deltas if delta),
        balance=_balance(entry, translator),
        is_voided=entry["voided"],
    )


def _line(entry: EntryView, stores: Stores, translator: Translator) -> Line | None:
    what = what_happened(entry, translator)
    return line_of(entry, what, stores, translator) if what else None


def what_happened(entry: EntryView, translator: Translator) -> str | None:
    """A sentence for the customer; None for what means nothing to them."""
    kind, t = EntryType(entry["type"]), translator.t
    units = _units(entry["stamps_delta"] or None, entry["points_delta"] or None, t)
    if kind in _TOGETHER and units:
        return t(_TOGETHER[kind], what=units)
    if kind in _PLAIN:
        return t(_PLAIN[kind])
    count = abs(entry["stamps_delta"] or entry["points_delta"])
    match kind:
        case EntryType.STAMP_REDEEMED:
            return _redeemed("redeemed", count, entry["reward_description"], t)
        case EntryType.POINTS_REDEEMED:
            return _redeemed("points_redeemed", count, entry["reward_name"], t)
        case EntryType.POINTS_EARNED if entry["amount_cents"] is not None and entry["currency"]:
            amount = translator.money(entry["amount_cents"], entry["currency"])
            return t(f"{_KEY}points_for", count=count, amount=amount)
        case EntryType.CUSTOMER_ERASED:
            return None
    return t(_COUNTED.get(kind) or _correction(entry), count=count)


def _redeemed(key: str, count: int, reward: str | None, t: Callable[..., str]) -> str:
    if not reward:
        return t(f"{_KEY}{key}_unnamed", count=count)
    return t(f"{_KEY}{key}", count=count, reward=_ISOLATED.format(reward))


def _correction(entry: EntryView) -> str:
    is_given = entry["stamps_delta"] + entry["points_delta"] > 0
    unit = "points_" if entry["points_delta"] else ""
    return f"{_KEY}{unit}given_back" if is_given else f"{_KEY}{unit}taken_back"


def _units(stamps: int | None, points: int | None, t: Callable[..., str]) -> str:
    """Stamps and points in words; what is None is not spoken of."""
    pairs = (("stamps", stamps), ("points", points))
    told = {name: t(f"{_KEY}{name}", count=count) for name, count in pairs if count is not None}
    return t(f"{_KEY}both", **told) if len(told) > 1 else "".join(told.values())


def _place(store: Place) -> str:
    is_told = not store.city or store.city in store.name
    return store.name if is_told else f"{store.name}, {store.city}"


def _signed(delta: int, translator: Translator) -> str:
    return f"{'+' if delta > 0 else _MINUS}{translator.number(abs(delta))}"


def _balance(entry: EntryView, translator: Translator) -> str:
    stamps, points = max(0, entry["stamps_after"]), max(0, entry["points_after"])
    told = _units(
        stamps if entry["stamps_delta"] else None,
        points if entry["points_delta"] else None,
        translator.t,
    )
    return translator.t(f"{_KEY}balance", what=told) if told else ""
