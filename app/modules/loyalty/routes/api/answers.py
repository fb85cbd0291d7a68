"""What the routes of this module have in common: answers, and the refusals they document."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import (
    CsrfFailed,
    Forbidden,
    RateLimited,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)
from app.core.web.context import translator_of
from app.modules.loyalty.errors import (
    AmountTooLarge,
    CardInactive,
    CardNotFound,
    CardReplaced,
    CodeExpired,
    IdempotencyKeyReused,
    InvalidStaffPin,
    OwnCard,
    StaffPinLocked,
    StaffPinRequired,
    TerminalLocked,
)
from app.modules.loyalty.routes.wording import points_message, refund_message, stamp_message
from app.modules.loyalty.schemas.points import PointsResponse
from app.modules.loyalty.schemas.refunds import RefundResponse
from app.modules.loyalty.schemas.stamps import StampResponse
from app.modules.loyalty.services.refund_service import RefundResult
from app.modules.loyalty.types import PointsResult, StampResult
from app.modules.tenancy.errors import MerchantSuspended, StoreNotFound, StoreRequired

_STAMP_FIELDS: Final = tuple(name for name in StampResponse.model_fields if name != "message")
_POINTS_FIELDS: Final = tuple(name for name in PointsResponse.model_fields if name != "message")
_REFUND_FIELDS: Final = tuple(name for name in RefundResponse.model_fields if name != "message")

READS: Final = (Unauthenticated, Forbidden, StoreNotFound, Unavailable)
WRITES: Final = (*READS, CsrfFailed, ValidationFailed)
AT_A_STORE: Final = (*WRITES, StoreRequired)
ON_A_CARD: Final = (
    CardNotFound, CardReplaced, CodeExpired, CardInactive, AmountTooLarge, RateLimited,
)  # fmt: skip
BY_STAFF: Final = (
    StaffPinRequired,
    InvalidStaffPin,
    StaffPinLocked,
    TerminalLocked,
    OwnCard,
    MerchantSuspended,
    IdempotencyKeyReused,
)

_TEXT: Final = {"schema": {"type": "string"}}
_REPLAYED: Final = {
    "Idempotency-Replayed": {
        "description": "`true` where this is the first answer again and nothing was written.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
_SESSION: Final = {
    "X-Staff-Session": {
        "description": "The token that stands for the PIN on this terminal for a while; "
        "send it as `staff_session`.",
        **_TEXT,
    },
    "X-Staff-Session-Expires-At": {"description": "Until when (UTC).", **_TEXT},
}
_ETAG: Final = {"ETag": {"description": "This version; send it in `If-None-Match`.", **_TEXT}}


def replayable(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an operation that takes an idempotency key."""
    return {status: {"headers": dict(_REPLAYED)} for status in statuses}


def with_session() -> dict[int | str, dict[str, Any]]:
    """`responses=` of a counter operation, which may open or prolong a PIN session."""
    return {200: {"headers": {**_REPLAYED, **_SESSION}}}


def with_etag(status: int = 200) -> dict[int | str, dict[str, Any]]:
    """`responses=` of an operation whose answer has a version."""
    return {status: {"headers": dict(_ETAG)}}


def cached() -> dict[int | str, dict[str, Any]]:
    """`responses=` of a GET that answers 304 to those who know this version."""
    return {**with_etag(), 304: {"description": "Nothing has changed.", "headers": dict(_ETAG)}}


def not_modified(etag: str, *, cache_control: str = "no-store") -> Response:
    """304 with its entity tag."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": cache_control})


def json_answer(body: dict[str, Any], status: int = 200, *, replayed: bool = False) -> Response:
    """A body as it is, without another model in between: counters wait for it."""
    headers = {"Idempotency-Replayed": "true"} if replayed else None
    content = orjson.dumps(body, option=orjson.OPT_UTC_Z)
    return Response(content, status, headers=headers, media_type="application/json")


def stamp_answer(request: Request, result: StampResult) -> Response:
    """The answer to a stamp operation.

    The PIN session travels in headers: a replay has the same body, but opens no session.
    """
    body: dict[str, Any] = {name: result[name] for name in _STAMP_FIELDS}  # type: ignore[literal-required]
    body["message"] = stamp_message(translator_of(request), result)
    return _at_counter(body, result)


def points_answer(request: Request, result: PointsResult) -> Response:
    """The answer to a points operation, as `stamp_answer`."""
    body: dict[str, Any] = {name: result[name] for name in _POINTS_FIELDS}  # type: ignore[literal-required]
    body["message"] = points_message(translator_of(request), result)
    return _at_counter(body, result)


def refund_answer(request: Request, result: RefundResult) -> Response:
    """The answer to a refund, as `stamp_answer`."""
    body: dict[str, Any] = {name: result[name] for name in _REFUND_FIELDS}  # type: ignore[literal-required]
    body["message"] = refund_message(translator_of(request), result)
    return _at_counter(body, result)


def _at_counter(
    body: dict[str, Any], result: StampResult | PointsResult | RefundResult
) -> Response:
    answer = json_answer(body, replayed=result["replayed"])
    session, expires_at = result.get("staff_session"), result.get("staff_session_expires_at")
    if session and expires_at:
        answer.headers["X-Staff-Session"] = session
        answer.headers["X-Staff-Session-Expires-At"] = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return answer
