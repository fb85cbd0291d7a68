"""Finding people by words: the condition, and the index that narrows them down to a few."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, false, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.core.db import engine_of
from app.modules.customers.models import Customer, search_index

_TRIGRAM: Final = 3  # letters
_MOST_TRIGRAMS: Final = 40  # of one spelling; whoever is found is compared as a whole anyway
_TELLING_DIGITS: Final = 7  # the last of a phone number; half a town has those before them

Words = tuple[str, ...]  # as `rules.names.search_text` spells them, without spaces
_Text = InstrumentedAttribute[str] | ColumnElement[str]


def has_any(spellings: Iterable[Words]) -> ColumnElement[bool]:
    """The condition that a person has all words of one of the spellings.

    Words of three letters and more count anywhere, shorter ones where a word begins. No index
    answers it: it is for people that have been narrowed down already.
    """
    # Nothing appended makes it an expression, which PostgreSQL does not look up in the index.
    return _has_any(Customer.search_text.concat(""), spellings)


def hits(db: Session, *, merchant_id: int, spellings: Sequence[Words]) -> Select[Any]:
    """Ids of the merchant's people for whom `has_any` may hold, by the index; none is missing.

    Some for whom it does not may be among them, and on SQLite somebody who was erased.
    """
    telling = [tuple(map(_telling, words)) for words in spellings]
    if engine_of(db).dialect.name == "sqlite":
        return _sqlite_hits(merchant_id, telling)
    return select(Customer.id).where(
        Customer.merchant_id == merchant_id,
        Customer.erased_at.is_(None),
        _has_any(Customer.search_text, telling),
    )


def _has_any(text: _Text, spellings: Iterable[Words]) -> ColumnElement[bool]:
    ways = [and_(*(_has(text, word) for word in words)) for words in spellings]
    return or_(false(), *ways)


def _has(text: _Text, word: str) -> ColumnElement[bool]:
    if len(word) >= _TRIGRAM:
        return text.contains(word, autoescape=True)
    return or_(text.startswith(word, autoescape=True), text.contains(f" {word}", autoescape=True))


def _telling(word: str) -> str:
    """What tells people apart in a word: the end of a phone number, the name in an address."""
    if word.lstrip("+").isdigit():
        return word[-_TELLING_DIGITS:]
    name = word.partition("@")[0]
    return name if len(name) >= _TRIGRAM else word


def _sqlite_hits(merchant_id: int, spellings: Iterable[Words]) -> Select[Any]:
    """Whoever has the trigrams of all words, anywhere."""
    found, merchants = search_index.ROWS.c, 1 << search_index.MERCHANT_BITS
    first = merchant_id * merchants
    query = " OR ".join(f"({_all_trigrams(words)})" for words in spellings)
    return select(found.rowid.bitwise_and(merchants - 1).label("id")).where(
        found[search_index.TABLE].op("MATCH")(query),
        found.rowid.between(first, first + merchants - 1),
    )


def _all_trigrams(words: Words) -> str:
    parts = dict.fromkeys(part for word in words for part in _trigrams(word))
    quoted = [part.replace('"', '""') for part in list(parts)[:_MOST_TRIGRAMS]]
    return " AND ".join(f'"{part}"' for part in quoted)


def _trigrams(word: str) -> list[str]:
    if len(word) < _TRIGRAM:
        return [f"  {word}"[-_TRIGRAM:]]  # each word is indexed with two spaces before it
    return [word[at : at + _TRIGRAM] for at in range(len(word) - _TRIGRAM + 1)]
