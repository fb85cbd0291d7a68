"""A simulated Google Wallet: its API with its refusals, its tokens, its page to save a card."""

from __future__ import annotations

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from google.auth import exceptions, jwt
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.fakes import google_pages
from app.fakes.faults import Faulty, error_body
from app.fakes.google_keys import ISSUER_ID, GoogleKeys, root_keys, sign_callback
from app.fakes.google_rules import Refused, Resource, check, check_review, merge

# Says what is wrong with a payload of a type, such as "LoyaltyObject"; `True`: it must be whole.
Validator = Callable[[str, Resource, bool], Iterable[str]]

_KINDS: Final = {"loyaltyClass": "LoyaltyClass", "loyaltyObject": "LoyaltyObject"}
_SCOPE: Final = "https://www.googleapis.com/auth/wallet_object.issuer"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MOST_JWT: Final = 1800
_MOST_RINGS, _RING_WINDOW_S = 3, 86_400
_TOKEN_LIFE_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Call:
    """A request to the API as it came in, and the status it got (0: a fault came instead)."""

    at: float
    method: str
    path: str
    body: Resource
    status: int


class FakeGoogle:
    """An ASGI application; `faults` makes it fail, `calls` tells what it was asked.

    `url` is its own address as its callers write it. `allow_http`: pictures and callbacks may
    be on this machine, as in local work. `validate` looks at every payload.
    """

    def __init__(
        self,
        keys: GoogleKeys,
        *,
        url: str,
        issuer_id: str = ISSUER_ID,
        allow_http: bool = False,
        allow_locations: bool = True,
        validate: Validator | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keys, self.url, self.issuer_id, self.clock = keys, url, issuer_id, clock
        self.allow_http, self.allow_locations = allow_http, allow_locations
        self.resources: dict[str, dict[str, Resource]] = {kind: {} for kind in _KINDS}
        self.tokens: dict[str, float] = {}
        self.token_requests = 0
        self.rings: dict[str, list[float]] = {}
        self.calls: list[Call] = []
        self.callbacks: list[tuple[str, int]] = []
        self._validate = validate
        self.faults = Faulty(Starlette(routes=self._routes()))

    @property
    def classes(self) -> dict[str, Resource]:
        return self.resources["loyaltyClass"]

    @property
    def objects(self) -> dict[str, Resource]:
        return self.resources["loyaltyObject"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.faults(scope, receive, send)

    def forget(self) -> None:
        """No classes, no objects, no faults. Keys and tokens stay."""
        for kept in self.resources.values():
            kept.clear()
        self.rings.clear()
        self.calls.clear()
        self.callbacks.clear()
        self.token_requests, self.allow_locations = 0, True
        self.faults.clear()

    def callback(self, object_id: str, event: str, **changed: Any) -> bytes:
        """What Google posts when a card is saved (`save`) or removed (`del`)."""
        message = {
            "classId": self.objects.get(object_id, {}).get("classId", ""),
            "objectId": object_id,
            "eventType": event,
            "expTimeMillis": int((self.clock() + 3600) * 1000),
            "count": 1,
            "nonce": secrets.token_hex(16),
        }
        signed = sign_callback(self.keys, message | changed, issuer_id=self.issuer_id)
        return json.dumps(signed, ensure_ascii=False).encode()

    def _routes(self) -> list[Route]:
        api = "/walletobjects/v1"
        return [
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
            Route(f"{api}/{{kind}}", self._insert, methods=["POST"]),
            Route(f"{api}/{{kind}}", self._list, methods=["GET"]),
            Route(f"{api}/{{kind}}/{{id}}", self._patch, methods=["PATCH"]),
            Route(f"{api}/{{kind}}/{{id}}", self._get, methods=["GET"]),
            Route("/save/{jwt}", self._save_page, methods=["GET"]),
            Route("/save/{jwt}", self._save, methods=["POST"]),
            Route("/google/cards", self._cards_page),
            Route("/google/cards/{id}/remove", self._remove, methods=["POST"]),
        ]

    async def _token(self, request: Request) -> Response:
        self.token_requests += 1
        form = parse_qs((await request.body()).decode())
        try:
            claims = self._claims(form["assertion"][0], audience=f"{self.url}/token")
        except (ValueError, KeyError, exceptions.GoogleAuthError):
            claims = {}
        if form.get("grant_type") != [_GRANT] or claims.get("scope") != _SCOPE:
            said = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return JSONResponse(said, 400)
        token = f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens[token] = self.clock() + _TOKEN_LIFE_S
        given = {"access_token": token, "expires_in": _TOKEN_LIFE_S, "token_type": "Bearer"}
        return JSONResponse(given)

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse(root_keys(self.keys))

    async def _insert(self, request: Request) -> Response:
        return await self._answer(request, self._inserted)

    async def _patch(self, request: Request) -> Response:
        return await self._answer(request, self._patched)

    async def _get(self, request: Request) -> Response:
        return await self._answer(request, lambda kind, request, _body: self._found(kind, request))

    async def _list(self, request: Request) -> Response:
        return await self._answer(request, self._listed)

    async def _answer(
        self, request: Request, act: Callable[[str, Request, Resource], Resource]
    ) -> Response:
        kind = request.path_params["kind"]
        raw = await request.body()
        body: Resource = json.loads(raw) if raw else {}
        try:
            self._check_token(request)
            if kind not in _KINDS:
                raise Refused(404, "notFound", "Unknown resource")
            found = act(kind, request, body)
        except Refused as refused:
            self._note(request, body, refused.status)
            content = error_body(refused.status, refused.reason, refused.message)
            return Response(content, refused.status, media_type="application/json")
        self._note(request, body, 200)
        return JSONResponse(found)

    def _inserted(self, kind: str, _request: Request, body: Resource) -> Resource:
        self._check_shape(kind, body, is_whole=True)
        resource = merge({}, body)
        self._check(kind, resource, old=None)
        if resource["id"] in self.resources[kind]:
            raise Refused(409, "existingResource", f"{resource['id']} already exists.")
        if kind == "loyaltyObject":
            self._check_class(resource["classId"])
            resource["hasUsers"] = False
        self.resources[kind][resource["id"]] = resource
        return resource

    def _patched(self, kind: str, request: Request, body: Resource) -> Resource:
        old = self._found(kind, request)
        self._check_shape(kind, merge({}, body), is_whole=False)
        rings = body.pop("notifyPreference", None) == "NOTIFY_ON_UPDATE"
        resource = merge(old, body)
        self._check(kind, resource, old=old, sent_status=body.get("reviewStatus"))
        if rings:
            self._ring(resource["id"])
        self.resources[kind][resource["id"]] = resource
        return resource

    def _listed(self, kind: str, request: Request, _body: Resource) -> Resource:
        class_id = request.query_params.get("classId", "")
        if class_id not in self.classes:
            raise Refused(404, "classNotFound", f"Class {class_id} not found.")
        size = int(request.query_params.get("maxResults", "20"))
        start = int(request.query_params.get("token", "0"))
        found = [one for one in self.resources[kind].values() if one["classId"] == class_id]
        page = found[start : start + size]
        pagination: Resource = {"resultsPerPage": len(page)}
        if start + size < len(found):
            pagination["nextPageToken"] = str(start + size)
        if "fields" in request.query_params:  # a partial response; this is the one asked for
            page = [{name: one[name] for name in ("id", "hasUsers")} for one in page]
        return {"resources": page, "pagination": pagination}

    def _found(self, kind: str, request: Request) -> Resource:
        resource = self.resources[kind].get(request.path_params["id"])
        if resource is None:
            reason = "classNotFound" if kind == "loyaltyClass" else "resourceNotFound"
            raise Refused(404, reason, f"{request.path_params['id']} not found.")
        return resource

    def _check_token(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= self.clock():
            raise Refused(401, "authError", "Invalid Credentials")

    def _check_shape(self, kind: str, body: Resource, *, is_whole: bool) -> None:
        wrong = list(self._validate(_KINDS[kind], body, is_whole)) if self._validate else []
        if wrong:
            raise Refused(400, "invalidResource", "; ".join(wrong))

    def _check(
        self, kind: str, resource: Resource, *, old: Resource | None, sent_status: str | None = None
    ) -> None:
        check(
            _KINDS[kind],
            resource,
            allow_http=self.allow_http,
            allow_locations=self.allow_locations,
        )
        if resource["id"].partition(".")[0] != self.issuer_id:
            raise Refused(403, "permissionDenied", "Permission denied for the issuer.")
        if kind == "loyaltyClass":
            sent = sent_status if old else resource["reviewStatus"]
            resource["reviewStatus"] = check_review(old["reviewStatus"] if old else None, sent)

    def _check_class(self, class_id: str) -> None:
        if class_id not in self.classes:
            raise Refused(404, "classNotFound", f"Class {class_id} not found.")
        if self.classes[class_id]["reviewStatus"] != "APPROVED":
            raise Refused(400, "invalidResource", "The class is not approved.")

    def _ring(self, object_id: str) -> None:
        now = self.clock()
        recent = [at for at in self.rings.get(object_id, []) if at > now - _RING_WINDOW_S]
        if len(recent) >= _MOST_RINGS:
            raise Refused(403, "quotaExceeded", "Notification quota exceeded for the object.")
        self.rings[object_id] = [*recent, now]

    def _note(self, request: Request, body: Resource, status: int) -> None:
        path = request.url.path.removeprefix("/walletobjects/v1/")
        self.calls.append(Call(self.clock(), request.method, path, body, status))

    def _claims(self, token: str, *, audience: str) -> Resource:
        claims: Resource = jwt.decode(  # type: ignore[no-untyped-call]  # google-auth's own
            token, certs=self.keys.account_public_pem, audience=audience
        )
        if claims.get("iss") != self.keys.client_email:
            raise ValueError("another account")
        return claims

    def _named_in(self, token: str) -> list[str]:
        """The objects that a save address names.

        Raises:
            ValueError, GoogleAuthError: Google would show its page of errors.
        """
        if len(token) >= _MOST_JWT:
            raise ValueError("the address is too long")
        claims = self._claims(token, audience="google")
        if claims.get("typ") != "savetowallet":
            raise ValueError("not a save link")
        ids = [one["id"] for one in claims["payload"]["loyaltyObjects"]]
        if any(one not in self.objects for one in ids):
            raise ValueError("the card does not exist")
        return ids

    async def _save_page(self, request: Request) -> Response:
        try:
            ids = self._named_in(request.path_params["jwt"])
        except (ValueError, KeyError, exceptions.GoogleAuthError) as error:
            return HTMLResponse(google_pages.error_page(str(error)), 400)
        cards = [self._shown(one) for one in ids]
        language = request.query_params.get("hl", "en")
        return HTMLResponse(google_pages.save_page(cards, language))

    async def _save(self, request: Request) -> Response:
        try:
            ids = self._named_in(request.path_params["jwt"])
        except (ValueError, KeyError, exceptions.GoogleAuthError) as error:
            return HTMLResponse(google_pages.error_page(str(error)), 400)
        for one in ids:
            await self._tell(one, is_saved=True)
        return RedirectResponse("/google/cards", 303)

    async def _cards_page(self, request: Request) -> Response:
        cards = [self._shown(one) for one, kept in self.objects.items() if kept["hasUsers"]]
        language = request.query_params.get("hl", "en")
        return HTMLResponse(google_pages.cards_page(cards, language, self.clock()))

    async def _remove(self, request: Request) -> Response:
        if request.path_params["id"] in self.objects:
            await self._tell(request.path_params["id"], is_saved=False)
        return RedirectResponse("/google/cards", 303)

    def _shown(self, object_id: str) -> tuple[Resource, Resource]:
        found = self.objects[object_id]
        return self.classes[found["classId"]], found

    async def _tell(self, object_id: str, *, is_saved: bool) -> None:
        self.objects[object_id]["hasUsers"] = is_saved
        url = self._shown(object_id)[0].get("callbackOptions", {}).get("url")
        if url:
            body = self.callback(object_id, "save" if is_saved else "del")
            self.callbacks.append((object_id, await run_in_threadpool(_post, url, body)))


def _post(url: str, body: bytes) -> int:
    request = urllib.request.Request(  # noqa: S310  # the platform's own address
        url, body, {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
