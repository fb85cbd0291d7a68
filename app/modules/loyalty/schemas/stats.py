"""Statistics: what owners see of their shop."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field
from typing_extensions import TypedDict  # pydantic wants this one before Python 3.12

from app.modules.loyalty.rules.staff_counts import STAFF_COUNTS, StaffCounts
from app.modules.loyalty.rules.statistics import COUNTS, DayCounts
from app.modules.loyalty.schemas.fields import Reply, UtcTime, example


class Figures(DayCounts):
    """Counts, and `*_net`: what was earned less what voids and refunds took back."""

    stamps_net: int
    points_net: int


class DayFigures(Figures):
    """One business day."""

    business_day: date


class PeriodFigures(Figures):
    """Several days added up, and the distinct cards that earned or redeemed in them.

    `returning_cards` did so on two or more days, `return_permille` is their share.
    """

    active_cards: int
    returning_cards: int
    return_permille: int | None


class StoreFigures(Figures):
    """One store in the period; `members` enrolled there."""

    store_id: int
    code: str
    name: str
    members: int


class Holdings(TypedDict):
    """What members hold now, and its worth (minor units; null where no reward has a value)."""

    members: int
    points_outstanding: int
    points_value_cents: int | None
    rewards_ready: int
    rewards_value_cents: int | None


class RewardFigures(TypedDict):
    """How rewards are taken up: shares in thousandths, days from one reward to the next."""

    days_to_reward: int | None
    stamps_redeemed_permille: int | None
    points_redeemed_permille: int | None
    breakage_permille: int | None
    breakage_all_time_permille: int | None


class MetCard(TypedDict):
    """A card that somebody served far more often than is usual."""

    card_id: int
    operations: int


class StaffLine(StaffCounts):
    """One person, API key or, with `actor_id` null, nobody in particular.

    Shares are thousandths. `after_hours` are operations in hours in which the store hardly
    works. `flags`: `own_card`, `repeat_pair`, `after_hours`, `override_share`, `void_share`.
    """

    actor_kind: str
    actor_id: int | None
    name: str | None
    after_hours: int
    after_hours_permille: int | None
    cards: int
    top_card_permille: int | None
    own_card_operations: int
    repeat_pairs: list[MetCard]
    flags: list[str]


class StatsView(TypedDict):
    """Statistics of the `days` business days up to `last_day`, which may not be over yet.

    As `StatsResponse`, for services.
    """

    days: int
    first_day: date
    last_day: date
    store_id: int | None
    currency: str
    rolled_up_until: datetime | None
    totals: PeriodFigures
    before: PeriodFigures
    series: list[DayFigures]
    holdings: Holdings
    rewards: RewardFigures
    busy_hours: list[list[int]]
    stores: list[StoreFigures]
    staff: list[StaffLine]
    staff_cards_days: int
    staff_cards_until: date | None


_DAY = dict.fromkeys((*COUNTS, "stamps_net", "points_net"), 0) | {
    "stamp_operations": 61,
    "stamps_given": 84,
    "stamps_voided": 1,
    "stamps_net": 83,
    "stamp_redemptions": 6,
    "rewards_redeemed": 6,
    "stamps_redeemed": 60,
    "new_cards": 4,
    "voids": 1,
}
_CARDS = {"active_cards": 58, "returning_cards": 0, "return_permille": 0}
_STORE = {"store_id": 1, "code": "cafe-bleu", "name": "Café Bleu, Ville Haute", "members": 412}
_LEA = dict.fromkeys(STAFF_COUNTS, 0) | {
    "actor_kind": "pin",
    "actor_id": 3,
    "name": "Lea",
    "operations": 67,
    "stamps": 84,
    "redemptions": 6,
    "voids": 1,
    "after_hours": 0,
    "after_hours_permille": 0,
    "cards": 214,
    "top_card_permille": 21,
    "own_card_operations": 0,
    "repeat_pairs": [],
    "flags": [],
}


class StatsResponse(Reply):
    """What happened in a number of business days. Money is in minor units of `currency`."""

    model_config = example(
        {
            "days": 1,
            "first_day": "2026-11-24",
            "last_day": "2026-11-24",
            "store_id": None,
            "currency": "EUR",
            "rolled_up_until": "2026-11-24T15:59:00Z",
            "totals": _DAY | _CARDS,
            "before": _DAY | _CARDS,
            "series": [_DAY | {"business_day": "2026-11-24"}],
            "holdings": {
                "members": 412,
                "points_outstanding": 0,
                "points_value_cents": None,
                "rewards_ready": 37,
                "rewards_value_cents": 14060,
            },
            "rewards": {
                "days_to_reward": 19,
                "stamps_redeemed_permille": 723,
                "points_redeemed_permille": None,
                "breakage_permille": None,
                "breakage_all_time_permille": None,
            },
            "busy_hours": [[0] * 24, [0] * 8 + [9, 11, 7, 4, 12, 14, 6, 4] + [0] * 8]
            + [[0] * 24] * 5,
            "stores": [_DAY | _STORE],
            "staff": [_LEA],
            "staff_cards_days": 7,
            "staff_cards_until": "2026-11-23",
        }
    )

    days: int
    first_day: date
    last_day: date = Field(description="Today, so it may not be over yet.")
    store_id: int | None = Field(description="Null: all stores.")
    currency: str
    rolled_up_until: UtcTime | None = Field(
        description="What was recorded before was counted beforehand; the rest just now."
    )
    totals: PeriodFigures
    before: PeriodFigures = Field(description="As many days right before.")
    series: list[DayFigures] = Field(description="Every day of the period, in order.")
    holdings: Holdings
    rewards: RewardFigures
    busy_hours: list[list[int]] = Field(
        description="Operations by weekday of the business day (Monday first) and hour of the "
        "store's clock."
    )
    stores: list[StoreFigures]
    staff: list[StaffLine] = Field(description="Those with flags first, then the busiest.")
    staff_cards_days: int = Field(
        description="What is said of cards in `staff` is about so many days …"
    )
    staff_cards_until: date | None = Field(
        description="… up to this one: counted at night. Null: there was no night yet."
    )
