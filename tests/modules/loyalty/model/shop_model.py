"""What a shop's cards should be, told in plain dicts and loops from the rules in docs/rules.md.

Nothing of the application's rules is used here: two tellings of the same rules must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Luxembourg")
MOST_FAILURES = 5
LOCKOUT = timedelta(minutes=30)
VOID_WINDOW_DAYS = 30
MOST_PER_OPERATION = 5


class Refused(Exception):
    """The model's refusal; its text is the code."""


@dataclass
class ModelCard:
    """A card: what it shows, and its ledger as dicts."""

    target: int
    entries: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stamps(self) -> int:
        return sum(entry["delta"] for entry in self.entries)

    @property
    def total(self) -> int:
        """Stamps ever given by staff or as a welcome, without the voided ones."""
        return sum(
            entry["delta"]
            for entry in self.entries
            if entry["type"] in ("stamp_earned", "welcome_bonus") and not entry["voided"]
        )

    @property
    def last_stamp_at(self) -> datetime | None:
        given = [entry["at"] for entry in self._given()]
        return given[-1] if given else None

    def given_on(self, day: date) -> int:
        return sum(entry["delta"] for entry in self._given() if day_of(entry["at"]) == day)

    def add(self, kind: str, delta: int, at: datetime) -> None:
        self.entries.append(
            {"type": kind, "delta": delta, "at": at, "target": self.target, "voided": False}
        )

    def _given(self) -> list[dict[str, Any]]:
        return [e for e in self.entries if e["type"] == "stamp_earned" and not e["voided"]]


@dataclass
class ShopModel:
    """The program, the cards, and the PIN of the one manager who does everything."""

    now: datetime
    target: int = 10
    cooldown_minutes: int = 15
    max_daily: int = 5
    welcome: int = 1
    is_active: bool = True
    cards: list[ModelCard] = field(default_factory=list)
    failures: int = 0
    locked_until: datetime | None = None

    def enroll(self) -> None:
        if not self.is_active:
            raise Refused("program_inactive")
        card = ModelCard(self.target)
        card.add("card_created", 0, self.now)
        if self.welcome:
            card.add("welcome_bonus", self.welcome, self.now)
        self.cards.append(card)

    def earn(self, card: ModelCard, quantity: int) -> None:
        self.type_pin(is_right=True)
        if not self.is_active:
            raise Refused("program_inactive")
        if quantity > MOST_PER_OPERATION:
            raise Refused("amount_too_large")
        last = card.last_stamp_at
        if last is not None and self.now - last < timedelta(minutes=self.cooldown_minutes):
            raise Refused("stamp_cooldown")
        if card.given_on(day_of(self.now)) + quantity > self.max_daily:
            raise Refused("daily_stamp_limit")
        self._post(card, "stamp_earned", quantity)

    def redeem(self, card: ModelCard, quantity: int) -> None:
        self.type_pin(is_right=True)
        cost = quantity * card.target
        if card.stamps < cost:
            raise Refused("insufficient_stamps")
        card.add("stamp_redeemed", -cost, self.now)
        if card.stamps < card.target:  # no reward is left: the next cycle has begun
            card.target = self.target

    def adjust(self, card: ModelCard, delta: int) -> None:
        if delta < 0 and card.stamps + delta < 0:
            raise Refused("insufficient_stamps")
        self._post(card, "stamps_adjusted", delta)

    def void(self, card: ModelCard, number: int) -> None:
        self.type_pin(is_right=True)
        entry = card.entries[number]
        if entry["type"] not in ("stamp_earned", "stamp_redeemed"):
            raise Refused("not_voidable")
        if entry["voided"]:
            raise Refused("already_voided")
        if (day_of(self.now) - day_of(entry["at"])).days > VOID_WINDOW_DAYS:
            raise Refused("void_window_passed")
        if entry["type"] == "stamp_earned":
            self._post(card, "stamp_voided", -entry["delta"])
        else:
            card.add("stamp_voided", -entry["delta"], self.now)
            lowered = self.target < entry["target"] or card.stamps <= 0
            card.target = self.target if lowered else entry["target"]
        entry["voided"] = True

    def change_program(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        for card in self.cards:
            if self.target < card.target or card.stamps <= 0:
                card.target = self.target

    def type_pin(self, *, is_right: bool) -> None:
        if self.locked_until is not None and self.now < self.locked_until:
            raise Refused("staff_pin_locked")
        if is_right:
            self.unlock()
            return
        if self.locked_until is not None:  # a lock that is over: counting begins anew
            self.unlock()
        self.failures += 1
        if self.failures >= MOST_FAILURES:
            self.locked_until = self.now + LOCKOUT
        raise Refused("invalid_staff_pin")

    def unlock(self) -> None:
        self.failures, self.locked_until = 0, None

    def _post(self, card: ModelCard, kind: str, delta: int) -> None:
        """An entry of a card that takes on the program's target whenever it holds nothing."""
        was_empty = card.stamps <= 0
        card.add(kind, delta, self.now)
        if was_empty or card.stamps <= 0:
            card.target = self.target


def day_of(at: datetime) -> date:
    """The shop's day starts at midnight."""
    assert at.tzinfo is UTC
    return at.astimezone(ZONE).date()
