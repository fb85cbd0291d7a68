"""A database that fails at the n-th call, before it did anything or after it did it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, event

Call = Callable[[], None]


class Fault(StrEnum):
    """What happens to a call: it never arrives, or its reply never does."""

    CALL_LOST = "call lost"
    REPLY_LOST = "reply lost"


class Line:
    """The line to the database: it counts the calls (statements and commits) and breaks at one.

    PostgreSQL's connection is really closed; SQLite answers as it does when a disk fails.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._dialect: Any = engine.dialect
        self._fault = Fault.CALL_LOST
        self._left = 0
        self.broke = False
        self._commit = self._dialect.do_commit

    @classmethod
    @contextmanager
    def of(cls, engine: Engine) -> Iterator[Line]:
        """Listen in on the engine's calls within the block."""
        line = cls(engine)
        event.listen(engine, "do_execute", line._on_execute)
        event.listen(engine, "do_executemany", line._on_executemany)
        line._dialect.do_commit = line._on_commit
        try:
            yield line
        finally:
            line._dialect.do_commit = line._commit
            event.remove(engine, "do_execute", line._on_execute)
            event.remove(engine, "do_executemany", line._on_executemany)

    @contextmanager
    def breaks(self, fault: Fault, *, at: int) -> Iterator[None]:
        """Within the block the call number `at` (from 1) meets `fault`; see `broke` afterwards."""
        self._fault, self._left, self.broke = fault, at, False
        try:
            yield
        finally:
            self._left = 0

    def _on_execute(self, cursor: Any, statement: str, parameters: Any, _context: object) -> bool:
        return self._meet(cursor.connection, lambda: cursor.execute(statement, parameters))

    def _on_executemany(
        self, cursor: Any, statement: str, parameters: Any, _context: object
    ) -> bool:
        return self._meet(cursor.connection, lambda: cursor.executemany(statement, parameters))

    def _on_commit(self, connection: Any) -> None:
        if not self._meet(connection.dbapi_connection, lambda: self._commit(connection)):
            self._commit(connection)

    def _meet(self, driver_connection: Any, call: Call) -> bool:
        """Whether the call was dealt with here."""
        self._left -= 1
        if self._left != 0:
            return False
        self.broke = True
        if self._fault is Fault.REPLY_LOST:
            call()
        if self._dialect.name == "postgresql":
            driver_connection.close()
        raise self._dialect.loaded_dbapi.OperationalError("disk I/O error")
