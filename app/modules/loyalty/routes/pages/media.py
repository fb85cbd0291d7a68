"""/media: merchants' pictures, for browsers and for phones' wallets."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from app.core.web.db import Db
from app.core.web.headers import IfNoneMatch, is_known
from app.modules.loyalty.schemas.program import MEDIA_PATH
from app.modules.loyalty.services import image_service

router = APIRouter()
# The name is a hash of the content: what it leads to never changes.
_FOREVER: Final = "public, max-age=31536000, immutable"
ImageName = Annotated[str, Path(max_length=80)]


@router.api_route(f"{MEDIA_PATH}/{{name}}", methods=["GET", "HEAD"])
def show_image(db: Db, name: ImageName, if_none_match: IfNoneMatch = None) -> Response:
    """A logo or large picture as we drew it."""
    image = image_service.read_image(db, name=name)
    headers = {
        "Cache-Control": _FOREVER,
        "ETag": f'"{name}"',
        "Content-Security-Policy": "default-src 'none'",
    }
    if is_known(if_none_match, f'"{name}"'):
        return Response(status_code=304, headers=headers)
    return Response(image["content"], headers=headers, media_type=image["content_type"])
