from __future__ import annotations

from datetime import timedelta

import pytest

from app.modules.loyalty.rules.expiry import points_expire_on
from app.modules.loyalty.rules.program_change import earns, expiry_starts_anew, first_day_hit
from app.modules.loyalty.types import LoyaltyType, Unit
from tests.modules.loyalty.rules.states import NOON, TODAY, card


@pytest.mark.parametrize(
    ("loyalty_type", "units"),
    [("stamps", {Unit.STAMPS}), ("points", {Unit.POINTS}), ("hybrid", set(Unit))],
)
def test_given_a_type_when_switched_on_or_off_then_its_units_are_collected_or_none(
    loyalty_type: str, units: set[Unit]
) -> None:
    assert earns(LoyaltyType(loyalty_type), is_active=True) == units
    assert earns(LoyaltyType(loyalty_type), is_active=False) == set()


@pytest.mark.parametrize(
    ("before", "after", "is_sooner"),
    [
        (None, None, False), (None, 365, True), (365, None, False), (365, 365, False),
        (365, 364, True), (365, 366, False),
    ],
)  # fmt: skip
def test_given_the_days_until_points_run_out_when_set_or_shortened_then_they_count_anew(
    before: int | None, after: int | None, is_sooner: bool
) -> None:
    assert expiry_starts_anew(before=before, after=after) is is_sooner


@pytest.mark.parametrize(("ago", "is_hit"), [(274, True), (275, False), (276, False)])
def test_given_a_shorter_expiry_when_compared_by_the_last_use_then_the_border_is_exact(
    ago: int, is_hit: bool
) -> None:
    used = NOON - timedelta(days=ago)
    old = card(points_balance=1, points_expiration_days=365, created_at=used)
    new = card(
        points_balance=1, points_expiration_days=90, created_at=used, points_expiry_since=NOON
    )
    old_on, new_on = points_expire_on(old), points_expire_on(new)
    assert old_on is not None
    assert new_on is not None
    assert (new_on < old_on) is is_hit
    assert (used.date() >= first_day_hit(TODAY, before=365, after=90)) is is_hit
