"""Limits on how often something may be asked, kept in this process's memory.

They make abuse slow; what must hold across processes and restarts (PINs, codes, enrolments)
counts in the database instead.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from app.core.errors import RateLimited

KeyFunction = Callable[[Request], str]


def by_ip(request: Request) -> str:
    """One count for each client address."""
    return request.state.client_ip or "unknown"


@dataclass(frozen=True)
class _Counter:
    """One limit as it applies to one caller."""

    name: str
    limit: RateLimitItem
    key: str


class RateLimits:
    """All limits of one application. `overrides` replaces rates by name, such as `20/minute`."""

    def __init__(self, overrides: Mapping[str, str] | None = None) -> None:
        self._overrides = {name: parse(rate) for name, rate in (overrides or {}).items()}
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def counter(self, name: str, rate: str, key: str) -> _Counter:
        """The count of one caller, under the configured rate or `rate`."""
        return _Counter(name, self._overrides.get(name) or _parsed(rate), key)

    def hit(self, counter: _Counter) -> None:
        """Count one request.

        Raises:
            RateLimited: the limit was reached already.
        """
        if not self._limiter.hit(counter.limit, counter.name, counter.key):
            raise RateLimited(retry_after_seconds=self._wait_s(counter))

    def check(self, counter: _Counter) -> None:
        """Refuse when the limit is reached, without counting.

        Raises:
            RateLimited: as `hit`.
        """
        if not self._limiter.test(counter.limit, counter.name, counter.key):
            raise RateLimited(retry_after_seconds=self._wait_s(counter))

    def headers(self, counter: _Counter) -> list[tuple[bytes, bytes]]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        stats = self._limiter.get_window_stats(counter.limit, counter.name, counter.key)
        policy = f'"{counter.name}";q={counter.limit.amount};w={counter.limit.get_expiry()}'
        state = f'"{counter.name}";r={stats.remaining};t={_seconds_until(stats.reset_time)}'
        return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", state.encode())]

    def _wait_s(self, counter: _Counter) -> int:
        stats = self._limiter.get_window_stats(counter.limit, counter.name, counter.key)
        return _seconds_until(stats.reset_time)


def _seconds_until(reset_time: float) -> int:
    return max(1, math.ceil(reset_time - time.time()))


_parsed = cache(parse)  # a route's rate stands in the code, and every request asks for it


def rate_limit(
    name: str, rate: str, *, key: KeyFunction = by_ip, only_status: int | None = None
) -> Callable[[Request], Awaitable[None]]:
    """A dependency that limits a route to `rate` a caller, such as `20/minute`.

    With `only_status` only answers of that status count (misses: 404), yet once the limit is
    reached every request is refused.
    """
    _parsed(rate)

    async def limit(request: Request) -> None:
        limits: RateLimits = request.app.state.web.limits
        counter = limits.counter(name, rate, key(request))
        request.state.limits = [*getattr(request.state, "limits", []), (counter, only_status)]
        (limits.hit if only_status is None else limits.check)(counter)

    return limit
