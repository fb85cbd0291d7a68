"""People who sign in, and what they may do where."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, end_read, in_atomic
from app.core.errors import FieldError, ValidationFailed
from app.core.security import hash_password
from app.modules.tenancy.errors import UserNotFound
from app.modules.tenancy.models import Membership, User
from app.modules.tenancy.rules.accounts import check_password, normalise_account_email
from app.modules.tenancy.rules.places import check_language, check_name
from app.modules.tenancy.services import store_service
from app.modules.tenancy.types import Role


def create_user(
    db: Session,
    *,
    email: str,
    name: str,
    password: str,
    locale: str | None = None,
    is_admin: bool = False,
    now: datetime | None = None,
) -> User:
    """Make somebody who can sign in; what they may do, `add_membership` says.

    Without `locale` pages follow the browser's language.

    Raises:
        ValidationFailed: a field makes no sense, or another user has the address.
    """
    address = normalise_account_email(email)
    check_password(password)
    if not in_atomic(db):
        end_read(db)  # nothing is held while the password is hashed
    user = User(
        email=address,
        name=check_name(name),
        password_hash=hash_password(password),
        locale=check_language(locale) if locale else None,
        is_admin=is_admin,
        is_active=True,
        created_at=now or utc_now(),
    )
    try:
        with atomic(db):
            db.add(user)
            db.flush()
    except IntegrityError:
        raise ValidationFailed(FieldError(("email",), "account_email_taken")) from None
    return user


def create_admin(
    db: Session, *, email: str, name: str, password: str, now: datetime | None = None
) -> User:
    """Make an admin of the platform.

    Raises:
        ValidationFailed: as `create_user`.
    """
    return create_user(db, email=email, name=name, password=password, is_admin=True, now=now)


def add_membership(
    db: Session, *, merchant_id: int, user_id: int, role: Role | str, store_id: int | None = None
) -> Membership:
    """Let a user work for a merchant: in one store, or in all with `store_id` None.

    Raises:
        ValidationFailed: no such role, or the user works there already.
        UserNotFound, MerchantNotFound, StoreNotFound.
    """
    if role not in set(Role):
        raise ValidationFailed(FieldError(("role",), "enum"))
    if db.execute(select(User.id).where(User.id == user_id)).one_or_none() is None:
        raise UserNotFound
    store_service.get_merchant(db, merchant_id=merchant_id)
    if store_id is not None:
        store_service.get_store(db, merchant_id=merchant_id, store_id=store_id)
    membership = Membership(
        merchant_id=merchant_id, user_id=user_id, store_id=store_id, role=Role(role).value
    )
    try:
        with atomic(db):
            db.add(membership)
            db.flush()
    except IntegrityError:
        raise ValidationFailed(FieldError(("user_id",), "membership_exists")) from None
    return membership
