"""The two vendors as the drain sees them: what is read before the calls, and the calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.loyalty.models import WalletClass, WalletPass
from app.modules.loyalty.rules.notify_budget import may_ring
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.services import (
    apple_devices,
    google_wallet_service,
    wallet_designs,
)
from app.modules.loyalty.services.google_wallet_service import GoogleSender
from app.modules.loyalty.services.wallet_sync import Task, Vendor
from app.modules.loyalty.types import FaultKind, Outcome, PassDesign, PassRow, Provider
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.apple.apns import GoneToken, PushService
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from app.modules.loyalty.wallets.faults import SetupProblem, WalletFault

_WORKER: Final = "the worker serves all merchants"
_CLASSES_S: Final = 4.0
_GUARD = threading.Lock()
_KEPT: list[tuple[AppleSetup, PushService]] = []


def vendor_of(provider: Provider) -> Vendor | None:
    """The vendor as it is configured; None where it is not, or wrongly."""
    if provider is Provider.GOOGLE:
        sender = google_wallet_service.sender()
        return GoogleVendor(sender) if sender else None
    pushes = _pushes()
    return AppleVendor(pushes) if pushes else None


def _pushes() -> PushService | None:
    """One kept connection to Apple per process, until the certificate changes."""
    try:
        setup = apple_setup.load()
    except SetupProblem:
        return None
    with _GUARD:
        if _KEPT and _KEPT[0][0] is setup:
            return _KEPT[0][1]
        for _setup, pushes in _KEPT:
            pushes.close()
        _KEPT.clear()
        if setup is not None:
            _KEPT.append((setup, PushService(setup)))
        return _KEPT[0][1] if _KEPT else None


class GoogleVendor:
    """Google: every pass is an object that is sent; its class goes first."""

    provider = Provider.GOOGLE

    def __init__(self, sender: GoogleSender) -> None:
        self._sender = sender

    def prepare(
        self, db: Session, passes: Sequence[PassRow], views: dict[int, PassView], *, now: datetime
    ) -> list[Task]:
        """Bring the classes up to date, find the pictures, and decide who rings.

        Passes whose class has to wait for the next batch wait with it.
        """
        designs = {view.design.merchant_id: view.design for view in views.values()}
        classes, refused = self._classes(db, list(designs.values()), now=now)
        tasks: list[Task] = []
        for row in passes:
            view = views.get(row.id)
            if view is None:
                tasks.append(_refused(row, WalletFault(FaultKind.PARK, "card_gone")))
            elif row.merchant_id not in classes:
                tasks.append(lambda: None)
            elif (fault := classes[row.merchant_id]) is not None:
                tasks.append(_refused(row, fault, asked=row.merchant_id in refused))
                refused.discard(row.merchant_id)
            else:
                tasks.append(self._task(db, row, view, now=now))
        return tasks

    def after(self, db: Session) -> None:
        """Nothing: the answers say it all."""

    def _classes(
        self, db: Session, designs: Sequence[PassDesign], *, now: datetime
    ) -> tuple[dict[int, WalletFault | None], set[int]]:
        """What stands in the way of each merchant's passes, and whose class was refused just now.

        No more calls after one that failed, or after 4 seconds: nobody renews the lease here.
        """
        found: dict[int, WalletFault | None] = {}
        refused: set[int] = set()
        deadline, may_ask = time.monotonic() + _CLASSES_S, True
        for design in designs:
            merchant_id = design.merchant_id
            row = wallet_designs.class_of(db, self.provider, design, now=now)
            if row.parked_at is not None:
                detail = row.last_error_detail or ""
                found[merchant_id] = WalletFault(FaultKind.PARK, "class_refused", detail)
            elif row.is_inserted and row.synced_revision >= row.target_revision:
                found[merchant_id] = None
            elif may_ask:
                fault = found[merchant_id] = self._send_class(db, row, design, now=now)
                if fault is not None:
                    refused.add(merchant_id)
                may_ask = _is_no_outage(fault) and time.monotonic() < deadline
        return found, refused

    def _send_class(
        self, db: Session, row: WalletClass, design: PassDesign, *, now: datetime
    ) -> WalletFault | None:
        logo_url = google_wallet_service.logo_url(db, design, now=now)
        fault = None
        try:
            self._sender.send_class(design, logo_url=logo_url)
        except WalletFault as raised:
            fault = raised
        wallet_designs.settle_class(db, row, design, fault, now=now)
        return fault

    def _task(self, db: Session, row: PassRow, view: PassView, *, now: datetime) -> Task:
        hero_url = google_wallet_service.hero_url(db, view, now=now)
        logo_url = google_wallet_service.logo_url(db, view.design, now=now)
        rang_at = [datetime.fromisoformat(at).astimezone(UTC) for at in row.notified_at]
        ring = row.held and may_ring(row.shown, view.facts, rang_at=rang_at, now=now)
        return _call(
            row,
            lambda: self._sender.send_pass(view, hero_url=hero_url, ring=ring, logo_url=logo_url),
        )


class AppleVendor:
    """Apple: phones are told that something changed, and fetch the pass themselves."""

    provider = Provider.APPLE

    def __init__(self, pushes: PushService) -> None:
        self._pushes = pushes
        self._gone: list[tuple[str, datetime | None]] = []

    def prepare(
        self, db: Session, passes: Sequence[PassRow], views: dict[int, PassView], *, now: datetime
    ) -> list[Task]:
        """Give the passes a tag above all others, so that a phone that asks is told of them."""
        for design in {view.design.merchant_id: view.design for view in views.values()}.values():
            row = wallet_designs.class_of(db, self.provider, design, now=now)
            if row.synced_revision < row.target_revision:
                wallet_designs.settle_class(db, row, design, None, now=now)
        self._tag(db, passes)
        tokens = apple_devices.push_tokens(db, [row.id for row in passes])
        once = _Once(self._push)
        return [self._task(row, sorted(tokens.get(row.id, ())), once) for row in passes]

    def after(self, db: Session) -> None:
        """Forget the phones that are gone."""
        gone, self._gone = self._gone, []
        for token, since in gone:
            apple_devices.forget_token(db, token, unregistered_at=since)

    def _tag(self, db: Session, passes: Sequence[PassRow]) -> None:
        highest = select(func.max(WalletPass.tag)).where(WalletPass.provider == self.provider.value)
        with atomic(db):
            newest = db.execute(highest.execution_options(tenant_exempt=_WORKER)).scalar_one() or 0
            db.execute(
                update(WalletPass)
                .where(
                    WalletPass.merchant_id.in_({row.merchant_id for row in passes}),
                    WalletPass.id.in_([row.id for row in passes]),
                )
                .values(tag=newest + 1)
                .execution_options(synchronize_session=False)
            )

    def _task(self, row: PassRow, tokens: Sequence[str], once: _Once) -> Task:
        if not tokens:  # nobody to tell, so this says nothing about how Apple is doing
            return lambda: Outcome(row.id, asked=False)

        def push_all() -> bool:
            for token in tokens:
                once(token)
            return True

        return _call(row, push_all)

    def _push(self, token: str) -> None:
        try:
            self._pushes.push(token)
        except GoneToken as gone:
            self._gone.append((token, gone.timestamp))


class _Once:
    """One push for a token in a batch, however many of its passes changed; all get its result."""

    def __init__(self, push: Callable[[str], None]) -> None:
        self._push = push
        self._guard = threading.Lock()
        self._results: dict[str, Future[None]] = {}

    def __call__(self, token: str) -> None:
        with self._guard:
            is_first = token not in self._results
            result = self._results.setdefault(token, Future())
        if is_first:
            try:
                self._push(token)
            except WalletFault as fault:
                result.set_exception(fault)
            else:
                result.set_result(None)
            finally:
                if not result.done():  # a bug of ours is raised here; others wait all the same
                    result.set_exception(WalletFault(FaultKind.TRANSIENT, "internal_error"))
        result.result()


def _is_no_outage(fault: WalletFault | None) -> bool:
    return fault is None or fault.kind is FaultKind.PARK


def _refused(row: PassRow, fault: WalletFault, *, asked: bool = False) -> Task:
    outcome = replace(_outcome(row, fault), asked=asked)
    return lambda: outcome


def _call(row: PassRow, send: Callable[[], bool]) -> Task:
    def task() -> Outcome:
        try:
            return Outcome(row.id, rang=send())
        except WalletFault as fault:
            return _outcome(row, fault)

    return task


def _outcome(row: PassRow, fault: WalletFault) -> Outcome:
    return Outcome(
        row.id, fault.kind, fault.reason, fault.detail, retry_after_s=fault.retry_after_s
    )
