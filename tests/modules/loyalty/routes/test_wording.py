"""What an operation did, in words: every type, every language, no unfilled place."""

from __future__ import annotations

import pytest

from app.core.config import load_settings
from app.core.i18n import Catalogue
from app.core.web.setup import load_catalogue
from app.main import MODULES
from app.modules.loyalty.routes.wording import stamp_message
from app.modules.loyalty.types import EntryType, StampResult


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(load_settings(), MODULES)


def result(
    entry_type: EntryType,
    quantity: int,
    *,
    ready: int = 0,
    reward: str = "",
    duplicate: bool = False,
) -> StampResult:
    return StampResult(
        transaction_id=1,
        type=entry_type.value,
        quantity=quantity,
        card_id=1,
        card_number="480912345678",
        stamp_count=3,
        stamps_target=10,
        stamps_until_reward=7,
        rewards_available=ready,
        reward_earned=False,
        reward_description=reward,
        total_stamps_earned=3,
        next_stamp_available_at=None,
        stamps_remaining_today=1,
        points_balance=0,
        duplicate=duplicate,
        customer_name="Anna S.",
        staff_name=None,
        replayed=False,
    )


RESULTS = [
    result(EntryType.STAMP_EARNED, 1),
    result(EntryType.STAMP_EARNED, 2, ready=1, reward="A coffee"),
    result(EntryType.STAMP_EARNED, 2, ready=1),
    result(EntryType.STAMP_REDEEMED, -10, reward="A coffee"),
    result(EntryType.STAMP_REDEEMED, -10, ready=1),
    result(EntryType.STAMP_VOIDED, -1),
    result(EntryType.STAMP_VOIDED, 10, ready=1, reward="A coffee"),
    result(EntryType.STAMPS_ADJUSTED, 3),
    result(EntryType.STAMPS_ADJUSTED, -1),
    result(EntryType.STAMP_EARNED, 1, duplicate=True),
]


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb"])
def test_given_any_result_when_worded_then_two_whole_sentences_that_differ(
    catalogue: Catalogue, language: str
) -> None:
    messages = [stamp_message(catalogue.translator(language), each) for each in RESULTS]
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert message.count(". ") >= 1
        assert message.endswith(".")
        assert not set("{}") & set(message)


def test_given_a_reward_called_like_a_place_when_worded_then_it_stays_as_it_is(
    catalogue: Catalogue,
) -> None:
    given = result(EntryType.STAMP_REDEEMED, -10, reward="{stamps} %s <b>")
    message = stamp_message(catalogue.translator("en"), given)
    assert message.startswith("Reward given: {stamps} %s <b>.")
