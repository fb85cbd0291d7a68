"""The customers module: people known to one merchant, their contacts and what they agreed to."""

from __future__ import annotations

from pathlib import Path

from app.core.module import Module

MODULE = Module(
    code="customers",
    depends_on=("tenancy",),
    locales_dir=Path(__file__).parent / "locales",
)
