"""/loyalty: what anybody may know."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import Unavailable, ValidationFailed
from app.core.web.context import web_of
from app.core.web.db import Db
from app.core.web.headers import IfNoneMatch, etag_of, is_known
from app.core.web.problem import answers
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.routes.api.answers import cached, not_modified
from app.modules.loyalty.schemas.program import PublicProgramResponse
from app.modules.loyalty.services import program_service
from app.modules.tenancy.errors import StoreNotFound

router = APIRouter(prefix="/loyalty", tags=["Public"])
_ASK_FIRST = "public, no-cache"
StoreCode = Annotated[str, Path(min_length=1, max_length=63, examples=["cafe-bleu"])]


@router.get(
    "/programs/{store_code}",
    response_model=PublicProgramResponse,
    responses={
        **cached(),
        **answers(StoreNotFound, ProgramNotFound, ValidationFailed, Unavailable),
    },
)
def get_public_program(
    request: Request,
    db: Db,
    response: Response,
    store_code: StoreCode,
    if_none_match: IfNoneMatch = None,
) -> dict[str, Any] | Response:
    """What somebody who may join a store's program should know."""
    program = program_service.public_program(db, store_code=store_code)
    etag = etag_of(sorted(program.items()))
    if is_known(if_none_match, etag):
        return not_modified(etag, cache_control=_ASK_FIRST)
    response.headers.update({"ETag": etag, "Cache-Control": _ASK_FIRST})
    return {**program, "languages": list(web_of(request).catalogue.languages)}
