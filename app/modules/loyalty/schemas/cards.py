"""Cards: finding, listing, enrolling, and what their ledger says."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from app.modules.loyalty.schemas.fields import (
    Body,
    CardText,
    EmailText,
    Flag,
    Id,
    Language,
    Name,
    PhoneText,
    Reply,
    UtcTime,
    example,
    refusal,
    whole,
)
from app.modules.loyalty.schemas.program import LOOKS_EXAMPLE, ProgramLooks
from app.modules.loyalty.schemas.wallet import WALLETS_EXAMPLE, CardWallet, WalletUrls

_QR = "BDKXLNPRSTUVCEFGHIJKOBDXLNPRST"


class _Person(Body):
    """Who enrols: at least one contact, names as the person spells them."""

    email: EmailText | None = None
    phone: PhoneText | None = None
    first_name: Name = ""
    last_name: Name = ""
    locale: Language | None = Field(None, description="The person's language.")
    marketing_consent: Flag = Field(False, description="Only what the person ticked.")

    @property
    def has_contact(self) -> bool:
        """True where an e-mail address or a phone number was given."""
        return self.email is not None or self.phone is not None


class EnrollRequest(_Person):
    """A known customer by `customer_id`, or a person by `email` and/or `phone`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"email": "zoe@example.com", "first_name": "Zoé", "locale": "fr"},
                {"phone": "+352 621 000 001", "first_name": "Luc"},
                {"customer_id": 17},
                {"email": "anna@example.com", "paper_stamps": 6},
            ]
        }
    )

    customer_id: Id | None = None
    paper_stamps: Annotated[int, whole(0, 49)] = Field(
        0, description="Stamps on the paper card that is handed in: fewer than the target."
    )

    @model_validator(mode="after")
    def _check_who(self) -> Self:
        if self.has_contact == (self.customer_id is not None):
            raise refusal("one_person")
        return self


class SelfEnrollRequest(_Person):
    """Somebody joins: the card is there at once, the contact waits for its confirmation."""

    model_config = example(
        {
            "email": "zoe@example.com",
            "first_name": "Zoé",
            "last_name": "Strasser",
            "locale": "fr",
            "marketing_consent": False,
        }
    )

    @model_validator(mode="after")
    def _check_contact(self) -> Self:
        if not self.has_contact:
            raise refusal("contact_missing")
        return self


class LookupRequest(Body):
    """One thing to find a card by; `query` may be any of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"query": "4809 1234 5678"}, {"qr_code": _QR}, {"phone": "621 000 001"}]
        }
    )

    qr_code: CardText | None = None
    card_number: CardText | None = None
    email: EmailText | None = None
    phone: PhoneText | None = None
    query: CardText | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if sum(value is not None for value in self.model_dump().values()) != 1:
            raise refusal("one_lookup")
        return self


class CardCustomer(Reply):
    """The person behind a card."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    locale: str | None
    contact_pending: bool = Field(description="True until the person has confirmed the contact.")


class CardBalances(Reply):
    """Where a card stands."""

    card_id: int
    card_number: str
    status: str
    stamp_count: int
    stamps_target: int
    stamps_until_reward: int
    rewards_available: int
    reward_description: str
    total_stamps_earned: int
    points_balance: int
    last_activity_at: UtcTime
    enrolled_at: UtcTime
    revision: int


_BALANCES: dict[str, Any] = {
    "card_id": 42,
    "card_number": "480912345678",
    "status": "active",
    "stamp_count": 7,
    "stamps_target": 10,
    "stamps_until_reward": 3,
    "rewards_available": 0,
    "reward_description": "A coffee of your choice",
    "total_stamps_earned": 27,
    "points_balance": 640,
    "last_activity_at": "2026-11-25T09:30:00Z",
    "enrolled_at": "2026-11-02T08:15:00Z",
    "revision": 31,
}
_CUSTOMER: dict[str, Any] = {
    "id": 17,
    "first_name": "Zoé",
    "last_name": "Strasser",
    "email": "zoe@example.com",
    "phone": None,
    "locale": "fr",
    "contact_pending": False,
}
_NOW: dict[str, Any] = {
    "qr_code_data": _QR,
    "next_stamp_available_at": "2026-11-25T09:45:00Z",
    "stamps_remaining_today": 4,
    "points_expire_on": "2027-11-25",
}
_REWARD: dict[str, Any] = {
    "id": 3,
    "name": "Loaf of bread",
    "cost_points": 600,
    "affordable": True,
    "points_missing": 0,
}


