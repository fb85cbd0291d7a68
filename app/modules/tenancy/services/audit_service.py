"""The audit log: who changed what outside the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, insert, null, select, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, in_atomic
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.types import PrincipalKind


def record(  # noqa: PLR0913 - one line of the log has that many columns
    db: Session,
    *,
    merchant_id: int | None,
    action: str,
    subject: str,
    actor_kind: str,
    actor_id: int | None,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    ip_address: str | None = None,
    request_id: str | None = None,
    store_id: int | None = None,
    terminal_id: int | None = None,
    now: datetime | None = None,
) -> None:
    """Write one act inside the caller's `atomic`, so that it stands or falls with the change.

    `action` is a past participle such as `program_updated`, `subject` names the thing as
    `kind:id`. `old` and `new` hold changed values only, and never a secret.
    """
    assert in_atomic(db), "the act and its record are one transaction"
    values: dict[str, Any] = {
        "merchant_id": merchant_id,
        "store_id": store_id,
        "terminal_id": terminal_id,
        "at": now or utc_now(),
        "actor_kind": actor_kind,
        "actor_id": actor_id,
        "action": action,
        "subject": subject,
        "ip_address": ip_address,
        "request_id": request_id,
    }
    # A None given to a JSON column would be stored as JSON's null.
    changes = {name: value for name, value in (("old", old), ("new", new)) if value is not None}
    db.execute(insert(AuditEntry).values(values | changes))


def forget_person(
    db: Session, *, merchant_id: int, subjects: Sequence[str], since: datetime
) -> None:
    """Remove the values that acts on `subjects` hold, inside the caller's transaction.

    That something was done, when and by whom stays; a customer's own address goes. `since` is
    when the person came.
    """
    assert in_atomic(db), "erasure is one transaction"
    entry = AuditEntry
    is_customers = entry.actor_kind == PrincipalKind.CUSTOMER.value
    db.execute(
        update(entry)
        .where(entry.merchant_id == merchant_id, entry.at >= since, entry.subject.in_(subjects))
        .values(
            old=null(),
            new=null(),
            ip_address=case((is_customers, null()), else_=entry.ip_address),
        )
        .execution_options(synchronize_session=False)
    )


def forget_addresses(db: Session, *, before: datetime, limit: int) -> int:
    """Remove the IP addresses of at most `limit` acts before then; how many it were."""
    with atomic(db):
        found = (
            select(AuditEntry.id)
            .where(AuditEntry.at < before, AuditEntry.ip_address.is_not(None))
            .limit(limit)
            .scalar_subquery()
        )
        done = db.execute(
            update(AuditEntry)
            .where(AuditEntry.id.in_(found))
            .values(ip_address=None)
            .returning(AuditEntry.id)
            .execution_options(
                synchronize_session=False,
                tenant_exempt="addresses go after a while, whosever they are",
            )
        ).all()
    return len(done)
