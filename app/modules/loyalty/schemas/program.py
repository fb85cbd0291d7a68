"""The program: what an owner sets, and what everybody may know of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.schemas.fields import (
    UNSET,
    Body,
    CardName,
    Color,
    Flag,
    Reply,
    RewardText,
    Terms,
    UtcTime,
    example,
    refusal,
    whole,
)
from app.modules.loyalty.types import LoyaltyType

DEFAULT_COLOR = "#4F46E5"
# Money is bounded everywhere: 10,000,000 minor units (product rule "Money, numbers, days").
MAXIMUM_CENTS = 10_000_000


class StampIcon(StrEnum):
    """What a stamp looks like: names of the icon set."""

    COFFEE = "coffee"
    CROISSANT = "croissant"
    COOKIE = "cookie"
    CAKE = "cake-slice"
    ICE_CREAM = "ice-cream-cone"
    PIZZA = "pizza"
    SANDWICH = "sandwich"
    BEER = "beer"
    WINE = "wine"
    SCISSORS = "scissors"
    FLOWER = "flower"
    BOOK = "book-open"
    SHIRT = "shirt"
    DUMBBELL = "dumbbell"
    PAW = "paw-print"
    CAR = "car"
    BIKE = "bike"
    HEART = "heart"
    STAR = "star"
    GIFT = "gift"


def _served(loyalty_type: str) -> str:
    if loyalty_type != LoyaltyType.STAMPS:
        raise refusal("loyalty_type_unavailable")
    return loyalty_type


def _https_address(address: str) -> str:
    host = address.removeprefix("https://").partition("/")[0]
    if address == host or "." not in host or not address.isascii() or not address.isprintable():
        raise refusal("https_address")
    if any(char in address for char in " \"'<>\\^`{}|") or "@" in host:
        raise refusal("https_address")
    return address


ServedType = Annotated[Literal["stamps", "points", "hybrid"], AfterValidator(_served)]
HttpsAddress = Annotated[str, Field(max_length=500), AfterValidator(_https_address)]
StampsTarget = Annotated[int, whole(2, 50)]
RewardValue = Annotated[int, whole(0, MAXIMUM_CENTS)]
WelcomeStamps = Annotated[int, whole(0, 49)]
StampsPerOperation = Annotated[int, whole(1, 50)]
CooldownMinutes = Annotated[int, whole(0, 1440)]
DailyStamps = Annotated[int, whole(1, 100)]
SessionMinutes = Annotated[int, whole(0, 60)]


class ProgramCreate(Body):
    """A new program. Only `stamps` can be created; what is left out gets the platform's default."""

    model_config = example(
        {
            "loyalty_type": "stamps",
            "stamps_target": 10,
            "stamps_reward_description": "A coffee of your choice",
            "stamps_reward_value_cents": 380,
            "card_name": "Café Bleu card",
            "card_color": "#1D4ED8",
            "stamp_icon": "coffee",
        }
    )

    loyalty_type: ServedType
    is_active: Flag = True
    stamps_target: StampsTarget = 10
    stamps_reward_description: RewardText = ""
    stamps_reward_value_cents: RewardValue | None = Field(
        None, description="Minor units of the merchant's currency, for statistics."
    )
    welcome_bonus_stamps: WelcomeStamps = Field(0, description="Below the target.")
    max_stamps_per_operation: StampsPerOperation = 5
    cooldown_minutes: CooldownMinutes = Field(
        default_factory=lambda: get_loyalty_settings().default_cooldown_minutes,
        description="Least time between two stamp operations of a card; 0 means none.",
    )
    max_daily_stamps: DailyStamps = Field(
        default_factory=lambda: get_loyalty_settings().max_daily_stamps,
        description="Most stamps a card gets on one business day.",
    )
    require_staff_pin: Flag = True
    pin_session_minutes: SessionMinutes = Field(
        5, description="How long one PIN keeps a terminal open; 0 asks on every operation."
    )
    card_name: CardName | None = Field(None, description="Null: the merchant's name.")
    card_color: Color = DEFAULT_COLOR
    card_secondary_color: Color | None = None
    stamp_icon: StampIcon = StampIcon.COFFEE
    terms_text: Terms = ""
    privacy_url: HttpsAddress | None = None

    @model_validator(mode="after")
    def _check_welcome_bonus(self) -> Self:
        if self.welcome_bonus_stamps >= self.stamps_target:
            raise refusal("welcome_bonus_too_large", lt=self.stamps_target)
        return self


