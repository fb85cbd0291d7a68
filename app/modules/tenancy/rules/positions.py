"""Where on Earth a store stands."""

from __future__ import annotations

from typing import Final

from app.core.errors import FieldError, ValidationFailed

_MOST_LATITUDE_E6: Final = 90_000_000
_MOST_LONGITUDE_E6: Final = 180_000_000


def check_position(latitude_e6: int | None, longitude_e6: int | None) -> None:
    """Latitude and longitude in millionths of a degree (WGS 84): both, or neither.

    Raises:
        ValidationFailed: with the field that is missing or not on Earth.
    """
    for field, value, other, most in (
        ("latitude_e6", latitude_e6, longitude_e6, _MOST_LATITUDE_E6),
        ("longitude_e6", longitude_e6, latitude_e6, _MOST_LONGITUDE_E6),
    ):
        if (value is None) != (other is None) or abs(value or 0) > most:
            raise ValidationFailed(FieldError((field,), "position_invalid"))
