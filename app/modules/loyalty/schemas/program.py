"""The program: what an owner sets, and what everybody may know of it."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, computed_field, model_validator

from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.rules.pictures import PictureKind
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
from app.modules.loyalty.schemas.picture_fetch import FETCH_EXAMPLE, PictureFetch
from app.modules.loyalty.schemas.wallet import WalletAvailability
from app.modules.loyalty.types import LoyaltyType, Unit

DEFAULT_COLOR: Final = "#4F46E5"
# Money is bounded everywhere: 10,000,000 minor units (product rule "Money, numbers, days").
MAXIMUM_CENTS: Final = 10_000_000
# What a program says in points: rates, bonuses, costs.
MAXIMUM_RATE: Final = 1_000_000
MAXIMUM_POINTS: Final = 10_000_000
# Where pictures are served, outside the API.
MEDIA_PATH: Final = "/media"
# Fields that are no columns: where pictures are to be fetched from.
WISHES: Final = {"logo_url", "hero_url"}
_IMAGE_NAME: Final = re.compile(r"(?:logo|hero)-[0-9a-f]{64}\.(?:png|jpg)")


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


def _https_address(address: str) -> str:
    host = address.removeprefix("https://").partition("/")[0]
    if address == host or "." not in host or not address.isascii() or not address.isprintable():
        raise refusal("https_address")
    if any(char in address for char in " \"'<>\\^`{}|") or "@" in host:
        raise refusal("https_address")
    return address


def _image_name(name: str) -> str:
    if not _IMAGE_NAME.fullmatch(name):
        raise refusal("image_unknown")
    return name


Type = Literal["stamps", "points", "hybrid"]
HttpsAddress = Annotated[str, Field(max_length=500), AfterValidator(_https_address)]
StampsTarget = Annotated[int, whole(2, 50)]
RewardValue = Annotated[int, whole(0, MAXIMUM_CENTS)]
WelcomeStamps = Annotated[int, whole(0, 49)]
StampsPerOperation = Annotated[int, whole(1, 50)]
CooldownMinutes = Annotated[int, whole(0, 1440)]
DailyStamps = Annotated[int, whole(1, 100)]
SessionMinutes = Annotated[int, whole(0, 60)]
PointsRate = Annotated[int, whole(1, MAXIMUM_RATE)]
MinimumPurchase = Annotated[int, whole(0, MAXIMUM_CENTS)]
MinimumPoints = Annotated[int, whole(0, MAXIMUM_POINTS)]
WelcomePoints = Annotated[int, whole(0, MAXIMUM_RATE)]
ExpirationDays = Annotated[int, whole(30, 3650)]
ImageName = Annotated[str, AfterValidator(_image_name)]
ImageSource = Annotated[
    HttpsAddress,
    Field(description="Fetched once, a little later, and then served by us; see `logo_fetch`."),
]


class ProgramCreate(Body):
    """A new program; what is left out gets the platform's default."""

    model_config = example(
        {
            "loyalty_type": "hybrid",
            "stamps_target": 10,
            "stamps_reward_description": "A coffee of your choice",
            "stamps_reward_value_cents": 380,
            "points_per_euro": 10,
            "points_expiration_days": 365,
            "card_name": "Café Bleu card",
            "card_color": "#1D4ED8",
            "stamp_icon": "coffee",
        }
    )

    loyalty_type: Type
    is_active: Flag = True
    stamps_target: StampsTarget = 10
    stamps_reward_description: RewardText = ""
    stamps_reward_value_cents: RewardValue | None = Field(
        None, description="Minor units of the merchant's currency, for statistics."
    )
    welcome_bonus_stamps: WelcomeStamps = Field(0, description="Below the target.")
    max_stamps_per_operation: StampsPerOperation = 5
    points_per_euro: PointsRate = Field(
        default_factory=lambda: get_loyalty_settings().default_points_per_euro,
        description="Points for a whole unit of the merchant's currency; rounded down.",
    )
    minimum_purchase_cents: MinimumPurchase = Field(
        0, description="Smaller purchases earn nothing (minor units)."
    )
    minimum_redemption_points: MinimumPoints = Field(
        0, description="Least number of points taken at once without a reward."
    )
    welcome_bonus_points: WelcomePoints = 0
    points_expiration_days: ExpirationDays | None = Field(
        None, description="Days without earning or redeeming after which points run out."
    )
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
    rotating_barcode: Flag = Field(
        False, description="Codes of Google passes change every 30 s: photos of them go stale."
    )
    logo_url: ImageSource | None = None
    hero_url: ImageSource | None = None

    @model_validator(mode="after")
    def _check_welcome_bonus(self) -> Self:
        if self.welcome_bonus_stamps >= self.stamps_target:
            raise refusal("welcome_bonus_too_large", lt=self.stamps_target)
        return self


