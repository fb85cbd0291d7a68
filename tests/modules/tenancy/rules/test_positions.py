"""Where on Earth a store stands."""

from __future__ import annotations

import pytest

from app.core.errors import ValidationFailed
from app.modules.tenancy.rules.positions import check_position


@pytest.mark.parametrize("at", [(None, None), (0, 0), (-90_000_000, 180_000_000)])
def test_given_a_place_on_earth_or_none_when_checked_then_it_stays(
    at: tuple[int | None, int | None],
) -> None:
    check_position(*at)


@pytest.mark.parametrize(
    ("at", "field"),
    [
        ((90_000_001, 0), "latitude_e6"),
        ((0, -180_000_001), "longitude_e6"),
        ((None, 5), "latitude_e6"),
        ((5, None), "latitude_e6"),
    ],
)
def test_given_half_a_place_or_none_on_earth_when_checked_then_it_is_refused(
    at: tuple[int | None, int | None], field: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        check_position(*at)
    assert [(error.loc[-1], error.code) for error in caught.value.errors] == [
        (field, "position_invalid")
    ]
