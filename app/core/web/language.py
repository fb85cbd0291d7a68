"""The choice of language, kept in a cookie of the device."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import FieldError, ValidationFailed
from app.core.i18n import normalise_language
from app.core.web.context import web_of

router = APIRouter(include_in_schema=False)
# A path of this site: "//host" and "/\host" lead elsewhere, control characters into headers.
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")


@router.post("/language")
async def choose_language(
    request: Request,
    language: Annotated[str, Form(max_length=20)],
    back_to: Annotated[str, Form(max_length=2000)] = "/",
) -> Response:
    """Remember the language on this device and go back to the page."""
    web, chosen = web_of(request), normalise_language(language)
    if chosen not in web.catalogue.languages:
        raise ValidationFailed(FieldError(("body", "language"), "enum"))
    response = RedirectResponse(local_path(back_to), status_code=303)
    web.cookies.set(response, "lang", chosen)
    return response


def local_path(address: str, default: str = "/") -> str:
    """The address if it is a path of this site, else `default`: for redirects after a form."""
    return address if _LOCAL_PATH.fullmatch(address) else default
