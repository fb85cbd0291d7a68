"""Devices at the counter: known again, moved, revoked, not for free."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import Forbidden, RateLimited
from app.modules.tenancy.errors import StoreNotFound, TerminalNotFound
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import principal_service, store_service, terminal_service
from app.modules.tenancy.services.auth_service import sign_in
from app.modules.tenancy.types import (
    OpenedTerminal,
    Principal,
    PrincipalKind,
    SignedIn,
    StoreContext,
)
from tests.factories import NOW, PASSWORD, Shop, make_shop, make_store, make_user


@pytest.fixture
def shop(db: Session) -> Shop:
    return make_shop(db)


@pytest.fixture
def cashier(db: Session, shop: Shop) -> SignedIn:
    user = make_user(db, merchant_id=shop.merchant_id, role="cashier")
    return sign_in(db, email=user.email, password=PASSWORD, now=NOW)


def place(db: Session, store_id: int, merchant_id: int) -> StoreContext:
    return store_service.find_store(db, merchant_id=merchant_id, store_id=store_id, now=NOW)


def opened(
    db: Session,
    shop: Shop,
    principal: Principal,
    token: str | None = None,
    *,
    store_id: int | None = None,
    now: datetime = NOW,
) -> OpenedTerminal:
    store = place(db, store_id or shop.store.id, shop.merchant_id)
    return at(db, store, principal, token, now=now)


def at(
    db: Session,
    store: StoreContext,
    principal: Principal,
    token: str | None = None,
    *,
    now: datetime = NOW,
) -> OpenedTerminal:
    return terminal_service.open_terminal(
        db, principal=principal, store=store, terminal_token=token, now=now
    )


def asked_with(db: Session, user: SignedIn, device: OpenedTerminal) -> Principal | None:
    """Who the user is on this device."""
    return principal_service.principal_of(
        db, token=user.token, terminal_token=device.token, now=NOW
    )


def test_given_a_new_device_when_opened_then_it_is_named_after_the_store(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    first = opened(db, shop, cashier.principal)
    second = opened(db, shop, cashier.principal)
    assert (first.name, second.name) == (f"{shop.store.name} 1", f"{shop.store.name} 2")
    assert None not in (first.token, second.token)
    assert first.token != second.token
    listed = terminal_service.list_terminals(db, merchant_id=shop.merchant_id)
    assert {view["id"] for view in listed} == {first.terminal_id, second.terminal_id}
    assert str(first.token) not in repr(listed)


def test_given_a_known_device_when_somebody_else_signs_in_then_it_is_the_same_terminal(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    first = opened(db, shop, cashier.principal)
    owner = replace(cashier.principal, user_id=cashier.principal.user_id)
    again = opened(db, shop, owner, first.token, now=NOW + timedelta(minutes=1))
    assert again == OpenedTerminal(first.terminal_id, shop.store.id, first.name, token=None)
    terminal = terminal_service.get_terminal(
        db, merchant_id=shop.merchant_id, terminal_id=first.terminal_id
    )
    assert len(terminal_service.list_terminals(db, merchant_id=shop.merchant_id)) == 1
    assert terminal.last_seen_at == NOW + timedelta(minutes=1)


def test_given_a_known_device_when_opened_in_another_store_then_it_moves_at_once(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    first = opened(db, shop, cashier.principal)
    asked_with(db, cashier, first)
    other = make_store(db, merchant_id=shop.merchant_id)
    moved = opened(db, shop, cashier.principal, first.token, store_id=other.id)
    assert (moved.terminal_id, moved.store_id) == (first.terminal_id, other.id)
    principal = asked_with(db, cashier, first)
    assert principal is not None
    assert principal.terminal_store_id == other.id
    actions = db.execute(
        select(AuditEntry.action)
        .where(AuditEntry.merchant_id == shop.merchant_id)
        .order_by(AuditEntry.id)
    ).scalars()
    assert list(actions) == ["signed_in", "terminal_opened", "terminal_moved"]


def test_given_a_revoked_device_when_opened_again_then_it_is_a_new_one(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    first = opened(db, shop, cashier.principal)
    known = asked_with(db, cashier, first)
    terminal_service.revoke_terminal(
        db, merchant_id=shop.merchant_id, terminal_id=first.terminal_id, now=NOW
    )
    after = asked_with(db, cashier, first)
    assert (known and known.terminal_id, after and after.terminal_id) == (first.terminal_id, None)
    again = opened(db, shop, cashier.principal, first.token)
    assert again.terminal_id != first.terminal_id
    assert again.token is not None
    with pytest.raises(TerminalNotFound):
        terminal_service.get_terminal(
            db, merchant_id=shop.merchant_id, terminal_id=first.terminal_id
        )


def test_given_another_merchants_device_when_opened_or_revoked_then_it_is_unknown(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    first = opened(db, shop, cashier.principal)
    theirs = make_shop(db)
    stranger = replace(cashier.principal, merchant_id=theirs.merchant_id)
    assert opened(db, theirs, stranger, first.token).terminal_id != first.terminal_id
    for refused in (terminal_service.get_terminal, terminal_service.revoke_terminal):
        with pytest.raises(TerminalNotFound):
            refused(db, merchant_id=theirs.merchant_id, terminal_id=first.terminal_id)
    assert len(terminal_service.list_terminals(db, merchant_id=shop.merchant_id)) == 1


def test_given_a_bound_cashier_when_a_device_is_opened_elsewhere_then_it_is_refused(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    other = make_store(db, merchant_id=shop.merchant_id)
    bound = replace(cashier.principal, store_id=other.id)
    with pytest.raises(StoreNotFound):
        opened(db, shop, bound)
    with pytest.raises(StoreNotFound):
        opened(db, make_shop(db), cashier.principal)
    assert terminal_service.list_terminals(db, merchant_id=shop.merchant_id) == []


@pytest.mark.parametrize("kind", ["admin", "api_key", "customer"])
def test_given_no_user_of_a_merchant_when_a_device_is_opened_then_it_is_refused(
    db: Session, shop: Shop, cashier: SignedIn, kind: str
) -> None:
    with pytest.raises(Forbidden):
        opened(db, shop, replace(cashier.principal, kind=PrincipalKind(kind)))


def test_given_20_new_devices_in_an_hour_when_one_more_comes_then_it_waits(
    db: Session, shop: Shop, cashier: SignedIn
) -> None:
    store = place(db, shop.store.id, shop.merchant_id)
    for minute in range(20):
        at(db, store, cashier.principal, now=NOW + timedelta(minutes=minute))
    almost = NOW + timedelta(hours=1, seconds=-30)
    with pytest.raises(RateLimited) as refusal:
        at(db, store, cashier.principal, now=almost)
    assert refusal.value.params == {"retry_after_seconds": 30}
    assert at(db, store, cashier.principal, now=NOW + timedelta(hours=1)).token is not None
    listed = terminal_service.list_terminals(db, merchant_id=store.merchant_id)
    assert len(listed) == 21
