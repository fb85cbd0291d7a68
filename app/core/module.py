"""What a module tells the application about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy.orm import Session

from app.core.jobs import Job

Report = Callable[[Session, datetime], Mapping[str, str]]


@dataclass(frozen=True)
class Module:
    """One part of the business: its place, its routers, its words and its pages.

    `api_routers` are mounted under /api/v1, `page_routers` at the root. Templates are found
    as `<code>/...` below `templates_dir`; keys of its locale files may not exist elsewhere.
    `jobs` run apart from requests, once per slot over all processes. `report` says in a word
    each how services outside are doing, such as {"google_wallet": "paused"}; it asks none of
    them, and raises nothing.
    """

    code: str
    depends_on: tuple[str, ...] = ()
    api_routers: tuple[APIRouter, ...] = ()
    page_routers: tuple[APIRouter, ...] = ()
    locales_dir: Path | None = None
    templates_dir: Path | None = None
    jobs: tuple[Job, ...] = ()
    report: Report | None = None


def in_order(modules: tuple[Module, ...]) -> tuple[Module, ...]:
    """The same modules, each after those it depends on.

    Raises:
        ValueError: a module is missing or two depend on each other.
    """
    done: dict[str, Module] = {}
    waiting = list(modules)
    while waiting:
        ready = [m for m in waiting if all(code in done for code in m.depends_on)]
        if not ready:
            raise ValueError(f"unmet dependencies of {', '.join(m.code for m in waiting)}")
        done.update((m.code, m) for m in ready)
        waiting = [m for m in waiting if m.code not in done]
    return tuple(done.values())