class CardReward(Reply):
    """A line of the points catalogue, as the card's holder sees it."""

    id: int
    name: str
    cost_points: int
    affordable: bool = Field(description="The card can have it now.")
    points_missing: int


class CardListItem(CardBalances):
    """One line of the list of cards."""

    customer: CardCustomer


class CardList(Reply):
    """A page of cards; `next_cursor` is null on the last one."""

    model_config = example(
        {
            "items": [{**_BALANCES, "customer": _CUSTOMER}],
            "next_cursor": "WyIyMDI2LTExLTI1VDA5OjMwOjAwKzAwOjAwIiwgNDJd",
            "total": 312,
        }
    )

    items: list[CardListItem]
    next_cursor: str | None
    total: int | None = Field(None, description="With `include_total=true` only.")


class CardResponse(CardBalances):
    """One card with its customer, and what it can get right now."""

    model_config = example(
        {
            **_BALANCES,
            **_NOW,
            "rewards": [_REWARD],
            "customer": _CUSTOMER,
        }
    )

    qr_code_data: str
    next_stamp_available_at: UtcTime | None = Field(description="Null: now.")
    stamps_remaining_today: int
    points_expire_on: date | None = Field(description="The day at whose end points run out.")
    rewards: list[CardReward] = Field(description="The catalogue, with what is missing.")
    customer: CardCustomer


class StaffCardResponse(CardResponse):
    """One card with what its holder does not see."""

    model_config = example(
        {
            **_BALANCES,
            **_NOW,
            "rewards": [_REWARD],
            "customer": _CUSTOMER,
            "note": "Likes oat milk",
            "merged_into_id": None,
            "wallets": WALLETS_EXAMPLE,
        }
    )

    note: str
    merged_into_id: int | None = Field(description="The card that took this one over.")
    wallets: list[CardWallet] = Field(description="Where it stands in phones' wallets.")


class EnrollResponse(Reply):
    """The card of the person, new or the one that was there."""

    model_config = example(
        {
            "card_id": 42,
            "card_number": "480912345678",
            "qr_code_data": _QR,
            "customer_id": 17,
            "created": True,
        }
    )

    card_id: int
    card_number: str
    qr_code_data: str
    customer_id: int
    created: bool


class CardProgram(ProgramLooks):
    """What the card's page shows of the program."""

    merchant_name: str
    loyalty_type: Literal["stamps", "points", "hybrid"]
    is_active: bool
    terms_text: str
    privacy_url: str | None


_OWN_CARD: dict[str, Any] = {
    **_BALANCES,
    **_NOW,
    "rewards": [_REWARD],
    "customer": _CUSTOMER,
    "program": {
        **LOOKS_EXAMPLE,
        "merchant_name": "Café Bleu",
        "loyalty_type": "hybrid",
        "is_active": True,
        "terms_text": "",
        "privacy_url": None,
    },
    "wallet_urls": {"google_wallet_url": None, "apple_wallet_url": None},
}


class CustomerCardResponse(CardBalances):
    """The customer's own card."""

    model_config = example(_OWN_CARD)

    qr_code_data: str
    next_stamp_available_at: UtcTime | None
    stamps_remaining_today: int
    points_expire_on: date | None
    rewards: list[CardReward]
    customer: CardCustomer
    program: CardProgram
    wallet_urls: WalletUrls = WalletUrls()


class SelfEnrollResponse(Reply):
    """The fresh card; this device is signed in by its cookie."""

    model_config = example({"card": _OWN_CARD, "wallet_urls": _OWN_CARD["wallet_urls"]})

    card: CustomerCardResponse
    wallet_urls: WalletUrls = WalletUrls()
