"""Which wallets this platform can offer: configured, and in order."""

from __future__ import annotations

from typing import TypedDict

from app.modules.loyalty.types import Provider
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.loyalty.wallets.google import setup as google_setup


class Available(TypedDict):
    """True where cards can be put into this wallet."""

    google: bool
    apple: bool


def available() -> Available:
    """What can be offered right now. A wrong configuration offers nothing and raises nothing.

    Cheap: files are read again only where they changed.
    """
    return Available(google=_is_in_order(Provider.GOOGLE), apple=_is_in_order(Provider.APPLE))


def providers() -> tuple[Provider, ...]:
    """The same as a list."""
    return tuple(provider for provider in Provider if _is_in_order(provider))


def _is_in_order(provider: Provider) -> bool:
    load = google_setup.load if provider is Provider.GOOGLE else apple_setup.load
    try:
        return load() is not None
    except SetupProblem:
        return False