class ProgramUpdate(Body):
    """What to change; fields left out stay as they are."""

    model_config = example({"stamps_target": 8, "stamps_reward_description": "A coffee and a cake"})

    loyalty_type: ServedType = UNSET
    is_active: Flag = UNSET
    stamps_target: StampsTarget = UNSET
    stamps_reward_description: RewardText = UNSET
    stamps_reward_value_cents: RewardValue | None = UNSET
    welcome_bonus_stamps: WelcomeStamps = UNSET
    max_stamps_per_operation: StampsPerOperation = UNSET
    cooldown_minutes: CooldownMinutes = UNSET
    max_daily_stamps: DailyStamps = UNSET
    require_staff_pin: Flag = UNSET
    pin_session_minutes: SessionMinutes = UNSET
    card_name: CardName = UNSET
    card_color: Color = UNSET
    card_secondary_color: Color | None = UNSET
    stamp_icon: StampIcon = UNSET
    terms_text: Terms = UNSET
    privacy_url: HttpsAddress | None = UNSET


class WalletAvailability(Reply):
    """Which phone wallets take the merchant's cards."""

    google: bool = False
    apple: bool = False


_LOOKS = {
    "card_name": "Café Bleu card",
    "card_color": "#1D4ED8",
    "card_secondary_color": None,
    "stamp_icon": "coffee",
}
_REWARD = {
    "loyalty_type": "stamps",
    "is_active": True,
    "stamps_target": 10,
    "stamps_reward_description": "A coffee of your choice",
    "welcome_bonus_stamps": 0,
    "terms_text": "",
    "privacy_url": None,
}


class ProgramLooks(Reply):
    """How the card looks."""

    card_name: str
    card_color: str
    card_secondary_color: str | None
    stamp_icon: str


class ProgramResponse(ProgramLooks):
    """The merchant's program with all its rules."""

    model_config = example(
        {
            "id": 1,
            **_REWARD,
            **_LOOKS,
            "stamps_reward_value_cents": 380,
            "max_stamps_per_operation": 5,
            "cooldown_minutes": 15,
            "max_daily_stamps": 5,
            "require_staff_pin": True,
            "pin_session_minutes": 5,
            "revision": 3,
            "wallet": {"google": False, "apple": False},
            "created_at": "2026-11-02T08:15:00Z",
            "updated_at": "2026-11-20T17:40:12Z",
        }
    )

    id: int
    loyalty_type: LoyaltyType
    is_active: bool
    stamps_target: int
    stamps_reward_description: str
    stamps_reward_value_cents: int | None
    welcome_bonus_stamps: int
    max_stamps_per_operation: int
    cooldown_minutes: int
    max_daily_stamps: int
    require_staff_pin: bool
    pin_session_minutes: int
    terms_text: str
    privacy_url: str | None
    revision: int
    wallet: WalletAvailability = WalletAvailability()
    created_at: UtcTime
    updated_at: UtcTime


class PublicProgramResponse(ProgramLooks):
    """What somebody who may join should know; no numbers of the business."""

    model_config = example(
        {
            "store_code": "cafe-bleu",
            "store_name": "Café Bleu, Ville Haute",
            "merchant_name": "Café Bleu",
            **_REWARD,
            **_LOOKS,
            "self_enrollment": True,
            "languages": ["en", "fr", "de", "lb"],
        }
    )

    store_code: str
    store_name: str
    merchant_name: str
    loyalty_type: LoyaltyType
    is_active: bool
    stamps_target: int
    stamps_reward_description: str
    welcome_bonus_stamps: int
    terms_text: str
    privacy_url: str | None
    self_enrollment: bool = Field(description="May people join by themselves right now?")
    languages: list[str]
