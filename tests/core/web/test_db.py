import asyncio
import threading
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.testclient import TestClient

from app.core.web.db import get_db


class Recorder:
    """Stands for a session without writes; remembers in which threads it was closed."""

    is_active = True

    def __init__(self, *, open_read: bool) -> None:
        self.open_read = open_read
        self.closed_in: list[threading.Thread] = []
        self.info: dict[str, Any] = {}
        self.new = self.dirty = self.deleted = ()

    def in_transaction(self) -> bool:
        return self.open_read

    def commit(self) -> None:
        self.open_read = False

    def close(self) -> None:
        self.closed_in.append(threading.current_thread())


def use(session: Recorder, error: Exception | None = None) -> None:
    """Run the dependency around a request that ends well or with `error`."""
    app = FastAPI()
    app.state.sessionmaker = lambda: session

    async def run() -> None:
        steps = cast(AsyncGenerator[Any, None], get_db(Request({"type": "http", "app": app})))
        assert await anext(steps) is session
        if error is None:
            with pytest.raises(StopAsyncIteration):
                await anext(steps)
        else:
            with pytest.raises(type(error)):
                await steps.athrow(error)

    asyncio.run(run())


def test_given_no_open_transaction_when_the_request_ends_then_closing_needs_no_thread() -> None:
    session = Recorder(open_read=False)
    use(session)
    assert session.closed_in == [threading.main_thread()]


def test_given_an_open_read_when_the_request_ends_then_the_loop_does_not_wait_for_it() -> None:
    session = Recorder(open_read=True)
    use(session)
    assert len(session.closed_in) == 1
    assert session.closed_in != [threading.main_thread()]


def test_given_an_error_when_the_request_ends_then_the_session_is_closed_all_the_same() -> None:
    session = Recorder(open_read=True)
    use(session, ValueError("x"))
    assert len(session.closed_in) == 1


def test_given_a_route_when_it_leaves_a_read_open_then_the_connection_goes_back(
    client: TestClient,
) -> None:
    assert client.get("/api/v1/things/session").json() is True
    assert not cast(FastAPI, client.app).state.seen.in_transaction()
