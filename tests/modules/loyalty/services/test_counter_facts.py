"""What the terminal's page is told of the rules."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.services.counter_facts import counter_facts
from tests import factories


@pytest.mark.parametrize(
    ("policy", "program_asks", "expected"),
    [
        (None, True, True),
        (None, False, False),
        ("optional", True, True),
        ("optional", False, False),
        ("required", True, True),
        ("required", False, True),
        ("disabled", True, False),
        ("disabled", False, False),
    ],
)
def test_given_the_platforms_word_when_a_till_asks_then_it_stands_above_the_program(
    db: Session, policy: str | None, program_asks: bool, expected: bool
) -> None:
    # given
    shop = factories.make_shop(db, require_staff_pin=program_asks)
    if policy is not None:
        factories.make_settings(db, merchant_id=shop.merchant_id, staff_pin_policy=policy)
    # when and then
    assert counter_facts(db, merchant_id=shop.merchant_id)["asks_for_pin"] is expected


def test_given_a_hybrid_shop_in_yen_when_a_till_asks_then_it_hears_all_it_needs(
    db: Session,
) -> None:
    # given
    merchant = factories.make_merchant(db, currency="JPY")
    shop = factories.make_shop(
        db, merchant, loyalty_type="hybrid", points_per_euro=3, minimum_purchase_cents=500
    )
    factories.make_settings(db, merchant_id=shop.merchant_id, require_order_reference=True)
    # when and then
    assert counter_facts(db, merchant_id=shop.merchant_id) == {
        "has_stamps": True,
        "has_points": True,
        "asks_for_pin": True,
        "requires_order_reference": True,
        "max_stamps_per_operation": 5,
        "points_per_euro": 3,
        "minimum_purchase_cents": 500,
        "currency": "JPY",
        "exponent": 0,
    }


@pytest.mark.parametrize(
    ("loyalty_type", "expected"), [("stamps", (True, False)), ("points", (False, True))]
)
def test_given_one_unit_when_a_till_asks_then_the_other_is_not_offered(
    db: Session, loyalty_type: str, expected: tuple[bool, bool]
) -> None:
    shop = factories.make_shop(db, loyalty_type=loyalty_type)
    facts = counter_facts(db, merchant_id=shop.merchant_id)
    assert (facts["has_stamps"], facts["has_points"]) == expected
    assert facts["requires_order_reference"] is False


def test_given_no_program_when_a_till_asks_then_it_is_refused(db: Session) -> None:
    merchant = factories.make_merchant(db)
    with pytest.raises(ProgramNotFound):
        counter_facts(db, merchant_id=merchant.id)
