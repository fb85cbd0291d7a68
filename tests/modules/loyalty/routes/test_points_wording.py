"""What purchases and refunds did, in words: every type, every language, one and many."""

from __future__ import annotations

import pytest

from app.core.config import load_settings
from app.core.i18n import Catalogue
from app.core.web.setup import load_catalogue
from app.main import MODULES
from app.modules.loyalty.routes.wording import points_message, refund_message
from app.modules.loyalty.services.refund_service import RefundResult
from app.modules.loyalty.types import EntryType, PointsResult

LANGUAGES = ("en", "fr", "de", "lb")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(load_settings(), MODULES)


def points(
    entry_type: EntryType,
    delta: int,
    *,
    balance: int = 40,
    reward: str = "",
    duplicate: bool = False,
) -> PointsResult:
    return PointsResult(
        transaction_id=1,
        type=entry_type.value,
        points_delta=delta,
        card_id=1,
        card_number="480912345678",
        points_earned=max(0, delta),
        points_redeemed=max(0, -delta),
        points_balance=balance,
        points_expire_on=None,
        reward_description=reward,
        stamp_count=0,
        stamps_target=10,
        stamps_until_reward=10,
        rewards_available=0,
        duplicate=duplicate,
        customer_name="Anna S.",
        staff_name=None,
        replayed=False,
    )


def refund(
    cents: int | None, *, points: int = 0, stamps: int = 0, balance: int = 0, currency: str = "EUR"
) -> RefundResult:
    return RefundResult(
        order_reference="ORD-1",
        refund_reference="R-1",
        refunded_cents=cents,
        currency=currency,
        points_taken_back=points,
        stamps_taken_back=stamps,
        cards=[{"card_id": 1, "stamp_count": 0, "points_balance": balance}],
        transaction_ids=[1],
        staff_name=None,
        replayed=False,
    )


POINTS = [
    points(EntryType.POINTS_EARNED, 1),
    points(EntryType.POINTS_EARNED, 2),
    points(EntryType.POINTS_EARNED, 2, balance=1),
    points(EntryType.POINTS_EARNED, 2, balance=-1),
    points(EntryType.POINTS_EARNED, 2, balance=-2),
    points(EntryType.POINTS_EARNED, 2, duplicate=True),
    points(EntryType.POINTS_REDEEMED, -2),
    points(EntryType.POINTS_REDEEMED, -2, reward="A loaf"),
    points(EntryType.POINTS_VOIDED, -2),
    points(EntryType.POINTS_VOIDED, 2),
    points(EntryType.POINTS_ADJUSTED, 2),
    points(EntryType.POINTS_ADJUSTED, -2),
]
REFUNDS = [
    refund(1000, points=100),
    refund(1000, points=100, balance=-3),
    refund(1000, points=1, stamps=1),
    refund(1000, points=2, stamps=2),
    refund(1000),
    refund(None, stamps=2),
    refund(1000, points=100, currency="JPY"),
    refund(1000, points=100, currency="KWD"),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_given_any_points_result_when_worded_then_two_whole_sentences_that_differ(
    catalogue: Catalogue, language: str
) -> None:
    messages = [points_message(catalogue.translator(language), each) for each in POINTS]
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert message.count(". ") == 1
        assert message.endswith(".")
        assert not set("{}") & set(message)


@pytest.mark.parametrize("language", LANGUAGES)
def test_given_any_refund_when_worded_then_whole_sentences_that_differ(
    catalogue: Catalogue, language: str
) -> None:
    messages = [refund_message(catalogue.translator(language), each) for each in REFUNDS]
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert message.endswith(".")
        assert not set("{}") & set(message)


@pytest.mark.parametrize(
    ("language", "number", "expected"),
    [
        ("en", 0, "0 points"),
        ("en", 1, "1 point "),
        ("en", 1000, "1,000 points"),
        ("fr", 0, "0 point "),
        ("fr", 1, "1 point "),
        ("fr", 2, "2 points"),
        ("fr", 1000, "1\u202f000 points"),
        ("de", 0, "0 Punkte"),
        ("de", 1, "1 Punkt "),
        ("de", 1000, "1.000 Punkte"),
        ("lb", 0, "0 Punkten"),
        ("lb", 1, "1 Punkt "),
        ("lb", 1000, "1.000 Punkten"),
    ],
)
def test_c50_given_a_number_of_points_when_worded_then_the_form_of_the_language(
    catalogue: Catalogue, language: str, number: int, expected: str
) -> None:
    earned = points(EntryType.POINTS_EARNED, number)
    assert expected in points_message(catalogue.translator(language), earned)


@pytest.mark.parametrize(
    ("currency", "amount"), [("EUR", "€10.00"), ("JPY", "JP¥1,000"), ("KWD", "KWD1.000")]
)
def test_given_the_merchants_currency_when_a_refund_is_worded_then_in_its_decimals(
    catalogue: Catalogue, currency: str, amount: str
) -> None:
    message = refund_message(catalogue.translator("en"), refund(1000, points=1, currency=currency))
    assert message == f"Refund of {amount}. 1 point taken back."
