"""What the customer's templates show of a program, a card and its ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from app.modules.customers.rules.names import masked_name
from app.modules.loyalty.rules.looks import card_face, monogram, stamp_grid
from app.modules.loyalty.services.card_lists import CustomerCard, EntryView
from app.modules.loyalty.types import EntryType

PLAIN_COLOR: Final = "#4F46E5"
_MINUS: Final = "\u2212"
_WORDS: Final = {
    EntryType.CARD_CREATED: "loyalty.storefront.activity.joined",
    EntryType.WELCOME_BONUS: "loyalty.storefront.activity.welcome",
    EntryType.STAMP_EARNED: "loyalty.storefront.activity.earned",
    EntryType.STAMP_REDEEMED: "loyalty.storefront.activity.redeemed",
    EntryType.IMPORTED: "loyalty.storefront.activity.imported",
    EntryType.CARD_SUSPENDED: "loyalty.storefront.activity.paused",
    EntryType.CARD_REACTIVATED: "loyalty.storefront.activity.resumed",
    EntryType.CARD_REPLACED: "loyalty.storefront.activity.replaced",
    EntryType.CARDS_MERGED: "loyalty.storefront.activity.merged",
}
_TAKEN_BACK: Final = "loyalty.storefront.activity.taken_back"
_GIVEN_BACK: Final = "loyalty.storefront.activity.given_back"


@dataclass(frozen=True)
class ActivityLine:
    """One line of a ledger in words: the key of a sentence, and what stands in it."""

    words: str
    count: int
    change: str
    reward: str
    store_name: str
    occurred_at: datetime


def looks_of(
    program: Mapping[str, Any] | None, *, merchant_name: str, reward: str = ""
) -> dict[str, Any]:
    """The merchant's face on every page: colours, names, texts. Without a program a plain one."""
    known = program or {}
    color = known.get("card_color") or PLAIN_COLOR
    return {
        "brand_color": color,
        "face": card_face(color, known.get("card_secondary_color")),
        "face_of": {
            "merchant_name": merchant_name,
            "card_name": known.get("card_name") or merchant_name,
            "monogram": monogram(merchant_name),
            "stamp_icon": known.get("stamp_icon") or "star",
            "reward": reward,
            "terms_text": known.get("terms_text") or "",
            "privacy_url": known.get("privacy_url"),
        },
    }


def card_context(card: CustomerCard) -> dict[str, Any]:
    """Everything a page needs to show somebody their own card."""
    program, customer = card["program"], card["customer"]
    looks = looks_of(
        program, merchant_name=program["merchant_name"], reward=card["reward_description"]
    )
    return looks | {
        "card": card,
        "grid": stamp_grid(card["stamp_count"], card["stamps_target"]),
        "first_name": customer["first_name"],
        "holder": masked_name(customer["first_name"], customer["last_name"]),
        "is_open": program["is_active"],
    }


def activity(entries: Iterable[EntryView]) -> list[ActivityLine]:
    """Ledger lines as people tell them; what means nothing to a customer is left out."""
    return [line for entry in entries if (line := _line(entry))]


def _line(entry: EntryView) -> ActivityLine | None:
    stamps = entry["stamps_delta"]
    correction = {-1: _TAKEN_BACK, 1: _GIVEN_BACK}.get((stamps > 0) - (stamps < 0))
    words = _WORDS.get(EntryType(entry["type"]), correction)
    if words is None:
        return None
    sign = "+" if stamps > 0 else _MINUS
    return ActivityLine(
        words=words,
        count=abs(stamps),
        change=f"{sign}{abs(stamps)}" if stamps else "",
        reward=entry["reward_description"] if entry["type"] == EntryType.STAMP_REDEEMED else "",
        store_name=entry["store_name"],
        occurred_at=entry["occurred_at"],
    )
