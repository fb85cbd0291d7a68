"""`?limit=&cursor=&include_total=` as a dependency, and the refusal of what no list knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import Depends, Query
from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from app.core.errors import FieldError, ValidationFailed
from app.core.paging import DEFAULT_LIMIT, MAX_CURSOR_CHARACTERS, MAX_LIMIT, PageRequest

# Says where the caller stands: allowed on lists that need no store, too.
_EVERYWHERE: Final = frozenset({"store"})


async def page_request(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(min_length=1, max_length=MAX_CURSOR_CHARACTERS)] = None,
    include_total: Annotated[bool, Query()] = False,
) -> PageRequest:
    """The page a caller asks for; anything impossible is refused as `validation_error`.

    So is a filter that the list does not know: misspelt and ignored, it would list everything.
    """
    asked = request.query_params
    if asked:
        known = _EVERYWHERE.union(_names(request.scope["route"].dependant))
        unknown = sorted(set(asked) - known)
        if unknown:
            errors = (FieldError(("query", name), "extra_forbidden") for name in unknown)
            raise ValidationFailed(*errors)
    return PageRequest(limit=limit, cursor=cursor, include_total=include_total)


def _names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of everything it depends on."""
    for parameter in dependant.query_params:
        yield parameter.alias
    for inner in dependant.dependencies:
        yield from _names(inner)


PageQuery = Annotated[PageRequest, Depends(page_request)]
