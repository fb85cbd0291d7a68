"""The environment of all tests, set before anything of the application is imported."""

from __future__ import annotations

import os
import tempfile

import pytest

pytest_plugins = ["tests.fixtures"]

for _name in [name for name in os.environ if name.startswith(("ORION_", "LOYALTY_"))]:
    del os.environ[_name]
os.environ |= {
    "ORION_DATA_DIR": tempfile.mkdtemp(prefix="orion-test-"),
    "ORION_SECRET_KEY": "test-secret-key-0123456789abcdefghijklmnop",
    "ORION_PIN_PEPPER": "test-pin-pepper-0123456789abcdefghijklmno",
    "ORION_JOBS": "off",
    "ORION_LEDGER_KEY": "test-ledger-key-0123456789abcdefghijklmno",
}

# Files that take minutes. They go first, so that no process is left alone with one at the end.
_LONGEST = ("loyalty/model/", "concurrency/test_crash", "migrations/test_steps")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order by file, which is how the processes share them."""
    items.sort(key=lambda item: not any(part in item.path.as_posix() for part in _LONGEST))