class ProgramUpdate(Body):
    """What to change; fields left out stay as they are."""

    model_config = example({"stamps_target": 8, "stamps_reward_description": "A coffee and a cake"})

    loyalty_type: Type = UNSET
    is_active: Flag = UNSET
    stamps_target: StampsTarget = UNSET
    stamps_reward_description: RewardText = UNSET
    stamps_reward_value_cents: RewardValue | None = UNSET
    welcome_bonus_stamps: WelcomeStamps = UNSET
    max_stamps_per_operation: StampsPerOperation = UNSET
    points_per_euro: PointsRate = UNSET
    minimum_purchase_cents: MinimumPurchase = UNSET
    minimum_redemption_points: MinimumPoints = UNSET
    welcome_bonus_points: WelcomePoints = UNSET
    points_expiration_days: ExpirationDays | None = UNSET
    cooldown_minutes: CooldownMinutes = UNSET
    max_daily_stamps: DailyStamps = UNSET
    require_staff_pin: Flag = UNSET
    pin_session_minutes: SessionMinutes = UNSET
    card_name: CardName = UNSET
    card_color: Color = UNSET
    card_secondary_color: Color | None = UNSET
    logo_image: ImageName | None = UNSET
    hero_image: ImageName | None = UNSET
    stamp_icon: StampIcon = UNSET
    terms_text: Terms = UNSET
    privacy_url: HttpsAddress | None = UNSET
    rotating_barcode: Flag = UNSET
    logo_url: ImageSource | None = UNSET
    hero_url: ImageSource | None = UNSET

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if any({f"{kind}_url", f"{kind}_image"} <= self.model_fields_set for kind in PictureKind):
            raise refusal("image_or_url")
        return self


LOGO_EXAMPLE: Final = f"logo-{'3f2a' * 16}.png"
LOOKS_EXAMPLE: Final[dict[str, Any]] = {
    "card_name": "Café Bleu card",
    "card_color": "#1D4ED8",
    "card_secondary_color": None,
    "stamp_icon": "coffee",
    "logo_image": LOGO_EXAMPLE,
    "hero_image": None,
    "logo_url": f"/media/{LOGO_EXAMPLE}",
    "hero_url": None,
}
_RULES: Final[dict[str, Any]] = {
    "loyalty_type": "hybrid",
    "is_active": True,
    "stamps_target": 10,
    "stamps_reward_description": "A coffee of your choice",
    "welcome_bonus_stamps": 0,
    "points_per_euro": 10,
    "minimum_purchase_cents": 0,
    "minimum_redemption_points": 0,
    "welcome_bonus_points": 0,
    "points_expiration_days": 365,
    "terms_text": "",
    "privacy_url": None,
}


class ProgramLooks(Reply):
    """How the card looks."""

    card_name: str
    card_color: str
    card_secondary_color: str | None
    stamp_icon: str
    logo_image: str | None
    hero_image: str | None

    @computed_field(description="Where the logo is served; null: there is none.")  # type: ignore[prop-decorator]
    @property
    def logo_url(self) -> str | None:
        """The logo's path on this platform."""
        return media_path(self.logo_image)

    @computed_field(description="Where the large picture is served; null: there is none.")  # type: ignore[prop-decorator]
    @property
    def hero_url(self) -> str | None:
        """The large picture's path on this platform."""
        return media_path(self.hero_image)


