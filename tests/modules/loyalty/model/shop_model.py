"""What a shop's cards should be, told in plain dicts and loops from the rules in docs/rules.md.

Nothing of the application's rules is used here: two tellings of the same rules must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Luxembourg")
MOST_FAILURES = 5
LOCKOUT = timedelta(minutes=30)
WINDOW_DAYS = 30  # for voids, refunds and giving expired points back
MOST_PER_OPERATION = 5
REWARD_COST = 25
COLLECTING = (
    "stamp_earned", "stamp_redeemed", "points_earned", "points_redeemed", "points_reinstated",
)  # fmt: skip

Unit = Literal["stamps", "points"]


class Refused(Exception):
    """The model's refusal; its text is the code."""


@dataclass(eq=False)  # two fresh cards look alike and are not one
class ModelCard:
    """A card: what it shows, and its ledger as dicts.

    `taken` are the cards that were merged into it, `merged_into` the one that took it over;
    `left` is what a merged card shows for ever.
    """

    target: int
    joined_at: datetime
    is_active: bool = True
    entries: list[dict[str, Any]] = field(default_factory=list)
    taken: list[ModelCard] = field(default_factory=list)
    merged_into: ModelCard | None = None
    left: tuple[Any, ...] | None = None

    @property
    def history(self) -> list[dict[str, Any]]:
        """Its own entries, and those of the cards it took over."""
        return [entry for card in (self, *self.taken) for entry in card.entries]

    @property
    def shown(self) -> tuple[Any, ...]:
        """Stamps, points, target, ever given, last stamp, last use, and whether it is active."""
        return self.left or (
            self.stamps, self.points, self.target, self.total, self.last_stamp_at,
            self.last_collected_at, self.is_active,
        )  # fmt: skip

    @property
    def stamps(self) -> int:
        return sum(entry["stamps"] for entry in self.entries)

    @property
    def points(self) -> int:
        return sum(entry["points"] for entry in self.entries)

    @property
    def total(self) -> int:
        """Stamps ever given by staff or as a welcome, without the voided and refunded ones."""
        return sum(
            entry["stamps"]
            for entry in self.history
            if entry["type"] in ("stamp_earned", "welcome_bonus", "stamp_refunded")
            and not entry["voided"]
        )

    @property
    def last_stamp_at(self) -> datetime | None:
        return max((entry["at"] for entry in self.given), default=None)

    @property
    def last_collected_at(self) -> datetime:
        used: list[datetime] = [e["at"] for e in self.history if e["type"] in COLLECTING]
        return max([self.joined_at, *(card.joined_at for card in self.taken), *used])

    @property
    def given(self) -> list[dict[str, Any]]:
        return [e for e in self.history if e["type"] == "stamp_earned" and not e["voided"]]

    def given_on(self, day: date) -> int:
        return sum(entry["stamps"] for entry in self.given if day_of(entry["at"]) == day)

    def add(self, kind: str, at: datetime, *, stamps: int = 0, points: int = 0) -> dict[str, Any]:
        entry = {
            "type": kind, "stamps": stamps, "points": points, "at": at, "target": self.target,
            "voided": False,
        }  # fmt: skip
        self.entries.append(entry)
        return entry


@dataclass
class ModelOrder:
    """What an order earned in one unit."""

    unit: Unit
    reference: str
    card: ModelCard
    entry: dict[str, Any]
    basis: int
    units: int
    refunded: int = 0
    taken_back: int = 0


