"""The enumerations of the loyalty module."""

from __future__ import annotations

from enum import StrEnum


class LoyaltyType(StrEnum):
    """Which units a program collects."""

    STAMPS = "stamps"
    POINTS = "points"
    HYBRID = "hybrid"

    @property
    def has_stamps(self) -> bool:
        """True where cards of the program collect stamps."""
        return self in (LoyaltyType.STAMPS, LoyaltyType.HYBRID)

    @property
    def has_points(self) -> bool:
        """True where cards of the program collect points."""
        return self in (LoyaltyType.POINTS, LoyaltyType.HYBRID)


class Unit(StrEnum):
    """What a card collects."""

    STAMPS = "stamps"
    POINTS = "points"


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

    def asks_for_pin(self, *, program_asks: bool) -> bool:
        """True where counter operations need a PIN; `program_asks` is the program's own word."""
        if self is StaffPinPolicy.OPTIONAL:
            return program_asks
        return self is StaffPinPolicy.REQUIRED


class LockScope(StrEnum):
    """Whose PIN entry a lockout stops."""

    PERSON = "person"
    TERMINAL = "terminal"
    API_KEY = "api_key"
    STORE = "store"
