"""The simulated iPhone's screen: plain pages that follow what happens on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import segno
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from app.fakes.phone import LANGUAGES, Phone, Refused, shown
from app.fakes.pkpass import BadPass, PassFile

_PICTURES: Final = ("icon", "logo", "strip")
_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)


def create_app(phone: Phone, *, shop_url: str = "") -> Starlette:
    """The pages of `phone` at `/phone`. `shop_url` is where a first pass comes from."""
    screen = _Screen(phone, shop_url)
    return Starlette(
        routes=[
            Route("/", lambda _request: RedirectResponse("/phone")),
            Route("/phone", screen.show),
            Route("/phone/state", screen.state),
            Route("/phone/add", screen.add, methods=["GET", "POST"]),
            Route("/phone/settings", screen.set, methods=["POST"]),
            Route("/phone/passes/{serial}/refresh", screen.refresh, methods=["POST"]),
            Route("/phone/passes/{serial}/remove", screen.remove, methods=["POST"]),
            Route("/phone/passes/{serial}/{name}.png", screen.picture),
        ]
    )


class _Screen:
    """What is asked of the phone by its holder's fingers."""

    def __init__(self, phone: Phone, shop_url: str) -> None:
        self._phone, self._shop_url = phone, shop_url

    async def show(self, _request: Request) -> Response:
        phone = self._phone
        page = _TEMPLATES.get_template("phone.html").render(
            phone=phone,
            languages=LANGUAGES,
            shop_url=self._shop_url,
            cards=[_card(phone, held.file) for held in reversed(phone.passes.values())],
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    async def state(self, _request: Request) -> Response:
        """By `version` the page sees that it is behind."""
        return JSONResponse({"version": self._phone.version})

    async def add(self, request: Request) -> Response:
        """By the form, or by a link that another page of this machine shows."""
        said = await request.form() if request.method == "POST" else request.query_params
        return await self._do(self._phone.add, str(said.get("url", "")).strip())

    async def refresh(self, request: Request) -> Response:
        return await self._do(self._phone.refresh, request.path_params["serial"])

    async def remove(self, request: Request) -> Response:
        return await self._do(self._phone.remove, request.path_params["serial"])

    async def set(self, request: Request) -> Response:
        form = await request.form()
        if "language" in form:
            self._phone.set_language(str(form["language"]))
        if "updates" in form:
            await run_in_threadpool(self._phone.set_updates, on=form["updates"] == "on")
        if "token" in form:
            await run_in_threadpool(self._phone.new_token)
        return RedirectResponse("/phone", 303)

    async def picture(self, request: Request) -> Response:
        held = self._phone.passes.get(request.path_params["serial"])
        name = request.path_params["name"]
        found = held.file.picture(name) if held and name in _PICTURES else None
        if found is None:
            return Response(status_code=404)
        return Response(found, media_type="image/png", headers={"Cache-Control": "no-store"})

    async def _do(self, act: Any, what: str) -> Response:
        try:
            await run_in_threadpool(act, what)
        except (Refused, BadPass) as trouble:
            return HTMLResponse(_page_of_trouble(str(trouble)), 422)
        except KeyError:
            return Response(status_code=404)
        return RedirectResponse("/phone", 303)


def _card(phone: Phone, file: PassFile) -> dict[str, Any]:
    """A pass as the page draws it."""
    language, said = phone.language, file.said

    def fields(part: str) -> list[dict[str, str]]:
        return [
            {
                "key": field["key"],
                "label": file.word(field.get("label", ""), language),
                "value": shown(field, file, language),
            }
            for field in file.fields(part)
        ]

    code = next(iter(said.get("barcodes", [])), None)
    return {
        "serial": file.serial,
        "organization": said["organizationName"],
        "description": file.word(said["description"], language),
        "logo_text": file.word(said.get("logoText", ""), language),
        "background": said.get("backgroundColor", "rgb(60, 60, 67)"),
        "ink": said.get("foregroundColor", "rgb(255, 255, 255)"),
        "label_ink": said.get("labelColor", "rgb(255, 255, 255)"),
        "has": {name: file.picture(name) is not None for name in _PICTURES},
        "header": fields("headerFields"),
        "primary": fields("primaryFields"),
        "rows": [row for part in ("secondaryFields", "auxiliaryFields") if (row := fields(part))],
        "back": fields("backFields"),
        "code": code and segno.make(code["message"], error="m").svg_inline(border=2, omitsize=True),
        "code_text": code.get("altText", "") if code else "",
        "message": code["message"] if code else "",
        "is_void": bool(said.get("voided")),
        "places": [
            file.word(place.get("relevantText", ""), language)
            for place in said.get("locations", [])
        ],
    }


def _page_of_trouble(text: str) -> str:
    return _TEMPLATES.get_template("trouble.html").render(text=text)
