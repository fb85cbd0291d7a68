"""What was typed into a search, and the people it finds by the databases' indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, or_, select, union
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import CompoundSelect

from app.core.errors import ValidationFailed
from app.modules.customers.models import Customer
from app.modules.customers.rules.contacts import normalise_email
from app.modules.customers.rules.names import search_text
from app.modules.customers.services import customer_search
from app.modules.customers.services.customer_search import Words
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.rules.scan import Scan, ScanKind, read_scan
from app.modules.loyalty.services.card_lookup import country_of, phone_of

_FEWEST_DIGITS: Final = 3
_NEVER: Final = LoyaltyCard.id.is_(None)  # of what cannot be searched: marks without a letter
_HAS_DIGITS: Final = (ScanKind.NUMBER, ScanKind.PHONE)


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for: all `words` of any one spelling, or a card by its number or code.

    Words of three letters and more are found anywhere, shorter ones where a word begins.
    """

    spellings: tuple[Words, ...]
    number_begins: str | None = None
    qr_code: str | None = None


def read_search(db: Session, *, merchant_id: int, text: str, country: str | None) -> Search:
    """Read what was typed. `country`: where phone numbers are dialled (None: the merchant's)."""
    scan = read_scan(text)
    contact: str | None = None
    if scan.kind in _HAS_DIGITS:
        contact = phone_of(text, country or country_of(db, merchant_id=merchant_id))
    elif scan.kind is ScanKind.EMAIL:
        contact = _email_of(scan.text)
    spelled = [search_text([text]), *([search_text([contact])] if contact else _digits(scan))]
    is_number = scan.kind is ScanKind.NUMBER and len(scan.candidates[0]) >= _FEWEST_DIGITS
    return Search(
        spellings=tuple(dict.fromkeys(tuple(dict.fromkeys(s.split())) for s in spelled if s)),
        number_begins=scan.candidates[0] if is_number else None,
        qr_code=scan.candidates[0] if scan.kind is ScanKind.QR else None,
    )


def fits(search: Search) -> ColumnElement[bool]:
    """The condition on cards joined with their customers. Who was erased is never found."""
    ways = _by_code(search)
    if search.spellings:
        ways.append(customer_search.has_any(search.spellings))
    return and_(Customer.erased_at.is_(None), or_(*ways or [_NEVER]))


def hits(db: Session, search: Search, *, merchant_id: int) -> CompoundSelect[Any]:
    """Ids of the merchant's customers that may fit, by indexes alone; none that fits is missing."""
    card = LoyaltyCard
    ways = _by_code(search) if search.spellings else _by_code(search) or [_NEVER]
    found: list[Select[Any]] = [
        select(card.customer_id.label("id")).where(card.merchant_id == merchant_id, way)
        for way in ways
    ]
    if search.spellings:
        spellings = search.spellings
        found.append(customer_search.hits(db, merchant_id=merchant_id, spellings=spellings))
    return union(*found)


def _by_code(search: Search) -> list[ColumnElement[bool]]:
    ways: list[ColumnElement[bool]] = []
    if search.qr_code is not None:
        ways.append(LoyaltyCard.qr_code_data == search.qr_code)
    if search.number_begins is not None:
        ways.append(_begins(search.number_begins))
    return ways


def _begins(digits: str) -> ColumnElement[bool]:
    # A range as well, since only it uses the index whatever the database's collation.
    number = LoyaltyCard.card_number
    way = and_(number >= digits, number.startswith(digits, autoescape=True))
    following = str(int(digits) + 1).zfill(len(digits))
    return and_(way, number < following) if len(following) == len(digits) else way


def _digits(scan: Scan) -> list[str]:
    """The digits as numbers hold them: without signs, and without the zeros dialled before."""
    if scan.kind not in _HAS_DIGITS:
        return []
    typed = "".join(filter(str.isdigit, scan.text.replace("(0)", "")))
    return [digits for digits in (typed, typed.lstrip("0")) if len(digits) >= _FEWEST_DIGITS]


def _email_of(text: str) -> str | None:
    """The address in its one spelling, or None where it is only a part of one."""
    try:
        return normalise_email(text)
    except ValidationFailed:
        return None
