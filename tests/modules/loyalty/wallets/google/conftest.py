"""One simulated Google for the tests of a module, and a client that speaks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.fakes.google import FakeGoogle
from app.modules.loyalty.wallets.google.client import GoogleWallet
from tests.google_wallet import forget_settings, serving, setup_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeGoogle]:
    with serving(tmp_path_factory.mktemp("google")) as google:
        yield google


@pytest.fixture
def google(running: FakeGoogle) -> FakeGoogle:
    """The simulated Google, knowing nothing yet."""
    running.forget()
    return running


@pytest.fixture(scope="module")
def kept_wallet(running: FakeGoogle) -> Iterator[GoogleWallet]:
    """One client, as a process has: making one takes longer than most of its tests."""
    wallet = GoogleWallet(setup_of(running))
    yield wallet
    wallet.close()


@pytest.fixture
def wallet(google: FakeGoogle, kept_wallet: GoogleWallet) -> GoogleWallet:
    """A client of a Google that knows nothing yet."""
    return kept_wallet


@pytest.fixture
def new_wallet(google: FakeGoogle) -> Iterator[GoogleWallet]:
    """A client that has learned nothing yet."""
    wallet = GoogleWallet(setup_of(google))
    yield wallet
    wallet.close()


@pytest.fixture
def fresh_settings() -> Iterator[None]:
    """What a test sets ends with it."""
    yield
    forget_settings()
