"""What becomes of a customer's data later: two people turn out to be one, or one leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypedDict

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic, in_atomic
from app.core.mail import outbox
from app.modules.customers.models import Consent, Customer
from app.modules.customers.rules.names import search_text
from app.modules.customers.services import code_service, customer_service

_MARKETING: Final = "marketing"
_NAMES: Final = ("first_name", "last_name")
_CONTACTS: Final = ("email", "phone")
_EMPTY: Final[dict[str, Any]] = {
    "first_name": "",
    "last_name": "",
    "email": None,
    "email_pending": False,
    "phone": None,
    "phone_pending": False,
    "locale": None,
    "search_text": "",
}
_OF_ALL: Final = "addresses go after a while, whosever they are"
_Facts = Row[*tuple[Any, ...]]


class United(TypedDict):
    """What one customer gets from another: names of facts, and whether marketing is allowed."""

    takes_over: list[str]
    marketing_consent: bool


def preview_union(db: Session, *, merchant_id: int, customer_id: int, other_id: int) -> United:
    """What `unite` would do; nothing is written."""
    kept = _read(db, merchant_id, customer_id)
    taken = _taken(kept, _read(db, merchant_id, other_id))
    return United(
        takes_over=_named(taken),
        marketing_consent=all(_agrees(db, merchant_id, one) for one in (customer_id, other_id)),
    )


def unite(
    db: Session, *, merchant_id: int, customer_id: int, other_id: int, now: datetime
) -> United:
    """Make one customer of two inside the caller's transaction; `other_id` is nobody afterwards.

    The customer keeps what they have and takes over what is missing; a proved contact counts
    more than one that is not. Marketing is allowed only where both allowed it. E-mails to an
    address that is given up are deleted, since nothing would lead to them any more.
    """
    assert in_atomic(db)
    kept, other = _read(db, merchant_id, customer_id), _read(db, merchant_id, other_id)
    taken = _taken(kept, other)
    consent = _weaken_consent(db, merchant_id, customer_id, other_id, now=now)
    # First the other's contacts are free: two people can't have proved the same one.
    _write(db, merchant_id, other_id, {**_EMPTY, "erased_at": now})
    if other.email and other.email != taken.get("email", kept.email):
        outbox.forget(db, merchant_id=merchant_id, to=other.email)
    if taken:
        facts = {**kept._mapping, **taken}
        words = search_text([facts[name] for name in (*_NAMES, *_CONTACTS)])
        _write(db, merchant_id, customer_id, {**taken, "search_text": words})
    return United(takes_over=_named(taken), marketing_consent=consent)


def erase(db: Session, *, merchant_id: int, customer_id: int, now: datetime) -> None:
    """Remove a person's values inside the caller's transaction; the row stays, as nobody's.

    Of consents the proof stays (what was asked, when, the answer), without an address.
    """
    assert in_atomic(db)
    _write(db, merchant_id, customer_id, {**_EMPTY, "erased_at": now})
    db.execute(
        update(Consent)
        .where(Consent.merchant_id == merchant_id, Consent.customer_id == customer_id)
        .values(ip_address=None)
    )
    code_service.forget(db, merchant_id=merchant_id, customer_id=customer_id)


def forget_addresses(db: Session, *, before: datetime, limit: int) -> int:
    """Remove the IP addresses of at most `limit` consents given before then; how many it were."""
    with atomic(db):
        found = (
            select(Consent.id)
            .where(Consent.at < before, Consent.ip_address.is_not(None))
            .limit(limit)
            .scalar_subquery()
        )
        done = db.execute(
            update(Consent)
            .where(Consent.id.in_(found))
            .values(ip_address=None)
            .returning(Consent.id)
            .execution_options(synchronize_session=False, tenant_exempt=_OF_ALL)
        ).all()
    return len(done)


def _taken(kept: _Facts, other: _Facts) -> dict[str, Any]:
    """The columns of `other` that `kept` lacks."""
    taken: dict[str, Any] = {
        name: getattr(other, name)
        for name in (*_NAMES, "locale")
        if getattr(other, name) and not getattr(kept, name)
    }
    for name in _CONTACTS:
        mine, theirs = (_contact(facts, name) for facts in (kept, other))
        is_proof = not theirs[1] and mine[1]
        if theirs[0] and (not mine[0] or is_proof):
            taken |= {name: theirs[0], f"{name}_pending": theirs[1]}
    return taken


def _contact(facts: _Facts, name: str) -> tuple[str | None, bool]:
    return getattr(facts, name), bool(getattr(facts, f"{name}_pending"))


def _named(taken: dict[str, Any]) -> list[str]:
    return [name for name in (*_NAMES, *_CONTACTS, "locale") if name in taken]


def _weaken_consent(
    db: Session, merchant_id: int, customer_id: int, other_id: int, *, now: datetime
) -> bool:
    said = _last_word(db, merchant_id, customer_id)
    if said is None or not said.granted:
        return False
    if _agrees(db, merchant_id, other_id):
        return True
    customer_service.record_consent(
        db,
        merchant_id=merchant_id,
        customer_id=customer_id,
        granted=False,
        locale=said.locale,
        channel="merge",
        ip_address=None,
        now=now,
    )
    return False


def _agrees(db: Session, merchant_id: int, customer_id: int) -> bool:
    said = _last_word(db, merchant_id, customer_id)
    return said is not None and said.granted


def _last_word(db: Session, merchant_id: int, customer_id: int) -> _Facts | None:
    """The customer's last yes or no to marketing."""
    return db.execute(
        select(Consent.granted, Consent.locale)
        .where(
            Consent.merchant_id == merchant_id,
            Consent.customer_id == customer_id,
            Consent.purpose == _MARKETING,
        )
        .order_by(Consent.id.desc())
        .limit(1)
    ).one_or_none()


def _read(db: Session, merchant_id: int, customer_id: int) -> _Facts:
    names = [name for name in _EMPTY if name != "search_text"]
    return db.execute(
        select(*(getattr(Customer, name) for name in names)).where(
            Customer.merchant_id == merchant_id, Customer.id == customer_id
        )
    ).one()


def _write(db: Session, merchant_id: int, customer_id: int, values: dict[str, Any]) -> None:
    db.execute(
        update(Customer)
        .where(Customer.merchant_id == merchant_id, Customer.id == customer_id)
        .values(**values)
    )
