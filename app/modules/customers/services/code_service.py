"""Sign-in codes: made, tried and used. Neither a code nor an address is ever stored.

Requests that come at the same moment meet in the database: an address has one code for each
number, and a try is counted, by a transaction of its own, before the code is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.core.db import atomic, engine_of, in_atomic
from app.core.security import hash_token, is_equal
from app.modules.customers.config import platform_key
from app.modules.customers.errors import SignInCodeInvalid
from app.modules.customers.models import SignInCode
from app.modules.customers.rules import sign_in_codes as rules
from app.modules.customers.rules.contacts import normalise_email
from app.modules.customers.types import CodePurpose

_PLATFORM_WIDE = "an address gets so many codes an hour from all merchants together"


@dataclass(frozen=True, slots=True)
class CodeFor:
    """What a code is for: `email` of a merchant's customer, asked for by `browser`.

    `customer_id` of a pending address is the one who claims it. `browser` is the anonymous
    id of the browser that asked; None: the code may be used anywhere.
    """

    merchant_id: int
    email: str
    purpose: CodePurpose
    customer_id: int | None = None
    browser: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A code that was right: `use` it, inside the transaction of what it allows."""

    code_id: int
    merchant_id: int
    customer_id: int


def issue(db: Session, asked: CodeFor, *, now: datetime) -> str | None:
    """Make a code inside the caller's transaction; only the newest one of a browser counts.

    None: the address got 5 within the hour already. Where nobody has the address
    (`customer_id` None) it is the code of nobody, and never right.

    Raises:
        ValidationFailed: the address is malformed.
    """
    assert in_atomic(db)
    address = _address_hash(asked.email)
    code, salt = f"{secrets.randbelow(10**rules.CODE_LENGTH):06d}", secrets.token_hex(16)
    values = {
        "merchant_id": asked.merchant_id,
        "customer_id": asked.customer_id,
        "purpose": asked.purpose.value,
        "address_hash": address,
        "browser_hash": hash_token(asked.browser) if asked.browser else None,
        "salt": salt,
        "code_hash": _code_hash(salt, code),
        "attempts": 0,
        "created_at": now,
        "expires_at": rules.expires_at(now),
    }
    # Who loses a number to somebody else counts again: after five at most there is none left.
    while (number := _next_number(db, address, now=now)) is not None:
        if _insert(db, values | {"number": number}):
            return code
    return None


def check(db: Session, asked: CodeFor, code: str, *, now: datetime) -> Checked:
    """Count a try, then look whether it was right. Commits the count on its own.

    Raises:
        SignInCodeInvalid: with the tries that are left for the newest code.
        ValidationFailed: the address is malformed.
    """
    tried = _count_try(db, asked, now=now)
    if tried is None:
        raise SignInCodeInvalid(attempts_left=0)
    is_right = is_equal(tried.code_hash, _code_hash(tried.salt, rules.read_code(code)))
    if not is_right or tried.customer_id is None:  # a code of nobody is never right
        raise SignInCodeInvalid(attempts_left=rules.attempts_left(tried.attempts))
    return Checked(tried.id, asked.merchant_id, tried.customer_id)


def use(db: Session, checked: Checked, *, now: datetime) -> None:
    """Use the code up, inside the transaction of what it allows.

    Raises:
        SignInCodeInvalid: it was used or ended meanwhile.
    """
    assert in_atomic(db)
    used = db.execute(
        update(SignInCode)
        .where(
            SignInCode.merchant_id == checked.merchant_id,
            SignInCode.id == checked.code_id,
            SignInCode.used_at.is_(None),
            SignInCode.expires_at > now,
        )
        .values(used_at=now)
        .returning(SignInCode.id)
    ).one_or_none()
    if used is None:
        raise SignInCodeInvalid(attempts_left=0)


def forget(db: Session, *, merchant_id: int, customer_id: int) -> None:
    """Delete a customer's codes, inside the caller's transaction: the person is erased."""
    assert in_atomic(db)
    db.execute(
        delete(SignInCode).where(
            SignInCode.merchant_id == merchant_id, SignInCode.customer_id == customer_id
        )
    )


def purge(db: Session, *, now: datetime) -> int:
    """Delete codes of more than a day ago; how many there were."""
    with atomic(db):
        gone = db.execute(
            delete(SignInCode)
            .where(SignInCode.created_at <= now - rules.KEPT_FOR)
            .returning(SignInCode.id)
            .execution_options(tenant_exempt="old codes of all merchants")
        ).all()
    return len(gone)


def _next_number(db: Session, address: str, *, now: datetime) -> int | None:
    latest, recent = db.execute(
        select(
            func.coalesce(func.max(SignInCode.number), 0),
            func.count().filter(SignInCode.created_at > rules.counted_since(now)),
        )
        .where(SignInCode.address_hash == address)
        .execution_options(tenant_exempt=_PLATFORM_WIDE)
    ).one()
    return latest + 1 if rules.may_send(sent_within_the_hour=recent) else None


def _insert(db: Session, values: dict[str, Any]) -> bool:
    """False where another request took the number at this moment."""
    is_sqlite = engine_of(db).dialect.name == "sqlite"
    statement = (sqlite.insert if is_sqlite else postgresql.insert)(SignInCode)
    taken = db.execute(
        statement.values(values)
        .on_conflict_do_nothing(index_elements=["address_hash", "number"])
        .returning(SignInCode.id)
    ).one_or_none()
    return taken is not None


def _count_try(db: Session, asked: CodeFor, *, now: datetime) -> Row[*tuple[Any, ...]] | None:
    """The newest code that this browser may use, with the try counted; None: there is none."""
    newest = _newest(asked, browser_hash=hash_token(asked.browser) if asked.browser else None)
    with atomic(db):
        return db.execute(
            update(SignInCode)
            .where(
                SignInCode.merchant_id == asked.merchant_id,
                SignInCode.id == newest,
                SignInCode.attempts < rules.MOST_TRIES,
                SignInCode.used_at.is_(None),
                SignInCode.expires_at > now,
            )
            .values(attempts=SignInCode.attempts + 1)
            .returning(
                SignInCode.id,
                SignInCode.salt,
                SignInCode.code_hash,
                SignInCode.customer_id,
                SignInCode.attempts,
            )
            .execution_options(synchronize_session=False)
        ).one_or_none()


def _newest(asked: CodeFor, *, browser_hash: str | None) -> ScalarSelect[int]:
    """The id of the last code made for this claim: older ones have ended with it."""
    code = aliased(SignInCode)
    is_theirs = code.purpose == asked.purpose.value
    if asked.purpose is CodePurpose.CONFIRM:
        # What staff sent to sign in with, from any browser, proves the address as well.
        by_staff = (code.purpose == CodePurpose.SIGN_IN.value) & code.browser_hash.is_(None)
        is_theirs = (is_theirs | by_staff) & (code.customer_id == asked.customer_id)
    conditions = [
        code.merchant_id == asked.merchant_id,
        code.address_hash == _address_hash(asked.email),
        is_theirs,
        or_(code.browser_hash.is_(None), code.browser_hash == browser_hash),
    ]
    return select(code.id).where(*conditions).order_by(code.id.desc()).limit(1).scalar_subquery()


def _address_hash(email: str) -> str:
    return _keyed("sign-in-address", normalise_email(email))


def _code_hash(salt: str, code: str) -> str:
    return _keyed("sign-in-code", f"{salt}|{code}")


def _keyed(purpose: str, text: str) -> str:
    return hmac.new(platform_key().derive(purpose), text.encode(), hashlib.sha256).hexdigest()
