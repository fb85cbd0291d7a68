"""Request headers that several routes understand, and entity tags."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from fastapi import Header, Path
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from app.core.errors import EditConflict

_TAG = re.compile(r'(?:W/)?("[^"]*")')
_INTEGER = re.compile(r"-?[0-9]+")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="The caller's name for one intent: the same key gives the same answer again.",
        examples=["till-7-0001"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1000, description="The ETag the change is based on."),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", max_length=1000, description="The ETag already known."),
]


def _written_as_ever(text: str) -> str:
    """Each thing has one address: `+1`, `1.0` and digits of other scripts are none."""
    if not _INTEGER.fullmatch(text):
        raise PydanticCustomError("int_parsing", "int_parsing")
    return text


# Ids are 64-bit identity integers; what does not fit would make a database raise.
Id = Annotated[int, Path(ge=1, le=2**63 - 1), BeforeValidator(_written_as_ever)]


def etag_of(*facts: object) -> str:
    """A strong entity tag over facts that change whenever the representation does."""
    digest = hashlib.sha256(repr(facts).encode("utf-8", "replace")).hexdigest()
    return f'"{digest[:20]}"'


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Does the caller hold this version already, so that 304 will do (RFC 9110, 13.1.2)?"""
    return _matches(if_none_match, etag)


def check_if_match(if_match: str | None, etag: str) -> None:
    """Refuse a change based on another version (RFC 9110, 13.1.1); without the header allow it.

    Raises:
        EditConflict: somebody else was faster.
    """
    if if_match is not None and not _matches(if_match, etag):
        raise EditConflict


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and (header.strip() == "*" or etag in _TAG.findall(header))
