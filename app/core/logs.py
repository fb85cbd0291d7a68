"""Logs: one JSON line an event (readable lines on a terminal), without secrets.

Secrets are kept out by the names of fields and by the shapes in which libraries quote
values inside the messages of their exceptions. Addresses of people become a keyed hash.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"
_SECRET_WORDS = frozenset(
    {"pin", "pepper", "token", "password", "authorization", "cookie", "jwt", "secret", "csrf"}
)
_PERSONAL_WORDS = frozenset({"email", "phone"})
# `staff_pin_id`, `token_count`: facts about a secret, not the secret.
_HARMLESS_ENDINGS = frozenset({"id", "ids", "count", "version", "attempts", "locked"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
# How Pydantic, FastAPI, SQLAlchemy and PostgreSQL quote values, and tokens in headers.
_QUOTED_VALUES = (
    (re.compile(r"input_value=.*?, input_type=", re.DOTALL), f"input_value={HIDDEN}, input_type="),
    (re.compile(r"(['\"]input['\"]: ).*"), rf"\1{HIDDEN}"),
    (re.compile(r"\[parameters: .*?\](?=\n|$)", re.DOTALL), f"[parameters: {HIDDEN}]"),
    (re.compile(r"\)=\(.*?\)"), f")=({HIDDEN})"),
    (re.compile(r"\b(Bearer|ApplePass|Basic)\s+\S+", re.IGNORECASE), rf"\1 {HIDDEN}"),
)


def configure_logging(
    *,
    level: str = "INFO",
    hash_key: bytes = b"",
    stream: TextIO | None = None,
    as_json: bool | None = None,
) -> None:
    """Send structlog's and the standard library's logs to one stream (standard error).

    `hash_key` keys the hash of e-mail addresses and phone numbers. `as_json` None: JSON
    unless the stream is a terminal.
    """
    target = stream or sys.stderr
    as_json = not target.isatty() if as_json is None else as_json
    shared = _shared_processors(hash_key)
    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[*shared, *_last_processors(as_json)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:1], structlog.stdlib.add_logger_name, *shared[1:]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                hide_secrets(hash_key),
                *_last_processors(as_json),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # Our own line per request says more, and has no query string.
    logging.getLogger("uvicorn.access").disabled = True
    # It writes whole addresses, tokens in their queries included.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # /readyz asks for the revision


def hide_secrets(hash_key: bytes) -> Processor:
    """A processor that hides secrets and personal addresses, at any depth."""

    def process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {name: _safe(name, value, hash_key) for name, value in event.items()}

    return process


def scrub(text: str) -> str:
    """A message or traceback without the values that libraries quote in it."""
    if " " not in text and ")=(" not in text:  # a single word quotes nothing
        return text
    for pattern, replacement in _QUOTED_VALUES:
        text = pattern.sub(replacement, text)
    return text


def _shared_processors(hash_key: bytes) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        hide_secrets(hash_key),
    ]


def _last_processors(as_json: bool) -> list[Processor]:
    if as_json:
        return [structlog.processors.JSONRenderer(default=repr, ensure_ascii=False)]
    return [structlog.dev.ConsoleRenderer(colors=True, timestamp_key="ts")]


def _safe(name: str, value: Any, hash_key: bytes) -> Any:
    if value is None or isinstance(value, bool):
        return value
    hide = _treatment_of(name)
    if hide is not None:
        return hide(value, hash_key)
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: _safe(str(key), inner, hash_key) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [_safe(name, inner, hash_key) for inner in value]
    return value if isinstance(value, int | float) else scrub(repr(value))


@lru_cache(maxsize=1024)
def _treatment_of(name: str) -> Callable[[Any, bytes], str] | None:
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return None
    if not _SECRET_WORDS.isdisjoint(words):
        return lambda _value, _key: HIDDEN
    return _hashed if not _PERSONAL_WORDS.isdisjoint(words) else None


def _hashed(value: Any, key: bytes) -> str:
    # The same person gives the same mark in all lines, which nobody can turn back.
    return hashlib.blake2b(
        str(value).strip().lower().encode(), key=key[:64], digest_size=8
    ).hexdigest()
