"""/store/loyalty/program: the merchant's program, its preview and its pictures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import EditConflict, PayloadTooLarge, ValidationFailed
from app.core.web.context import translator_of
from app.core.web.db import Db
from app.core.web.headers import IfMatch, IfNoneMatch, is_known
from app.core.web.problem import answers
from app.modules.loyalty.errors import ImageRejected, ProgramExists, ProgramNotFound
from app.modules.loyalty.routes.api.answers import (
    AT_A_STORE,
    READS,
    WRITES,
    cached,
    not_modified,
    with_etag,
)
from app.modules.loyalty.routes.deps import ManagerCaller, StaffCaller, StoreManagerCaller
from app.modules.loyalty.routes.preview_wording import preview_sentences
from app.modules.loyalty.routes.program_view import program_answer
from app.modules.loyalty.schemas.images import ImageResponse, ImageUpload
from app.modules.loyalty.schemas.program import (
    ProgramCreate,
    ProgramPreviewResponse,
    ProgramResponse,
    ProgramUpdate,
)
from app.modules.loyalty.services import image_service, program_preview, program_service

router = APIRouter(prefix="/store/loyalty/program", tags=["Program"])
_ASK_FIRST = "private, no-cache"
ImageForm = Annotated[ImageUpload, Form(media_type="multipart/form-data")]


@router.get(
    "",
    response_model=ProgramResponse,
    responses={**cached(), **answers(*READS, ValidationFailed, ProgramNotFound)},
)
def get_program(
    request: Request,
    db: Db,
    response: Response,
    caller: StaffCaller,
    if_none_match: IfNoneMatch = None,
) -> ProgramResponse | Response:
    """The merchant's program."""
    program = program_service.get_program(db, merchant_id=caller.merchant_id)
    answer = program_answer(request, db, response, program)
    etag = response.headers["ETag"]
    if is_known(if_none_match, etag):
        return not_modified(etag, cache_control=_ASK_FIRST)
    response.headers["Cache-Control"] = _ASK_FIRST
    return answer


@router.post(
    "",
    status_code=201,
    response_model=ProgramResponse,
    responses={**with_etag(201), **answers(*AT_A_STORE, ProgramExists)},
)
def create_program(
    request: Request, db: Db, response: Response, caller: StoreManagerCaller, body: ProgramCreate
) -> ProgramResponse:
    """Create the program: each merchant has one."""
    assert caller.store_id is not None
    program = program_service.create_program(db, store_id=caller.store_id, data=body, caller=caller)
    return program_answer(request, db, response, program)


@router.patch(
    "",
    response_model=ProgramResponse,
    responses={**with_etag(), **answers(*WRITES, ProgramNotFound, EditConflict)},
)
def update_program(
    request: Request,
    db: Db,
    response: Response,
    caller: ManagerCaller,
    body: ProgramUpdate,
    if_match: IfMatch = None,
) -> ProgramResponse:
    """Change the program. A lower target counts at once for the cards above it.

    Everything else about target and reward reaches a card when nothing is collected on it.
    """
    program = program_service.update_program(
        db, merchant_id=caller.merchant_id, data=body, if_match=if_match, caller=caller
    )
    return program_answer(request, db, response, program)


@router.post(
    "/preview",
    response_model=ProgramPreviewResponse,
    responses=answers(*WRITES, ProgramNotFound),
)
def preview_program(
    request: Request, db: Db, caller: ManagerCaller, body: ProgramUpdate
) -> ProgramPreviewResponse:
    """Whom a change of the program would touch, in numbers and in words. Nothing is written."""
    preview = program_preview.preview_update(db, merchant_id=caller.merchant_id, data=body)
    sentences = preview_sentences(translator_of(request), preview)
    return ProgramPreviewResponse(**preview, sentences=sentences)


@router.post(
    "/images",
    status_code=201,
    response_model=ImageResponse,
    responses=answers(*WRITES, ProgramNotFound, PayloadTooLarge, ImageRejected),
)
def send_image(db: Db, caller: ManagerCaller, form: ImageForm) -> ImageResponse:
    """Send a logo or large picture. It is drawn anew, and shows once the program names it."""
    image = image_service.store_image(
        db,
        merchant_id=caller.merchant_id,
        content=form.file.file.read(),
        kind=form.kind,
        caller=caller,
    )
    return ImageResponse.model_validate(image)
