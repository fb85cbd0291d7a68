"""Signing in and out: how tokens come and go. What they mean: `principal_service`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, read_connection
from app.core.errors import Unauthenticated, ValidationFailed
from app.core.security import hash_password, hash_token, needs_rehash, new_token, verify_password
from app.modules.tenancy.models import AccessToken, Membership, User
from app.modules.tenancy.rules.accounts import normalise_account_email
from app.modules.tenancy.rules.session_life import CUSTOMER_LIFE, SESSION_LIFE
from app.modules.tenancy.services import audit_service, principal_service
from app.modules.tenancy.types import PrincipalKind, SignedIn


def sign_in(
    db: Session,
    *,
    email: str,
    password: str,
    merchant_id: int | None = None,
    replaces: str | None = None,
    ip_address: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> SignedIn:
    """Open a session with a new token; `replaces`, the token this device had before, ends.

    Somebody who works for several merchants signs in at `merchant_id`, else at the first.

    Raises:
        Unauthenticated: unknown address, wrong password, a closed account, or nothing to do
            here: always the same answer, after the same time.
    """
    now = now or utc_now()
    user = _user(db, email)
    stored = user.password_hash if user else None
    if not verify_password(stored, password) or user is None or not user.is_active:
        raise Unauthenticated
    place = _place(db, user, merchant_id)
    better_hash = hash_password(password) if needs_rehash(user.password_hash) else None
    token = new_token()
    with atomic(db):
        if replaces:
            _revoke(db, replaces, now=now)
        if better_hash:
            db.execute(update(User).where(User.id == user.id).values(password_hash=better_hash))
        db.execute(insert(AccessToken).values(**_session(token, user.id, place, now=now)))
        audit_service.record(
            db,
            merchant_id=place,
            action="signed_in",
            subject=f"user:{user.id}",
            actor_kind=(PrincipalKind.ADMIN if place is None else PrincipalKind.USER).value,
            actor_id=user.id,
            ip_address=ip_address,
            request_id=request_id,
            now=now,
        )
    if replaces:
        principal_service.forget_principal(db, token=replaces)
    principal = principal_service.principal_of(db, token=token, now=now)
    if principal is None:  # the account was closed a moment ago
        raise Unauthenticated
    return SignedIn(token, principal)


def sign_out(db: Session, *, token: str, now: datetime | None = None) -> None:
    """End a session or a customer's device; unknown and ended tokens are no fault.

    API keys go on: they end by `api_key_service.revoke_api_key` only.
    """
    with atomic(db):
        _revoke(db, token, now=now or utc_now())
    principal_service.forget_principal(db, token=token)


def issue_customer_token(
    db: Session, *, merchant_id: int, customer_id: int, now: datetime | None = None
) -> str:
    """A token that keeps a customer's device signed in for 365 days, for its cookie.

    Joins the caller's transaction, if one is open.
    """
    now, token = now or utc_now(), new_token()
    with atomic(db):
        db.execute(
            insert(AccessToken).values(
                token_hash=hash_token(token),
                kind=PrincipalKind.CUSTOMER.value,
                merchant_id=merchant_id,
                customer_id=customer_id,
                created_at=now,
                last_seen_at=now,
                expires_at=now + CUSTOMER_LIFE,
            )
        )
    return token


def _user(db: Session, email: str) -> Row[*tuple[Any, ...]] | None:
    try:
        address = normalise_account_email(email)
    except ValidationFailed:
        return None
    wanted = select(User.id, User.password_hash, User.is_active, User.is_admin)
    with read_connection(db) as connection:
        return connection.execute(wanted.where(User.email == address)).one_or_none()


def _place(db: Session, user: Row[*tuple[Any, ...]], merchant_id: int | None) -> int | None:
    """The merchant the session is for; None is the platform, for its admins."""
    if user.is_admin:
        return None
    wanted = (
        select(Membership.merchant_id)
        .where(Membership.user_id == user.id)
        .order_by(Membership.id)
        .limit(1)
        .execution_options(tenant_exempt="a user's own memberships")
    )
    if merchant_id is not None:
        wanted = wanted.where(Membership.merchant_id == merchant_id)
    with read_connection(db) as connection:
        place: int | None = connection.execute(wanted).scalar_one_or_none()
    if place is None:
        raise Unauthenticated
    return place


def _session(token: str, user_id: int, merchant_id: int | None, *, now: datetime) -> dict[str, Any]:
    return {
        "token_hash": hash_token(token),
        "kind": principal_service.SESSION,
        "merchant_id": merchant_id,
        "user_id": user_id,
        "created_at": now,
        "last_seen_at": now,
        "expires_at": now + SESSION_LIFE,
    }


def _revoke(db: Session, token: str, *, now: datetime) -> None:
    db.execute(
        update(AccessToken)
        .where(
            AccessToken.token_hash == hash_token(token),
            AccessToken.kind != PrincipalKind.API_KEY.value,
            AccessToken.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .execution_options(tenant_exempt="whoever holds the token may end it")
    )
