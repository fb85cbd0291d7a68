"""The environment of all tests, set before anything of the application is imported."""

from __future__ import annotations

import os
import tempfile

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
