"""Apple Wallet set up, for tests of what is made with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.fakes.keys import AppleChain
from app.modules.loyalty.wallets.apple import setup
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from tests.apple_wallet import configure_apple, forget_settings
from tests.modules.loyalty.wallets.apple.views import build, every_view


@pytest.fixture(scope="session")
def passes() -> dict[str, bytes]:
    """A signed pass of every kind in every state, by name."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        configure_apple(monkeypatch)
        found = setup.load()
        assert found is not None
        made = {name: build(shown, found) for name, shown in every_view()}
    forget_settings()
    return made


@pytest.fixture
def fresh_settings() -> Iterator[None]:
    """What a test sets ends with it."""
    yield
    forget_settings()


@pytest.fixture
def chain(fresh_settings: None, monkeypatch: pytest.MonkeyPatch) -> AppleChain:
    """The certificates that are configured."""
    return configure_apple(monkeypatch)


@pytest.fixture
def apple(chain: AppleChain) -> AppleSetup:
    """The setup as it is loaded."""
    found = setup.load()
    assert found is not None
    return found
