"""Pictures of a program."""

from __future__ import annotations

from typing import Annotated

from fastapi import UploadFile
from pydantic import Field, computed_field

from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.schemas.fields import Body, Reply, example
from app.modules.loyalty.schemas.program import LOGO_EXAMPLE, MEDIA_PATH


class ImageUpload(Body):
    """A picture for the card, as a form with a file (`multipart/form-data`)."""

    model_config = example({"kind": "logo", "file": "(the content of the file)"})

    kind: PictureKind
    file: Annotated[
        UploadFile, Field(description="PNG, JPEG, GIF or WebP, at most 1 MB and 4 Mpx.")
    ]


class ImageResponse(Reply):
    """A picture as it is served; name it in `PATCH /program` to use it."""

    model_config = example(
        {
            "name": LOGO_EXAMPLE,
            "kind": "logo",
            "url": f"/media/{LOGO_EXAMPLE}",
            "content_type": "image/png",
            "width": 660,
            "height": 412,
        }
    )

    name: str
    kind: str
    content_type: str
    width: int
    height: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def url(self) -> str:
        """The picture's path on this platform."""
        return f"{MEDIA_PATH}/{self.name}"
