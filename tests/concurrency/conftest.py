from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests.concurrency.together import THREADS, Crowd


@pytest.fixture
def crowd(session_factory: sessionmaker[Session]) -> Iterator[Crowd]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield Crowd(session_factory, pool)
