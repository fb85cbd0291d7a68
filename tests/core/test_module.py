import pytest

from app.core.module import Module, in_order

TENANCY = Module("tenancy")
CUSTOMERS = Module("customers", depends_on=("tenancy",))
LOYALTY = Module("loyalty", depends_on=("customers", "tenancy"))


def test_given_modules_in_any_order_when_sorted_then_each_follows_what_it_depends_on() -> None:
    assert in_order((LOYALTY, CUSTOMERS, TENANCY)) == (TENANCY, CUSTOMERS, LOYALTY)


def test_given_a_missing_module_when_sorted_then_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="customers, loyalty"):
        in_order((CUSTOMERS, LOYALTY))


def test_given_a_circle_when_sorted_then_it_is_an_error() -> None:
    with pytest.raises(ValueError, match="unmet"):
        in_order((Module("a", depends_on=("b",)), Module("b", depends_on=("a",))))
