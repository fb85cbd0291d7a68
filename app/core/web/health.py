"""/healthz: is this process alive? /readyz: may it get requests?"""

from __future__ import annotations

from functools import partial

import anyio
from fastapi import APIRouter
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse

from app.core import schema
from app.core.clock import utc_now
from app.core.db import build_sessionmaker, write_connection
from app.core.errors import AppError, Unavailable
from app.core.module import Report
from app.core.web.context import web_of
from app.core.web.problem import answers

router = APIRouter(tags=["platform"])


@router.get("/healthz", summary="Is the process alive?", response_model=dict[str, str])
async def healthz(request: Request) -> JSONResponse:
    """Alive: no I/O, so it answers even when the database does not."""
    nonce = web_of(request).settings.nonce
    return JSONResponse({"status": "ok"}, headers={"X-Orion-Nonce": nonce} if nonce else None)


@router.get(
    "/readyz",
    summary="May it get requests?",
    response_model=dict[str, str],
    responses=answers(Unavailable),
)
async def readyz(request: Request) -> JSONResponse:
    """Ready: the database can be written to and has the schema of this version.

    Services outside are named with a word on how they are doing; none of them decides.
    """
    engine: Engine = request.app.state.engine
    said = await anyio.to_thread.run_sync(partial(_readiness, engine, web_of(request).reports))
    if said is None:
        raise Unavailable
    return JSONResponse(said)


def _readiness(engine: Engine, reports: tuple[Report, ...]) -> dict[str, str] | None:
    """What to say; None where no request can be served."""
    said = {"status": "ready"}
    try:
        with build_sessionmaker(engine)() as db:
            with write_connection(db):
                if not schema.is_current(engine):
                    return None
            for report in reports:
                said |= report(db, utc_now())
    except (SQLAlchemyError, AppError):
        return None
    return said
