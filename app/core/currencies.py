"""How many decimals a currency has."""

from __future__ import annotations

from typing import Final

# ISO 4217, list one, column "minor unit"; every other currency has two. CLDR, which words
# amounts, knows fewer for some (none for the dinar of Iraq): it can't be asked.
_EXPONENTS: Final = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0
    ),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def exponent_of(currency: str) -> int:
    """The decimals of `currency` (ISO 4217 code): 2 for EUR, 0 for JPY, 3 for KWD.

    Source: ISO 4217, minor unit.
    """
    return _EXPONENTS.get(currency, 2)
