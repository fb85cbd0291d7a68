"""The words of the loyalty module: enumerations, what a rule sees, what callers get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, NotRequired, TypedDict


class LoyaltyType(StrEnum):
    """Which units a program collects."""

    STAMPS = "stamps"
    POINTS = "points"
    HYBRID = "hybrid"

    @property
    def has_stamps(self) -> bool:
        """True where cards of the program collect stamps."""
        return self in (LoyaltyType.STAMPS, LoyaltyType.HYBRID)


class EntryType(StrEnum):
    """What one line of the ledger says."""

    CARD_CREATED = "card_created"
    WELCOME_BONUS = "welcome_bonus"
    STAMP_EARNED = "stamp_earned"
    STAMP_REDEEMED = "stamp_redeemed"
    STAMP_VOIDED = "stamp_voided"
    STAMP_REFUNDED = "stamp_refunded"
    STAMPS_ADJUSTED = "stamps_adjusted"
    POINTS_EARNED = "points_earned"
    POINTS_REDEEMED = "points_redeemed"
    POINTS_VOIDED = "points_voided"
    POINTS_REFUNDED = "points_refunded"
    POINTS_ADJUSTED = "points_adjusted"
    POINTS_EXPIRED = "points_expired"
    POINTS_REINSTATED = "points_reinstated"
    CARD_SUSPENDED = "card_suspended"
    CARD_REACTIVATED = "card_reactivated"
    CARD_REPLACED = "card_replaced"
    CARDS_MERGED = "cards_merged"
    IMPORTED = "imported"
    CUSTOMER_ERASED = "customer_erased"


class CardStatus(StrEnum):
    """Whether a card collects and redeems."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    MERGED = "merged"
    ERASED = "erased"


class CodeState(StrEnum):
    """Why a code that is not a card's current one is still known."""

    REPLACED = "replaced"
    MERGED = "merged"
    IMPORTED = "imported"


class ActorKind(StrEnum):
    """Who stands behind a ledger entry."""

    PIN = "pin"
    USER = "user"
    API_KEY = "api_key"
    CUSTOMER = "customer"
    JOB = "job"
    SERVICE = "service"


class PinRole(StrEnum):
    """What the holder of a staff PIN may do."""

    CASHIER = "cashier"
    MANAGER = "manager"


class StaffPinPolicy(StrEnum):
    """The platform's word on staff PINs; `optional` leaves it to the program."""

    OPTIONAL = "optional"
    REQUIRED = "required"
    DISABLED = "disabled"


class LockScope(StrEnum):
    """Whose PIN entry a lockout stops."""

    PERSON = "person"
    TERMINAL = "terminal"
    API_KEY = "api_key"
    STORE = "store"


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
    """

    id: int
    type: EntryType
    stamps_delta: int
    cycle: Cycle
    business_day: date
    occurred_at: datetime
    pin_id: int | None
    user_id: int | None
    is_voided: bool
    newest_other_stamp_at: datetime | None


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
    cycle: Cycle
    last_stamp_at: datetime | None
    program_id: int
    program_revision: int
    loyalty_type: LoyaltyType
    program_is_active: bool
    program_cycle: Cycle
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
    store: StoreFacts
    stamps_by_day: Mapping[date, int]
    remembered: Remembered | None = None
    entry_failed_attempts: int = 0
    entry_locked_until: datetime | None = None
    target: EntryFacts | None = None

    @property
    def asks_for_pin(self) -> bool:
        """True where a counter operation needs a PIN or an open PIN session."""
        if self.staff_pin_policy is StaffPinPolicy.OPTIONAL:
            return self.require_staff_pin
        return self.staff_pin_policy is StaffPinPolicy.REQUIRED


@dataclass(frozen=True, slots=True)
class Draft:
    """One ledger entry a rule wants posted, and what it changes on the card besides balances.

    `cycle` is the card's cycle afterwards (None: unchanged). `last_stamp_at` counts only
    with `sets_last_stamp`. `voids_id` points at the entry that this one undoes.
    """

    type: EntryType
    stamps_delta: int = 0
    points_delta: int = 0
    cycle: Cycle | None = None
    sets_last_stamp: bool = False
    last_stamp_at: datetime | None = None
    voids_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


class StampResult(TypedDict):
    """What a stamp operation tells the till.

    `type` is the ledger entry's, `quantity` its change in stamps. Counts are stamps; times
    are aware UTC. `reward_earned` is true when this operation
    made one more reward ready. `replayed` is true when the idempotency key had been used
    for the same request before and nothing was written now.
    """

    transaction_id: int
    type: str
    quantity: int
    card_id: int
    card_number: str
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    reward_earned: bool
    reward_description: str
    total_stamps_earned: int
    next_stamp_available_at: datetime | None
    stamps_remaining_today: int
    customer_name: str
    staff_name: str | None
    replayed: bool
    staff_session: NotRequired[str | None]
    staff_session_expires_at: NotRequired[datetime | None]


class PinView(TypedDict):
    """A member of staff as managers see them; never a hash. Times are aware UTC."""

    id: int
    name: str
    staff_code: str | None
    store_id: int | None
    role: str
    can_void: bool
    can_override: bool
    own_card_id: int | None
    is_active: bool
    is_locked: bool
    locked_until: datetime | None
    failed_attempts: int
    last_used_at: datetime | None


class PinVerified(TypedDict):
    """Whose PIN it was, and the session it opened where the program allows sessions."""

    staff_pin_id: int
    name: str
    role: str
    can_void: bool
    can_override: bool
    staff_session: str | None
    staff_session_expires_at: datetime | None


class Enrolment(TypedDict):
    """A customer's card: `created` is false where the customer had it already."""

    card_id: int
    card_number: str
    qr_code_data: str
    customer_id: int
    created: bool
    replayed: bool
