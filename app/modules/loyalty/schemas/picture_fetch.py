"""What becomes of a picture that is to be fetched from another site."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from app.modules.loyalty.schemas.fields import Reply

FETCH_EXAMPLE: Final[dict[str, Any]] = {
    "url": "https://shop.example/hero.jpg",
    "state": "failed",
    "reason": "too_large",
    "message": "The picture at this address is larger than 1 MB.",
}


class PictureFetch(Reply):
    """A picture that is to be fetched from an address, or could not be."""

    url: str
    state: Literal["pending", "failed"]
    reason: str | None = Field(description="Why it failed, in one word that stays the same.")
    message: str | None = Field(description="The same as a sentence, by Accept-Language.")
