"""References of orders: what they look like, and when one is demanded."""

from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.modules.loyalty.errors import OrderReferenceRequired
from app.modules.loyalty.rules.orders import check_reference, clean_reference
from tests.modules.loyalty.rules.states import card


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("ORD-1", "ORD-1"),
        ("  ORD 1\t", "ORD 1"),
        ("ord-1", "ord-1"),
        ("x" * 64, "x" * 64),
        (" " + "x" * 64 + " ", "x" * 64),
        ("Bestellung № 7 é", "Bestellung № 7 é"),
    ],
)
def test_given_a_reference_when_cleaned_then_trimmed_and_otherwise_as_it_is(
    text: str, reference: str
) -> None:
    assert clean_reference(text) == reference


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "reference_format"),
        (" \t ", "reference_format"),
        ("a\nb", "reference_format"),
        ("a\x00b", "reference_format"),
        ("a\u202eb", "reference_format"),
        ("x" * 65, "string_too_long"),
    ],
)
def test_given_no_real_reference_when_cleaned_then_the_field_is_named(text: str, code: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        clean_reference(text, field="refund_reference")
    [fault] = refused.value.errors
    assert (fault.loc, fault.code) == (("refund_reference",), code)


def test_given_a_merchant_who_demands_references_when_one_is_missing_then_refused() -> None:
    check_reference(card(), None)
    check_reference(card(require_order_reference=True), "ORD-1")
    with pytest.raises(OrderReferenceRequired):
        check_reference(card(require_order_reference=True), None)
