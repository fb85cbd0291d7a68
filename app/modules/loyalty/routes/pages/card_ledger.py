"""A card's ledger in words for staff: what happened, where, who did it and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from app.core.i18n import Translator
from app.modules.loyalty.routes.pages import activity
from app.modules.loyalty.routes.pages.activity import Line, Stores
from app.modules.loyalty.services.card_lists import EntryView
from app.modules.loyalty.types import ActorKind, EntryType

_KEY: Final = "loyalty.store.card."
_ISOLATED: Final = "\u2068{}\u2069"  # a name keeps its own direction inside a sentence
# Where the customer's own history speaks to the customer, or keeps silent.
_TO_STAFF: Final = {
    EntryType.CARD_CREATED: f"{_KEY}made",
    EntryType.IMPORTED: f"{_KEY}imported",
    EntryType.CUSTOMER_ERASED: f"{_KEY}person_erased",
}
# What is done to a card has a reason; a visit may have a note.
_VISITS: Final = (
    EntryType.STAMP_EARNED,
    EntryType.STAMP_REDEEMED,
    EntryType.STAMP_REFUNDED,
    EntryType.POINTS_EARNED,
    EntryType.POINTS_REDEEMED,
    EntryType.POINTS_REFUNDED,
)
_BY: Final = {
    ActorKind.CUSTOMER: f"{_KEY}by_customer",
    ActorKind.JOB: f"{_KEY}by_itself",
    ActorKind.SERVICE: f"{_KEY}by_itself",
}


@dataclass(frozen=True)
class StaffLine:
    """A ledger line with who posted it, and what else is known of it, a sentence each."""

    line: Line
    who: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StaffDay:
    """A business day and what happened on it, newest first."""

    day: date
    title: str
    lines: list[StaffLine]


def staff_days(
    entries: Iterable[EntryView], stores: Stores, translator: Translator, *, today: date
) -> list[StaffDay]:
    """The whole ledger by business day; today is called so."""
    return [
        StaffDay(
            day,
            activity.title_of(day, translator, today=today),
            [_line(entry, stores, translator) for entry in group],
        )
        for day, group in groupby(entries, key=lambda entry: entry["business_day"])
    ]


def _line(entry: EntryView, stores: Stores, translator: Translator) -> StaffLine:
    return StaffLine(
        activity.line_of(entry, _what(entry, translator), stores, translator),
        who=_who(entry, translator),
        notes=tuple(_notes(entry, translator)),
    )


def _what(entry: EntryView, translator: Translator) -> str:
    own = _TO_STAFF.get(EntryType(entry["type"]))
    return translator.t(own) if own else activity.what_happened(entry, translator) or entry["type"]


def _who(entry: EntryView, translator: Translator) -> str:
    kind, name = ActorKind(entry["actor_kind"]), entry["actor_name"]
    if kind in _BY:
        return translator.t(_BY[kind])
    if not name:
        return translator.t(f"{_KEY}by_somebody")
    key = "through" if kind is ActorKind.API_KEY else "by"
    return translator.t(f"{_KEY}{key}", name=_ISOLATED.format(name))


def _notes(entry: EntryView, translator: Translator) -> Iterator[str]:
    """Why it was done, for which receipt, and by whose leave."""
    t, label = translator.t, "noted" if EntryType(entry["type"]) in _VISITS else "why"
    for note in (entry["notes"] or "").splitlines():
        ready = f"{_KEY}reason.{note}"
        shown = t(ready) if translator.has(ready) else _ISOLATED.format(note)
        yield t(f"{_KEY}{label}", note=shown)
    if entry["order_reference"]:
        yield t(f"{_KEY}receipt", reference=_ISOLATED.format(entry["order_reference"]))
    if entry["override_name"]:
        yield t(f"{_KEY}lifted_by", name=_ISOLATED.format(entry["override_name"]))
