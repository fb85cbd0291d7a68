"""What rules see, and what they decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any, TypedDict

from app.modules.loyalty.types.words import (
    ActorKind,
    CardStatus,
    EntryType,
    LoyaltyType,
    PinRole,
    StaffPinPolicy,
    Unit,
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Target and reward text of a stamp card's open cycle."""

    target: int
    reward: str


@dataclass(frozen=True, slots=True)
class Staff:
    """The member of staff a PIN named. `version` changes with every change of the PIN."""

    pin_id: int
    version: int
    name: str
    role: PinRole
    can_void: bool
    can_override: bool
    own_card_id: int | None
    store_id: int | None

    @property
    def is_manager(self) -> bool:
        """True for a manager's PIN."""
        return self.role is PinRole.MANAGER

    def as_cashier(self) -> Staff:
        """The same person without more rights than any cashier."""
        return replace(self, role=PinRole.CASHIER, can_void=False, can_override=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a service is called: what the request's tokens said.

    `kind` and `actor_id` name the signed-in user or API key. `is_manager`: an owner or
    manager, or the platform. `pin_exempt`: an API key that needs no staff PIN.
    `store_id` None: all the merchant's stores.
    """

    merchant_id: int
    store_id: int | None = None
    kind: ActorKind = ActorKind.SERVICE
    actor_id: int | None = None
    terminal_id: int | None = None
    is_manager: bool = False
    pin_exempt: bool = False
    ip_address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """The store an operation happens in: its business day starts at `day_starts_at` local time."""

    id: int
    code: str
    name: str
    timezone: str
    day_starts_at: time


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """An earlier ledger entry that a void points at, with what the decision needs around it.

    `newest_other_stamp_at` is when the newest other, not voided stamp was given (UTC).
    `refunded`: of the order that the entry earned for, something was given back already.
    """

    id: int
    type: EntryType
    stamps_delta: int
    points_delta: int
    order_reference: str | None
    refunded: bool
    cycle: Cycle
    business_day: date
    occurred_at: datetime
    pin_id: int | None
    user_id: int | None
    is_voided: bool
    newest_other_stamp_at: datetime | None


@dataclass(frozen=True, slots=True)
class NearStamps:
    """The newest stamp up to an earlier instant, and the first one after it (UTC)."""

    before: datetime | None
    after: datetime | None


class Override(TypedDict):
    """What lifts a limit once: the PIN of somebody who may, and why."""

    pin: str
    reason: str


@dataclass(frozen=True, slots=True)
class Order:
    """A till's order that an operation earns for.

    `basis` is what is counted: the purchase in minor units, or the number of stamps.
    """

    unit: Unit
    reference: str
    basis: int


@dataclass(frozen=True, slots=True)
class AwardFacts:
    """What an order earned before, and the answer that was given for it."""

    id: int
    card_id: int
    transaction_id: int
    basis: int
    units: int
    refunded_cents: int
    taken_back: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RewardFacts:
    """A line of the points catalogue that can be had."""

    id: int
    name: str
    cost_points: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an idempotency key already stands for."""

    request_hash: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CardState:
    """One card, its program and the rules that bind it, read together at one revision."""

    merchant_id: int
    merchant_status: str
    card_id: int
    card_uid: str
    card_number: str
    status: CardStatus
    customer_id: int
    first_name: str
    last_name: str
    enrolled_store_id: int
    revision: int
    last_sequence: int
    head_hash: str
    stamp_count: int
    points_balance: int
    total_stamps_earned: int
    welcome_bonus_due: int
    welcome_points_due: int
    cycle: Cycle
    last_stamp_at: datetime | None
    last_collected_at: datetime | None
    created_at: datetime
    currency: str
    program_id: int
    program_revision: int
    loyalty_type: LoyaltyType
    program_is_active: bool
    program_cycle: Cycle
    points_per_euro: int
    minimum_purchase_cents: int
    minimum_redemption_points: int
    points_expiration_days: int | None
    points_expiry_since: datetime | None
    cooldown_minutes: int
    max_daily_stamps: int
    max_stamps_per_operation: int
    require_staff_pin: bool
    pin_session_minutes: int
    staff_pin_policy: StaffPinPolicy
    pin_max_failed_attempts: int
    pin_lockout_minutes: int
    allow_voids: bool
    allow_cross_store_redemption: bool
    void_window_days: int
    require_order_reference: bool
    order_references_restart_daily: bool
    store: StoreFacts
    stamps_by_day: Mapping[date, int]
    remembered: Remembered | None = None
    entry_failed_attempts: int = 0
    entry_locked_until: datetime | None = None
    target: EntryFacts | None = None
    award: AwardFacts | None = None
    reward: RewardFacts | None = None
    near_stamps: NearStamps | None = None

    @property
    def asks_for_pin(self) -> bool:
        """True where a counter operation needs a PIN or an open PIN session."""
        return self.staff_pin_policy.asks_for_pin(program_asks=self.require_staff_pin)


@dataclass(frozen=True, slots=True)
class Draft:
    """One ledger entry a rule wants posted, and what it changes on the card besides balances.

    `cycle` is the card's cycle afterwards (None: unchanged). `last_stamp_at` counts only
    with `sets_last_stamp`. `voids_id` points at the entry that this one undoes, `related_id`
    at one that it is about otherwise. `amount_cents` is the purchase in minor units.
    `overrides_limits`: a limit stood in the way and was lifted.
    """

    type: EntryType
    stamps_delta: int = 0
    points_delta: int = 0
    cycle: Cycle | None = None
    sets_last_stamp: bool = False
    last_stamp_at: datetime | None = None
    voids_id: int | None = None
    related_id: int | None = None
    amount_cents: int | None = None
    order_reference: str | None = None
    reward_id: int | None = None
    overrides_limits: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
