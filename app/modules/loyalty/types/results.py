"""What callers get."""

from __future__ import annotations

from datetime import date, datetime
from typing import NotRequired, TypedDict


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
    points_balance: int
    duplicate: bool
    customer_name: str
    staff_name: str | None
    replayed: bool
    staff_session: NotRequired[str | None]
    staff_session_expires_at: NotRequired[datetime | None]


class PointsResult(TypedDict):
    """What a points operation tells the till. Points are whole numbers, times aware UTC.

    `points_earned` and `points_redeemed` are never negative; `points_delta` is the signed
    change. `duplicate` is true where the order had earned before and this is its first answer.
    `points_expire_on` is the local date at whose end the points lapse (None: never, or none).
    """

    transaction_id: int
    type: str
    points_delta: int
    card_id: int
    card_number: str
    points_earned: int
    points_redeemed: int
    points_balance: int
    points_expire_on: date | None
    reward_description: str
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    duplicate: bool
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
