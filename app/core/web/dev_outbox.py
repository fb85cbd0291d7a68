"""/dev/outbox: where e-mails arrive while somebody tries the platform without a mail server."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import NotFound
from app.core.mail import outbox
from app.core.web.context import web_of
from app.core.web.db import Db
from app.core.web.templates import page

router = APIRouter(include_in_schema=False)


@router.get("/dev/outbox")
def dev_outbox(request: Request, db: Db) -> Response:
    """The newest e-mails. Only in development, and only where no server is set."""
    settings = web_of(request).settings
    if settings.is_production or settings.smtp_server is not None:
        raise NotFound
    return page(request, "dev_outbox.html", emails=outbox.newest(db))