def media_path(image: str | None) -> str | None:
    """Where a picture is served on this platform; None for none."""
    return image and f"{MEDIA_PATH}/{image}"


class ProgramRules(Reply):
    """What cards collect, and what that is worth."""

    loyalty_type: LoyaltyType
    is_active: bool
    stamps_target: int
    stamps_reward_description: str
    welcome_bonus_stamps: int
    points_per_euro: int
    minimum_purchase_cents: int
    minimum_redemption_points: int
    welcome_bonus_points: int
    points_expiration_days: int | None
    terms_text: str
    privacy_url: str | None


class ProgramResponse(ProgramLooks, ProgramRules):
    """The merchant's program with all its rules."""

    model_config = example(
        {
            "id": 1,
            **_RULES,
            **LOOKS_EXAMPLE,
            "stamps_reward_value_cents": 380,
            "max_stamps_per_operation": 5,
            "cooldown_minutes": 15,
            "max_daily_stamps": 5,
            "require_staff_pin": True,
            "pin_session_minutes": 5,
            "rotating_barcode": False,
            "revision": 3,
            "logo_fetch": None,
            "hero_fetch": FETCH_EXAMPLE,
            "wallet": {"google": False, "apple": False},
            "created_at": "2026-11-02T08:15:00Z",
            "updated_at": "2026-11-20T17:40:12Z",
        }
    )

    id: int
    stamps_reward_value_cents: int | None
    max_stamps_per_operation: int
    cooldown_minutes: int
    max_daily_stamps: int
    require_staff_pin: bool
    pin_session_minutes: int
    rotating_barcode: bool
    revision: int
    logo_fetch: PictureFetch | None = Field(None, description="Null: nothing is to be fetched.")
    hero_fetch: PictureFetch | None = Field(None, description="As `logo_fetch`.")
    wallet: WalletAvailability = WalletAvailability()
    created_at: UtcTime
    updated_at: UtcTime


class PublicReward(Reply):
    """What points buy."""

    name: str
    cost_points: int


class PublicProgramResponse(ProgramLooks, ProgramRules):
    """What somebody who may join should know; no numbers of the business."""

    model_config = example(
        {
            "store_code": "cafe-bleu",
            "store_name": "Café Bleu, Ville Haute",
            "merchant_name": "Café Bleu",
            **_RULES,
            **LOOKS_EXAMPLE,
            "currency": "EUR",
            "rewards": [{"name": "A slice of cake", "cost_points": 400}],
            "self_enrollment": True,
            "languages": ["en", "fr", "de", "lb"],
        }
    )

    store_code: str
    store_name: str
    merchant_name: str
    currency: str = Field(description="ISO 4217, of all amounts.")
    rewards: list[PublicReward]
    self_enrollment: bool = Field(description="May people join by themselves right now?")
    languages: list[str]


class ProgramPreviewResponse(Reply):
    """Whom a change of the program would touch. Customers' counts are cards; no card is written."""

    model_config = example(
        {
            "cards": 340,
            "open_cards": 312,
            "cards_with_points": 0,
            "cards_changed": 58,
            "rewards_ready": 14,
            "cards_keeping_target": 0,
            "cards_expiring_sooner": 0,
            "earliest_expiry_on": None,
            "stops_earning": [],
            "cards_stop_earning": 0,
            "sentences": [
                "312 cards hold stamps.",
                "58 cards change to the new target and reward at once.",
                "14 cards get a reward now.",
            ],
        }
    )

    cards: int
    open_cards: int = Field(description="Hold at least one stamp.")
    cards_with_points: int
    cards_changed: int = Field(description="Target and reward change at once.")
    rewards_ready: int = Field(description="Of these, how many get a reward by it.")
    cards_keeping_target: int = Field(
        description="Keep target and reward until a redemption leaves no reward ready."
    )
    cards_expiring_sooner: int
    earliest_expiry_on: date | None = Field(description="Of those, the first day points run out.")
    stops_earning: list[Unit] = Field(description="No longer collected, and still redeemable.")
    cards_stop_earning: int
    sentences: list[str] = Field(description="The same in plain words.")
