"""Who may refund an order, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from app.core.errors import Forbidden
from app.modules.loyalty.errors import VoidWindowPassed
from app.modules.loyalty.rules.business_day import business_day
from app.modules.loyalty.types import Staff, StoreFacts


def check_may_refund(
    earned_on: Iterable[date],
    *,
    store: StoreFacts,
    staff: Staff | None,
    is_user_manager: bool,
    is_api_key: bool,
    window_days: int,
    now: datetime,
) -> None:
    """Refuse older orders to cashiers, and those beyond the window to everybody.

    `earned_on` are the business days the order earned on. Where a PIN names the member of
    staff, that person's rights count, else those of the signed-in user; a till's API key may
    always refund within the window.

    Raises:
        Forbidden. VoidWindowPassed: with the window in days.

    Source: product rule "Refund", docs/rules.md.
    """
    today = business_day(now, store=store)
    age_days = max((today - day).days for day in earned_on)
    allowed = staff.is_manager or staff.can_void if staff is not None else is_user_manager
    if age_days > 0 and not (allowed or is_api_key):
        raise Forbidden
    if age_days > window_days:
        raise VoidWindowPassed(days=window_days)
