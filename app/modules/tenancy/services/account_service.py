"""What somebody who is signed in may know of themselves."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.modules.tenancy.models import Store, User
from app.modules.tenancy.services import store_service
from app.modules.tenancy.types import (
    AccountView,
    BusinessView,
    PersonView,
    PlaceView,
    Principal,
)


def account_of(db: Session, *, principal: Principal) -> AccountView:
    """Who is signed in, where, and as what.

    `stores` are those the caller may work in; `store` is the one that requests are about when
    they name none, or None where they have to.
    """
    stores = _stores(db, principal)
    return AccountView(
        kind=principal.kind.value,
        role=principal.role.value if principal.role else None,
        user=_person(db, principal.user_id) if principal.user_id else None,
        merchant=_business(db, principal.merchant_id) if principal.merchant_id else None,
        store=_usual(stores, principal),
        stores=stores,
        scopes=sorted(scope.value for scope in principal.scopes),
        terminal_id=principal.terminal_id,
    )


def _stores(db: Session, principal: Principal) -> list[PlaceView]:
    if principal.merchant_id is None or principal.customer_id is not None:
        return []
    stores = store_service.list_stores(db, merchant_id=principal.merchant_id)
    return [_place(store) for store in stores if principal.store_id in (None, store.id)]


def _usual(stores: list[PlaceView], principal: Principal) -> PlaceView | None:
    if len(stores) == 1:
        return stores[0]
    return next((store for store in stores if store["id"] == principal.terminal_store_id), None)


def _person(db: Session, user_id: int) -> PersonView:
    user = db.execute(select(User).where(User.id == user_id)).scalar_one()
    return PersonView(id=user.id, name=user.name, email=user.email, locale=user.locale)


def _business(db: Session, merchant_id: int) -> BusinessView:
    merchant = store_service.get_merchant(db, merchant_id=merchant_id)
    return BusinessView(
        id=merchant.id, name=merchant.name, status=merchant.status, currency=merchant.currency
    )


def _place(store: Store) -> PlaceView:
    return PlaceView(id=store.id, code=store.code, name=store.name, timezone=store.timezone)
