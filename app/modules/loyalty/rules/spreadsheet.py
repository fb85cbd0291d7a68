"""Texts in a spreadsheet: what people typed must not become a formula."""

from __future__ import annotations

from typing import Any, Final

# OWASP, "CSV Injection": what makes a spreadsheet calculate, fetch or run something.
_STARTS_FORMULA: Final = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)


def cell(value: Any) -> Any:
    """The value as it may stand in a CSV file; a text that would be calculated gets a `'`.

    Numbers stay numbers, also negative ones: they are the platform's own.
    """
    if isinstance(value, str) and value.startswith(_STARTS_FORMULA):
        return f"'{value}"
    return "" if value is None else value
