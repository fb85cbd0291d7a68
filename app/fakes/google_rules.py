"""What Google Wallet refuses in a class or an object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

Resource = dict[str, Any]

REQUIRED: Final = {
    "LoyaltyClass": ("id", "issuerName", "programName", "programLogo", "reviewStatus"),
    "LoyaltyObject": ("id", "classId", "state"),
}
_ID: Final = re.compile(r"[0-9]+\.[A-Za-z0-9._-]+")
_COLOR: Final = re.compile(r"#([0-9A-Fa-f]{3}){1,2}")
_BALANCES: Final = ("string", "int", "double", "money")
_STATES: Final = ("ACTIVE", "COMPLETED", "EXPIRED", "INACTIVE")
_MOST_MODULES: Final = 10


class Refused(Exception):
    """An answer with Google's own `reason`, such as `invalidResource`."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message


def merge(into: Resource, patch: Resource) -> Resource:
    """A PATCH: objects are merged, null removes, arrays are replaced whole (RFC 7396)."""
    merged = dict(into)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            below = merged.get(key)
            merged[key] = merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def check(kind: str, resource: Resource, *, allow_http: bool, allow_locations: bool) -> None:
    """Look at a whole resource as it would be kept.

    Raises:
        Refused.
    """
    for name in REQUIRED[kind]:
        if not resource.get(name):
            raise _invalid(f"{name} is required")
    if not _ID.fullmatch(resource["id"]):
        raise _invalid("Invalid resource ID")
    _check_addresses(resource, allow_http=allow_http)
    _check_balances(resource)
    if len(resource.get("textModulesData", [])) > _MOST_MODULES:
        raise _invalid("Too many text modules")
    if resource.get("merchantLocations") and not allow_locations:
        raise _invalid("Issuer not allowlisted for Merchant Locations")
    if not _COLOR.fullmatch(resource.get("hexBackgroundColor", "#000")):
        raise _invalid("hexBackgroundColor is not a colour")
    if resource.get("state", "ACTIVE") not in _STATES:
        raise _invalid("Unknown state")


def check_review(old: str | None, sent: str | None) -> str:
    """The review status that results; what is under review is approved at once.

    Raises:
        Refused: APPROVED was sent back, or DRAFT after a review, or a change without a review.
    """
    if sent == "UNDER_REVIEW":
        return "APPROVED"
    if sent == "DRAFT" and old in (None, "DRAFT"):
        return "DRAFT"
    raise _invalid(f"Invalid review status {sent}")


def _check_addresses(resource: Resource, *, allow_http: bool) -> None:
    for url, must_be_https in _addresses(resource):
        scheme = urlsplit(url).scheme
        if not scheme or (must_be_https and scheme != "https" and not allow_http):
            raise _invalid(f"Image cannot be loaded. {url}")


def _check_balances(resource: Resource) -> None:
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        balance = resource.get(name, {}).get("balance", {"int": 0})
        if len([kind for kind in _BALANCES if kind in balance]) != 1:
            raise _invalid(f"Only one balance type may be set in {name}")


def _invalid(message: str) -> Refused:
    return Refused(400, "invalidResource", message)


def _addresses(value: Any, *, is_image: bool = False) -> Iterator[tuple[str, bool]]:
    """All addresses in a resource, and whether Google fetches or calls them itself."""
    if isinstance(value, list):
        for item in value:
            yield from _addresses(item)
    elif isinstance(value, dict):
        for key, below in value.items():
            if key in ("uri", "url") and isinstance(below, str):
                yield below, is_image or key == "url"
            else:
                yield from _addresses(below, is_image=key == "sourceUri")
