"""Pages that need somebody signed in."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.core.errors import Unauthenticated
from app.core.web.context import is_htmx

LOGIN_PATH = "/login"


class SignedInPage(APIRoute):
    """Leads to the sign-in page and back again, instead of answering `unauthenticated`.

    Use it as `APIRouter(route_class=SignedInPage)` for pages of staff and admins.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_lead_away(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthenticated:
                return _to_login(request)

        return handle_or_lead_away


def _to_login(request: Request) -> Response:
    if is_htmx(request):
        page = urlsplit(request.headers.get("hx-current-url", ""))
        address = _login_address(page.path, page.query)
        return Response(status_code=204, headers={"HX-Redirect": address})
    # A form that was sent cannot be sent again after a redirect, and its address is no page.
    path = request.url.path if request.method == "GET" else ""
    return RedirectResponse(_login_address(path, request.url.query), status_code=303)


def _login_address(path: str, query: str) -> str:
    back = f"{path}?{query}" if query else path
    return f"{LOGIN_PATH}?next={quote(back, safe='/')}" if path else LOGIN_PATH