@dataclass
class ShopModel:
    """The program, the cards, the orders, and the PIN of the one manager who does everything."""

    now: datetime
    loyalty_type: str = "hybrid"
    target: int = 10
    cooldown_minutes: int = 15
    max_daily: int = 5
    welcome_stamps: int = 1
    welcome_points: int = 5
    points_per_euro: int = 10
    minimum_purchase: int = 0
    minimum_redemption: int = 0
    expiration_days: int | None = None
    expiry_since: datetime | None = None
    is_active: bool = True
    cards: list[ModelCard] = field(default_factory=list)
    orders: list[ModelOrder] = field(default_factory=list)
    failures: int = 0
    locked_until: datetime | None = None

    def collects(self, unit: Unit) -> bool:
        return self.loyalty_type in (unit, "hybrid")

    def enroll(self) -> None:
        if not self.is_active:
            raise Refused("program_inactive")
        card = ModelCard(self.target, self.now)
        card.add("card_created", self.now)
        stamps = self.welcome_stamps if self.collects("stamps") else 0
        points = self.welcome_points if self.collects("points") else 0
        if stamps or points:
            card.add("welcome_bonus", self.now, stamps=stamps, points=points)
        self.cards.append(card)

    def earn_stamps(
        self, card: ModelCard, quantity: int, at: datetime, order: str | None, override: str | None
    ) -> bool:
        """True where the order had earned just that before."""
        if override == "cashier":
            raise Refused("forbidden")
        self.type_pin(is_right=True)
        if self.has_earned("stamps", order, card, quantity):
            return True
        self.check_earning(card, "stamps")
        if quantity > MOST_PER_OPERATION:
            raise Refused("amount_too_large")
        if override is None:
            wait = timedelta(minutes=self.cooldown_minutes)
            if any(abs(at - entry["at"]) < wait for entry in card.given):
                raise Refused("stamp_cooldown")
            if card.given_on(day_of(at)) + quantity > self.max_daily:
                raise Refused("daily_stamp_limit")
        self.book("stamps", card, self.post_stamps(card, "stamp_earned", quantity, at), order)
        return False

    def earn_points(self, card: ModelCard, cents: int, at: datetime, order: str | None) -> bool:
        """As `earn_stamps`."""
        self.type_pin(is_right=True)
        if self.has_earned("points", order, card, cents):
            return True
        self.check_earning(card, "points")
        if cents < self.minimum_purchase:
            raise Refused("below_minimum_purchase")
        entry = card.add("points_earned", at, points=cents * self.points_per_euro // 100)
        self.book("points", card, entry, order, cents)
        return False

    def redeem_stamps(self, card: ModelCard, quantity: int) -> None:
        self.type_pin(is_right=True)
        self.check_active(card)
        cost = quantity * card.target
        if card.stamps < cost:
            raise Refused("insufficient_stamps")
        card.add("stamp_redeemed", self.now, stamps=-cost)
        if card.stamps < card.target:  # no reward is left: the next cycle has begun
            card.target = self.target

    def redeem_points(self, card: ModelCard, points: int | None) -> None:
        """`points` None: the reward."""
        self.type_pin(is_right=True)
        self.check_active(card)
        if points is not None and points < self.minimum_redemption:
            raise Refused("below_minimum_redemption")
        cost = REWARD_COST if points is None else points
        if card.points < cost:
            raise Refused("insufficient_points")
        card.add("points_redeemed", self.now, points=-cost)

    def adjust(self, card: ModelCard, unit: Unit, delta: int) -> None:
        self.check_active(card)
        balance = card.stamps if unit == "stamps" else card.points
        if delta < 0 and balance + delta < 0:
            raise Refused(f"insufficient_{unit}")
        if unit == "stamps":
            self.post_stamps(card, "stamps_adjusted", delta, self.now)
        else:
            card.add("points_adjusted", self.now, points=delta)

    def void(self, card: ModelCard, number: int, unit: Unit) -> None:
        self.type_pin(is_right=True)
        entry, card = card.entries[number], card.merged_into or card
        earned = "stamp_earned" if unit == "stamps" else "points_earned"
        if entry["type"] not in (earned, earned.replace("earned", "redeemed")):
            raise Refused("not_voidable")
        if entry["voided"]:
            raise Refused("already_voided")
        orders = [order for order in self.orders if order.entry is entry]
        if any(order.refunded or order.taken_back for order in orders):
            raise Refused("not_voidable")
        self.check_window(entry["at"])
        entry["voided"] = True
        for order in orders:
            self.orders.remove(order)
        if unit == "points":
            card.add("points_voided", self.now, points=-entry["points"])
        elif entry["type"] == earned:
            self.post_stamps(card, "stamp_voided", -entry["stamps"], self.now)
        else:
            card.add("stamp_voided", self.now, stamps=-entry["stamps"])
            lowered = self.target < entry["target"] or card.stamps <= 0
            card.target = self.target if lowered else entry["target"]

    def refund(self, reference: str, cents: int | None) -> None:
        found = {order.unit: order for order in self.orders if order.reference == reference}
        if not found:
            raise Refused("order_not_found")
        self.type_pin(is_right=True)
        self.check_window(min(order.entry["at"] for order in found.values()))
        stamps, points = found.get("stamps"), found.get("points")
        stamps_left = stamps is not None and stamps.taken_back < stamps.units
        if points is None and cents is not None and stamps_left:
            return  # a part of an order that earned stamps alone
        left = points.basis - points.refunded if points else 0
        cents = left if cents is None else cents
        if cents > left or (cents == 0 and not stamps_left):
            raise Refused("refund_exceeds_order")
        if points is not None and cents:
            points.refunded += cents
            keep = points.units * (points.basis - points.refunded) // points.basis
            taken = points.units - keep - points.taken_back
            points.taken_back += taken
            points.card.add("points_refunded", self.now, points=-taken)
        if stamps is not None and stamps_left and cents == left:
            stamps.taken_back = stamps.units
            self.post_stamps(stamps.card, "stamp_refunded", -stamps.units, self.now)

    def expire(self) -> None:
        for card in self.cards:
            if self.expiration_days is None or card.points <= 0 or card.merged_into:
                continue
            since = max([card.last_collected_at, *filter(None, [self.expiry_since])])
            if day_of(self.now) > day_of(since) + timedelta(days=self.expiration_days):
                card.add("points_expired", self.now, points=-card.points)

    def reinstate(self, card: ModelCard) -> None:
        self.check_active(card)
        expired = [e for e in card.entries if e["type"] == "points_expired" and not e["voided"]]
        if not expired or self.now - expired[-1]["at"] > timedelta(days=WINDOW_DAYS):
            raise Refused("nothing_to_reinstate")
        expired[-1]["voided"] = True
        card.add("points_reinstated", self.now, points=-expired[-1]["points"])

    def replace(self, card: ModelCard) -> None:
        self.check_living(card)
        card.add("card_replaced", self.now)

    def merge(self, card: ModelCard, other: ModelCard) -> None:
        for one in (card, other):
            self.check_living(one)
        stamps, points = other.stamps, other.points
        last_stamp_at, last_collected_at = other.last_stamp_at, other.last_collected_at
        other.add("cards_merged", self.now, stamps=-stamps, points=-points)
        if card.is_active and not other.is_active:
            card.is_active = False
            card.add("card_suspended", self.now)
        card.add("cards_merged", self.now, stamps=stamps, points=points)
        other.left = (0, 0, other.target, 0, last_stamp_at, last_collected_at, False)
        card.target = min(card.target, other.target)
        if self.target < card.target or card.stamps <= 0:
            card.target = self.target
        card.taken += [other, *other.taken]
        for one in card.taken:
            one.merged_into = card
        other.taken = []
        other.is_active = False
        for order in self.orders:
            if order.card is other:
                order.card = card

    def suspend(self, card: ModelCard, is_active: bool) -> None:
        self.check_living(card)
        if card.is_active is not is_active:
            card.is_active = is_active
            card.add("card_reactivated" if is_active else "card_suspended", self.now)

    def change_program(self, **values: Any) -> None:
        days = values.get("expiration_days")
        if days is not None and (self.expiration_days is None or days < self.expiration_days):
            self.expiry_since = self.now
        for name, value in values.items():
            setattr(self, name, value)
        for card in self.cards:
            if card.merged_into is None and (self.target < card.target or card.stamps <= 0):
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

    def has_earned(self, unit: Unit, reference: str | None, card: ModelCard, basis: int) -> bool:
        for order in self.orders:
            if reference is None or (order.unit, order.reference) != (unit, reference):
                continue
            if order.card is not card or order.basis != basis:
                raise Refused("order_already_earned")
            return True
        return False

    def book(
        self,
        unit: Unit,
        card: ModelCard,
        entry: dict[str, Any],
        reference: str | None,
        basis: int | None = None,
    ) -> None:
        if reference is not None:
            units = entry[unit]
            basis = units if basis is None else basis
            self.orders.append(ModelOrder(unit, reference, card, entry, basis, units))

    def check_living(self, card: ModelCard) -> None:
        if card.merged_into is not None:
            raise Refused("card_inactive")

    def check_active(self, card: ModelCard) -> None:
        if not card.is_active:
            raise Refused("card_inactive")

    def check_earning(self, card: ModelCard, unit: Unit) -> None:
        self.check_active(card)
        if not self.is_active:
            raise Refused("program_inactive")
        if not self.collects(unit):
            raise Refused("program_type_mismatch")

    def check_window(self, at: datetime) -> None:
        if (day_of(self.now) - day_of(at)).days > WINDOW_DAYS:
            raise Refused("void_window_passed")

    def post_stamps(self, card: ModelCard, kind: str, delta: int, at: datetime) -> dict[str, Any]:
        """An entry of a card that takes on the program's target whenever it holds nothing."""
        was_empty = card.stamps <= 0
        entry = card.add(kind, at, stamps=delta)
        if was_empty or card.stamps <= 0:
            card.target = self.target
        return entry


def day_of(at: datetime) -> date:
    """The shop's day starts at midnight."""
    assert at.tzinfo is UTC
    return at.astimezone(ZONE).date()
