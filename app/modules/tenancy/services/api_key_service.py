"""API keys: what a till or another program of a merchant signs its requests with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic
from app.core.errors import FieldError, ValidationFailed
from app.core.security import hash_token, new_token
from app.modules.tenancy.errors import ApiKeyNotFound
from app.modules.tenancy.models import AccessToken
from app.modules.tenancy.rules.places import check_name
from app.modules.tenancy.services import audit_service, principal_service, store_service
from app.modules.tenancy.types import ApiKeyView, CreatedApiKey, Principal, PrincipalKind, Scope


def create_api_key(
    db: Session,
    *,
    merchant_id: int,
    name: str,
    scopes: Iterable[Scope | str] = tuple(Scope),
    store_id: int | None = None,
    pin_exempt: bool = False,
    created_by: Principal | None = None,
    now: datetime | None = None,
) -> CreatedApiKey:
    """Make a key for one store, or for all with `store_id` None. Its secret is shown this once.

    A `pin_exempt` key does counter operations without a staff PIN.

    Raises:
        ValidationFailed: name, or a scope that does not exist, or none.
        MerchantNotFound, StoreNotFound.
    """
    granted = _checked(scopes)
    label = check_name(name)
    store_service.get_merchant(db, merchant_id=merchant_id)
    if store_id is not None:
        store_service.get_store(db, merchant_id=merchant_id, store_id=store_id)
    now, token = now or utc_now(), new_token()
    key = AccessToken(
        token_hash=hash_token(token),
        kind=PrincipalKind.API_KEY.value,
        merchant_id=merchant_id,
        store_id=store_id,
        name=label,
        scopes=" ".join(granted),
        pin_exempt=pin_exempt,
        created_at=now,
        last_seen_at=now,
    )
    with atomic(db):
        db.add(key)
        db.flush()
        facts = {"name": label, "scopes": granted, "store_id": store_id, "pin_exempt": pin_exempt}
        _record(db, merchant_id, "api_key_created", key.id, created_by, new=facts, now=now)
    return CreatedApiKey(id=key.id, token=token)


def list_api_keys(db: Session, *, merchant_id: int) -> list[ApiKeyView]:
    """All keys of a merchant, the newest first, revoked ones included."""
    wanted = select(AccessToken).where(
        AccessToken.merchant_id == merchant_id, AccessToken.kind == PrincipalKind.API_KEY.value
    )
    return [
        ApiKeyView(
            id=key.id,
            name=key.name,
            store_id=key.store_id,
            scopes=key.scopes.split(),
            pin_exempt=key.pin_exempt,
            created_at=key.created_at,
            last_seen_at=key.last_seen_at,
            revoked_at=key.revoked_at,
        )
        for key in db.execute(wanted.order_by(AccessToken.id.desc())).scalars()
    ]


def revoke_api_key(
    db: Session,
    *,
    merchant_id: int,
    api_key_id: int,
    revoked_by: Principal | None = None,
    now: datetime | None = None,
) -> None:
    """End a key: at once in this process, within 5 seconds in others.

    Raises:
        ApiKeyNotFound: no such key of this merchant, or it has ended already.
    """
    now = now or utc_now()
    with atomic(db):
        ended = db.execute(
            update(AccessToken)
            .where(
                AccessToken.merchant_id == merchant_id,
                AccessToken.id == api_key_id,
                AccessToken.kind == PrincipalKind.API_KEY.value,
                AccessToken.revoked_at.is_(None),
            )
            .values(revoked_at=now)
            .returning(AccessToken.id)
        ).one_or_none()
        if ended is None:
            raise ApiKeyNotFound
        _record(db, merchant_id, "api_key_revoked", api_key_id, revoked_by, new=None, now=now)
    principal_service.forget_principals(db)


def _checked(scopes: Iterable[Scope | str]) -> list[str]:
    known = set(Scope)
    granted = sorted({str(scope) for scope in scopes})
    if not granted or any(scope not in known for scope in granted):
        raise ValidationFailed(FieldError(("scopes",), "enum"))
    return granted


def _record(
    db: Session,
    merchant_id: int,
    action: str,
    key_id: int,
    by: Principal | None,
    *,
    new: dict[str, Any] | None,
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=merchant_id,
        action=action,
        subject=f"api_key:{key_id}",
        actor_kind=by.kind.value if by else "service",
        actor_id=by.actor_id if by else None,
        new=new,
        now=now,
    )
