"""How this platform is set up at the wallets' vendors: in order, or what is wrong."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import read_connection
from app.modules.loyalty.models import WalletVendor
from app.modules.loyalty.types import Provider
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.faults import SetupProblem
from app.modules.loyalty.wallets.google import setup as google_setup


class Fault(TypedDict):
    """What is wrong: a stable word, and what fills its text (`loyalty.wallet.setup.<cause>`)."""

    cause: str
    params: dict[str, str]


class SetupReport(TypedDict):
    """One vendor's set-up. A `problem` stops everything there, `warnings` stop nothing.

    `account` is Google's issuer or Apple's pass type. Only Apple has a certificate.
    """

    is_configured: bool
    problem: Fault | None
    warnings: list[Fault]
    account: str | None
    certificate_days_left: int | None


def setup_of(provider: Provider, *, now: datetime | None = None) -> SetupReport:
    """What the settings and their files amount to. No network."""
    try:
        return _google() if provider is Provider.GOOGLE else _apple(now or clock.utc_now())
    except SetupProblem as problem:
        return _report(is_configured=True, problem=_fault(problem))


def in_a_word(db: Session, now: datetime) -> dict[str, str]:
    """How each wallet is doing: `off`, `ok`, `wrong` (its set-up), or `paused` (the vendor)."""
    with read_connection(db) as connection:
        pauses = connection.execute(
            select(WalletVendor.provider).where(WalletVendor.paused_until > now)
        ).scalars()
        paused = set(pauses)
    return {f"{one}_wallet": _word(one, one.value in paused, now=now) for one in Provider}


def _word(provider: Provider, is_paused: bool, *, now: datetime) -> str:
    report = setup_of(provider, now=now)
    if not report["is_configured"]:
        return "off"
    return "wrong" if report["problem"] else "paused" if is_paused else "ok"


def _google() -> SetupReport:
    setup = google_setup.load()
    return _report(is_configured=setup is not None, account=setup.issuer_id if setup else None)


def _apple(now: datetime) -> SetupReport:
    setup = apple_setup.load(now=now)
    if setup is None:
        return _report(is_configured=False)
    return _report(
        is_configured=True,
        account=setup.pass_type_id,
        warnings=[_fault(warning) for warning in setup.warnings],
        days_left=setup.days_left,
    )


def _report(
    *,
    is_configured: bool,
    problem: Fault | None = None,
    account: str | None = None,
    warnings: list[Fault] | None = None,
    days_left: int | None = None,
) -> SetupReport:
    return SetupReport(
        is_configured=is_configured,
        problem=problem,
        warnings=warnings or [],
        account=account,
        certificate_days_left=days_left,
    )


def _fault(problem: SetupProblem) -> Fault:
    return Fault(cause=problem.cause, params=problem.params)
