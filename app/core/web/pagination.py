"""`?limit=&cursor=&include_total=` as a dependency."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from app.core.paging import DEFAULT_LIMIT, MAX_CURSOR_CHARACTERS, MAX_LIMIT, PageRequest


async def page_request(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_CHARACTERS)] = None,
    include_total: Annotated[bool, Query()] = False,
) -> PageRequest:
    """The page a caller asks for; anything impossible is refused as `validation_error`."""
    return PageRequest(limit=limit, cursor=cursor, include_total=include_total)


PageQuery = Annotated[PageRequest, Depends(page_request)]
