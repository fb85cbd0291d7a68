"""The audit log: who changed what outside the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import in_atomic
from app.modules.tenancy.models import AuditEntry


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
