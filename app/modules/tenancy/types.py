"""The words of the tenancy module: who asks, and at which store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

LANGUAGES = ("en", "fr", "de", "lb")


class PrincipalKind(StrEnum):
    """What kind of caller a token stands for."""

    ADMIN = "admin"
    USER = "user"
    CUSTOMER = "customer"
    API_KEY = "api_key"


class Role(StrEnum):
    """What a user may do at a merchant."""

    OWNER = "owner"
    MANAGER = "manager"
    CASHIER = "cashier"


class MerchantStatus(StrEnum):
    """How the platform stands with a merchant."""

    TRIAL = "trial"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class MerchantAct(StrEnum):
    """What a merchant's status may refuse."""

    COUNTER = "counter"
    ENROLMENT = "enrolment"


class Scope(StrEnum):
    """What an API key may do; writing does not include reading."""

    READ = "loyalty:read"
    WRITE = "loyalty:write"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request comes from, as its token says.

    `role` belongs to a `user`. `store_id` is the one store the token is bound to, None for all
    of the merchant's. `terminal_id` names the device, `terminal_store_id` the store it stands
    in. `merchant_id` is None for an admin only.
    """

    kind: PrincipalKind
    merchant_id: int | None = None
    store_id: int | None = None
    user_id: int | None = None
    role: Role | None = None
    terminal_id: int | None = None
    terminal_store_id: int | None = None
    api_key_id: int | None = None
    customer_id: int | None = None
    pin_exempt: bool = False
    scopes: frozenset[Scope] = frozenset()
    name: str = ""
    locale: str | None = None

    @property
    def is_manager(self) -> bool:
        """True for owners and managers."""
        return self.role in (Role.OWNER, Role.MANAGER)

    @property
    def actor_id(self) -> int | None:
        """The id that, with `kind`, names the caller in ledger and audit log."""
        return self.api_key_id or self.customer_id or self.user_id


@dataclass(frozen=True, slots=True)
class MerchantContext:
    """The merchant a request is about."""

    merchant_id: int
    name: str
    status: MerchantStatus
    currency: str
    locale: str


@dataclass(frozen=True, slots=True)
class StoreContext:
    """The store a request is about, with its merchant."""

    merchant_id: int
    store_id: int
    code: str
    name: str
    city: str
    timezone: str
    day_starts_at: time
    country: str
    locale: str
    merchant_name: str
    merchant_status: MerchantStatus
    currency: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its secret token, shown this once, and whose it is."""

    token: str
    principal: Principal


@dataclass(frozen=True, slots=True)
class OpenedTerminal:
    """A device at a counter. `token` belongs into its cookie; None: it keeps the one it has."""

    terminal_id: int
    store_id: int
    name: str
    token: str | None


class TerminalView(TypedDict):
    """A device as lists show it."""

    id: int
    store_id: int
    name: str
    created_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None


class ApiKeyView(TypedDict):
    """A till's key as lists show it: never the secret."""

    id: int
    name: str
    store_id: int | None
    scopes: list[str]
    pin_exempt: bool
    created_at: datetime
    last_seen_at: datetime
    revoked_at: datetime | None


class CreatedApiKey(TypedDict):
    """A new key with its secret, which nobody can read again."""

    id: int
    token: str


class PersonView(TypedDict):
    """The person behind a session."""

    id: int
    name: str
    email: str
    locale: str | None


class PlaceView(TypedDict):
    """A store, as somebody who works there needs it."""

    id: int
    code: str
    name: str
    timezone: str


class BusinessView(TypedDict):
    """A merchant, as its people need it."""

    id: int
    name: str
    status: str
    currency: str


class AccountView(TypedDict):
    """Who is signed in, where, and as what."""

    kind: str
    role: str | None
    user: PersonView | None
    merchant: BusinessView | None
    store: PlaceView | None
    stores: list[PlaceView]
    scopes: list[str]
    terminal_id: int | None
