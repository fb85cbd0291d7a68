from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import build_sessionmaker
from app.modules.loyalty.rules import vendor_health
from app.modules.loyalty.services import pass_pictures
from app.modules.loyalty.types import Provider
from app.modules.loyalty.types.pictures import PassPicture
from tests.concurrency.together import THREADS, Crowd
from tests.concurrency.wallet_site import Counter, Site, point_at, running_site
from tests.factories import NOW
from tests.google_wallet import forget_settings


@pytest.fixture
def crowd(session_factory: sessionmaker[Session]) -> Iterator[Crowd]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield Crowd(session_factory, pool)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory.mktemp("vendors")) as site:
        yield site


@pytest.fixture
def site(running: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Both vendors in good order. A pause, of a minute in earnest, is one of two seconds.

    Pictures, which have tests of their own, are not drawn.
    """
    running.forget()
    point_at(monkeypatch, running)
    monkeypatch.setattr(vendor_health, "PAUSE", timedelta(seconds=2))
    picture = PassPicture("p.png", "0" * 40, b"png", "image/png")
    for name in ("face", "stamp_row", "banner"):
        monkeypatch.setattr(pass_pictures, name, lambda *_, **__: picture)
    yield running
    running.forget()
    forget_settings()


@pytest.fixture
def counter(site: Site, sqlite_engine: Engine) -> Counter:
    """A shop with one card, which Google has."""
    counter = Counter(build_sessionmaker(sqlite_engine), cards=1, now=NOW)
    counter.drain(Provider.GOOGLE, now=NOW)
    site.watched.began.clear()
    return counter
