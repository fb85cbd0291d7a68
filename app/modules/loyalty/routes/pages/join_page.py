"""The join form: what it sends, who sent it, and the card it makes."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request

from app.core.clock import utc_now
from app.core.errors import RateLimited, ValidationFailed
from app.core.web.context import language_of, translator_of, web_of
from app.core.web.db import Db
from app.modules.loyalty.errors import CardInactive, CardReplaced, IdempotencyKeyReused
from app.modules.loyalty.routes.deps import browser_key
from app.modules.loyalty.routes.pages.join_attempt import JoinAttempt, new_attempt, read_attempt
from app.modules.loyalty.services import card_service
from app.modules.loyalty.types import Enrolment
from app.modules.tenancy.types import StoreContext

_EXAMPLES: Final = {"email": "anna@example.com", "phone": "+352 621 123 456"}


class JoinForm(BaseModel):
    """What the form sends. `website` is a trap: people don't see it, programs fill it in."""

    contact: str = ""
    first_name: str = ""
    consent: str = ""
    attempt: str = ""
    website: str = ""


class JoinFault(Exception):
    """The form was not accepted: what to say, beside which field, with which `attempt` to go on."""

    def __init__(
        self, sentence: str, *, attempt: str, field: str | None = None, status: int = 422
    ) -> None:
        super().__init__(sentence)
        self.sentence, self.attempt, self.field, self.status = sentence, attempt, field, status


def fresh_attempt(request: Request) -> str:
    """The key of a page view that begins now."""
    return new_attempt(web_of(request).keyring, now=utc_now())


def enroll(request: Request, db: Db, store: StoreContext, form: JoinForm) -> Enrolment:
    """Make the card the form asks for; the same page view gets the same card again.

    Raises:
        JoinFault: something to correct or to try again.
        And what `card_service.enroll_self` refuses for good.
    """
    attempt = _check_sender(request, form, now=utc_now())
    kind = "email" if "@" in form.contact else "phone"
    if not form.contact.strip():
        raise _fault(request, form, "loyalty.storefront.enroll.contact_missing", field="contact")
    try:
        return card_service.enroll_self(
            db,
            store_id=store.store_id,
            email=form.contact if kind == "email" else None,
            phone=form.contact if kind == "phone" else None,
            first_name=form.first_name,
            locale=language_of(request),
            marketing_consent=bool(form.consent),
            ip_address=request.state.client_ip,
            user_agent=request.headers.get("user-agent"),
            request_id=request.state.request_id,
            idempotency_key=browser_key(request, f"join-{attempt.key}"),
        )
    except ValidationFailed as refusal:
        raise _field_fault(request, form, refusal, kind) from refusal
    except RateLimited as refusal:
        sentence = translator_of(request).t("errors.rate_limited", **refusal.params)
        raise JoinFault(sentence, attempt=form.attempt, status=429) from refusal
    # From a page that made its card: another address, or that card is somebody's no more.
    except (IdempotencyKeyReused, CardInactive, CardReplaced) as refusal:
        raise _again(request, fresh_attempt(request)) from refusal


def _check_sender(request: Request, form: JoinForm, *, now: datetime) -> JoinAttempt:
    attempt = read_attempt(web_of(request).keyring, form.attempt)
    if attempt is None or form.website:
        raise _again(request, fresh_attempt(request))
    if attempt.is_hasty(now):
        raise _again(request, form.attempt)
    return attempt


def _again(request: Request, attempt: str) -> JoinFault:
    return JoinFault(translator_of(request).t("loyalty.storefront.enroll.again"), attempt=attempt)


def _fault(
    request: Request, form: JoinForm, key: str, *, field: str, **params: object
) -> JoinFault:
    sentence = translator_of(request).t(key, **params)
    return JoinFault(sentence, attempt=form.attempt, field=field)


def _field_fault(
    request: Request, form: JoinForm, refusal: ValidationFailed, kind: str
) -> JoinFault:
    error = refusal.errors[0]
    if error.loc[-1] in _EXAMPLES:
        key = "loyalty.storefront.enroll.contact_invalid"
        return _fault(request, form, key, field="contact", example=_EXAMPLES[kind])
    return _fault(request, form, f"validation.{error.code}", field="first_name", **error.params)
