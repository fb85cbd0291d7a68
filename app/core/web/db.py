"""The session of a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from app.core.db import close


async def get_db(request: Request) -> AsyncIterator[Session]:
    """A session that lives as long as the endpoint runs. Services commit, never this.

    Making a session touches no connection, so this needs no thread. Neither does closing one
    whose services have ended their transactions; an open read is ended in a thread,
    since a slow database must not stop the event loop.
    """
    db: Session = request.app.state.sessionmaker()
    try:
        yield db
    finally:
        if db.in_transaction():
            await run_in_threadpool(close, db)
        else:
            db.close()


# Closed before the answer is sent: a slow phone must not keep a connection.
Db = Annotated[Session, Depends(get_db, scope="function")]
