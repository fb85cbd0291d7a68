"""Pictures to send: harmless ones, and files that only say they are pictures."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

FILES = Path(__file__).parent / "files"
RED, BLUE = (200, 30, 30), (30, 30, 200)
SCRIPT = b"<script>alert(1)</script>"
PLACE = "49.6116N 6.1319E"


def picture(
    file_format: str = "PNG",
    *,
    mode: str = "RGB",
    size: tuple[int, int] = (40, 30),
    color: tuple[int, ...] | int = RED,
    **options: object,
) -> bytes:
    """A picture of one colour."""
    return encoded(Image.new(mode, size, color), file_format, **options)


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def film() -> bytes:
    """A GIF of two frames: red, then blue."""
    return picture(
        "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), BLUE)], duration=100
    )


def photograph() -> bytes:
    """A JPEG taken with the phone turned, with the place and a comment: its top is red."""
    turned = Image.new("RGB", (60, 40), BLUE)
    turned.paste(RED, (0, 0, 20, 40))  # what becomes the top
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees
    exif[0x010E] = PLACE
    return encoded(turned, "JPEG", exif=exif.tobytes(), comment=PLACE.encode())


def polyglot() -> bytes:
    """A PNG with a text inside and a script behind its end."""
    return picture() + SCRIPT


def opened(content: bytes) -> Image.Image:
    """What somebody sees who opens it."""
    image = Image.open(BytesIO(content))
    image.load()
    return image
