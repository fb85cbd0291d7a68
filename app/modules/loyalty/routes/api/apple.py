"""/loyalty/apple: the web service that iPhones ask about their passes.

Paths and answers are Apple's ("Adding a Web Service to Update Passes"). No iPhone has a session:
a pass's own secret stands for it, and the phone's id where Apple sends no secret.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.core.errors import NotFound
from app.core.web.db import Db
from app.core.web.rate_limits import rate_limit
from app.modules.loyalty.routes.api.answers import json_answer
from app.modules.loyalty.schemas.apple import LogRequest, RegistrationRequest
from app.modules.loyalty.services import apple_devices, apple_updates
from app.modules.loyalty.services.apple_updates import Update
from app.modules.loyalty.services.apple_wallet_service import MEDIA_TYPE
from app.modules.loyalty.types import PassRow

# Not in our OpenAPI document: it is Apple's interface, and nobody else calls it.
router = APIRouter(prefix="/loyalty/apple/v1", include_in_schema=False)
_SCHEME: Final = "ApplePass"
_REGISTRATIONS: Final = "/devices/{device}/registrations/{pass_type}"
_REGISTRATION: Final = _REGISTRATIONS + "/{serial}"
_NEWEST: Final = "/passes/{pass_type}/{serial}"


def _holder(
    db: Db, pass_type: str, serial: str, authorization: Annotated[str, Header()] = ""
) -> PassRow:
    """The pass that the phone holds. All that may be wrong is refused alike."""
    scheme, _, token = authorization.partition(" ")
    row = None
    if scheme.lower() == _SCHEME.lower():
        row = apple_devices.pass_of(db, pass_type=pass_type, serial=serial, token=token.strip())
    if row is None:
        raise _refused()
    return row


Holder = Annotated[PassRow, Depends(_holder, scope="function")]
Device = Annotated[str, Path(min_length=1, max_length=100)]
Known = Annotated[str | None, Header(alias="If-Modified-Since")]
Since = Annotated[str | None, Query(alias="passesUpdatedSince")]


@router.post(_REGISTRATION)
def register(db: Db, row: Holder, device: Device, body: RegistrationRequest) -> Response:
    """A phone added the pass, and wants to hear of its changes. 201, or 200 if it did before."""
    is_new = apple_devices.register(db, row, device_id=device, push_token=body.push_token)
    return Response(status_code=201 if is_new else 200)


@router.delete(_REGISTRATION)
def unregister(db: Db, row: Holder, device: str) -> Response:
    """A phone removed the pass, or turned its updates off. Safe to repeat."""
    apple_devices.unregister(db, row, device_id=device)
    return Response()


@router.get(_REGISTRATIONS)
def list_changed(db: Db, device: str, pass_type: str, since: Since = None) -> Response:
    """Which of the phone's passes changed after a tag; without one, all of them.

    `lastUpdated` is text: phones that get a number never fetch.
    """
    found = apple_devices.changed_serials(db, device_id=device, pass_type=pass_type, since=since)
    if found is None:
        return Response(status_code=204)
    return json_answer({"serialNumbers": found[0], "lastUpdated": found[1]})


@router.get(_NEWEST)
def fetch_pass(db: Db, row: Holder, if_modified_since: Known = None) -> Response:
    """The newest pass, for a phone that holds it."""
    try:
        return _file(apple_updates.newest(db, row, known=_moment(if_modified_since)))
    except NotFound:
        raise _refused() from None


@router.head(_NEWEST)
def look_at_pass(db: Db, row: Holder, if_modified_since: Known = None) -> Response:
    """The same without the pass. Some phones do this, though Apple never says so."""
    try:
        known = _moment(if_modified_since)
        return _file(apple_updates.newest(db, row, known=known, is_look=True))
    except NotFound:
        raise _refused() from None


@router.post("/log", dependencies=[Depends(rate_limit("apple_device_log", "30/minute"))])
def note_log(db: Db, body: LogRequest) -> Response:
    """What phones have to say about our passes; the newest lines are kept for the operator."""
    apple_devices.note_log(db, body.logs)
    return Response()


def _file(update: Update) -> Response:
    headers = {
        "Last-Modified": format_datetime(update.last_modified, usegmt=True),
        "Cache-Control": "private, no-store",
    }
    if update.content is None:
        return Response(status_code=304, headers=headers)
    return Response(update.content, headers=headers, media_type=MEDIA_TYPE)


def _moment(header: str | None) -> datetime | None:
    """A date as HTTP has it (RFC 9110, 5.6.7); what is none counts as none."""
    try:
        moment = parsedate_to_datetime(header or "")
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refused() -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": _SCHEME})
