"""The built front-end files: their hashed names, icons, and how they are served."""

from __future__ import annotations

import json
import mimetypes
import re
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

URL_PREFIX = "/static"
_HASHED = re.compile(r"-[A-Z0-9]{8}\.\w+$")
_ONE_YEAR = "public, max-age=31536000, immutable"
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/manifest+json", ".webmanifest")


class Assets:
    """Finds the built files by the names that sources use. Works, plainly, before any build."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._names: dict[str, str] = _read_json(directory / "manifest.json")
        self._icons: dict[str, str] = _read_json(directory / "icons.json")

    def url(self, name: str) -> str:
        """The address of a file, such as `app.css` → `/static/app-1A2B3C4D.css`."""
        return f"{URL_PREFIX}/{self._names.get(name, name)}"

    def icon(self, name: str, **attributes: str) -> Markup:
        """A Lucide icon as inline SVG, hidden from screen readers: the words stand beside it."""
        shown = {
            "class": "size-5",
            "viewBox": "0 0 24 24",
            "aria-hidden": "true",
            "focusable": "false",
            "data-icon": name,
            **{key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()},
        }
        written = " ".join(f'{key}="{escape(value)}"' for key, value in shown.items())
        # The body comes from our own build, never from a request.
        return Markup(f"<svg {written}>{self._icons.get(name, '')}</svg>")  # noqa: S704


class StaticFilesWithAge(StaticFiles):
    """Names with a hash never change; the rest is asked about each time (by ETag)."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        is_fixed = bool(_HASHED.search(path)) and response.status_code < 400
        response.headers["Cache-Control"] = _ONE_YEAR if is_fixed else "no-cache"
        if path == "sw.js":
            response.headers["Service-Worker-Allowed"] = "/"
        return response


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
