"""A small application made of the core's parts, with routes that misbehave on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, cast

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import create_engine
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import sessionmaker
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from app.core.config import Settings
from app.core.errors import AppError, EditConflict
from app.core.module import Module
from app.core.web.csrf import csrf_token
from app.core.web.db import Db
from app.core.web.headers import Id, IdempotencyKey
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.core.web.rate_limits import rate_limit
from app.core.web.setup import set_up_web
from app.core.web.templates import page

MakeClient = Callable[..., TestClient]


class TooSoon(AppError):
    """The tests' own refusal."""

    code = "test_too_soon"
    status = 409


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=2, max_length=10, description="A name.", examples=["Anna"])
    quantity: int = Field(1, ge=1, le=20, strict=True)
    secret: str | None = None


SENTENCES = {
    "en": "Possible again at {at}.",
    "fr": "Possible de nouveau à {at}.",
    "de": "Wieder möglich um {at}.",
    "lb": "Nees méiglech um {at}.",
}
DATABASE_FAULTS = {
    "away": OperationalError("SELECT canary", {"pin": "canary"}, Exception("server closed")),
    "pool": PoolTimeout("QueuePool limit"),
    "data": DataError("INSERT canary", {"pin": "canary"}, Exception("out of range")),
    "unique": IntegrityError("INSERT canary", {"pin": "canary"}, Exception("UNIQUE")),
    "cut": IntegrityError("INSERT canary", {}, Exception("gone"), connection_invalidated=True),
}


api, pages = APIRouter(prefix="/things", tags=["things"]), APIRouter()


@api.get("/refused", responses=answers(TooSoon, EditConflict))
def refused() -> None:
    raise TooSoon(at=datetime(2020, 1, 2, 12, 30, tzinfo=UTC), left=3)


@api.post("/body", status_code=201)
def body(body: Body, key: IdempotencyKey = None) -> dict[str, object]:
    return {"name": body.name, "key": key}


@api.get("/number/{thing_id}")
def number(thing_id: Id) -> int:
    return thing_id


@api.get("/list")
def listing(page: PageQuery) -> dict[str, object]:
    return {"limit": page.limit, "cursor": page.cursor, "total": page.include_total}


@api.get("/state")
async def state(request: Request) -> dict[str, object]:
    return {"ip": request.state.client_ip, "id": request.state.request_id}


@api.get("/crash")
def crash() -> None:
    raise RuntimeError("canary in a message of ours")


@api.get("/database/{fault}")
def database(fault: str) -> None:
    raise DATABASE_FAULTS[fault]


@api.get("/http/{status}")
def http(status: int) -> None:
    raise HTTPException(status, "canary")


@api.get("/cached")
def cached() -> Response:
    return Response("x", headers={"Cache-Control": "private, no-cache", "ETag": '"1"'})


@api.get("/limited", dependencies=[Depends(rate_limit("limited", "2/minute"))])
def limited() -> str:
    return "ok"


@api.get(
    "/looked-up/{found}",
    dependencies=[Depends(rate_limit("misses", "2/minute", only_status=404))],
)
def looked_up(found: bool) -> str:
    if not found:
        raise HTTPException(404)
    return "ok"


@api.get("/session")
def session(request: Request, db: Db) -> bool:
    request.app.state.seen = db
    db.connection()
    return db.in_transaction()


@pages.get("/page")
def a_page(request: Request) -> Response:
    return page(request, "sample/page.html", name="<b>{{7*7}}</b>")


@pages.get("/refused")
def refused_page() -> None:
    raise TooSoon(at=datetime(2020, 1, 2, 12, 30, tzinfo=UTC))


@pages.get("/crash")
def crashed_page() -> None:
    raise RuntimeError("canary")


@pages.post("/form")
def form(name: Annotated[str, Form()]) -> str:
    return name


@pytest.fixture
def make_client(tmp_path: Path) -> Any:
    """Make a client; keyword arguments are settings, `peer` is its address."""
    locales, templates = tmp_path / "locales", tmp_path / "templates"
    (templates / "sample").mkdir(parents=True)
    locales.mkdir()
    for language, sentence in SENTENCES.items():
        texts = {"errors": {"test_too_soon": sentence}, "sample": {"title": f"Title {language}"}}
        (locales / f"{language}.json").write_text(json.dumps(texts), encoding="utf-8")
    (templates / "sample" / "page.html").write_text(
        '{% extends "base.html" %}{% block content %}<h1>{{ t("sample.title") }}</h1>'
        '<p id="name">{{ name }}</p>{{ qr_svg("O1:abc", title="Card & code") }}{% endblock %}'
    )

    def make(*, peer: str = "198.51.100.7", **values: Any) -> TestClient:
        settings = Settings(data_dir=tmp_path / "var", **values)
        app = FastAPI(title="Test", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
        app.state.sessionmaker = sessionmaker(create_engine("sqlite://"))
        module = Module(
            "sample",
            api_routers=(api,),
            page_routers=(pages,),
            locales_dir=locales,
            templates_dir=templates,
        )
        set_up_web(app, settings, (module,))
        return TestClient(
            app, base_url=settings.base_url, client=(peer, 5000), follow_redirects=False
        )

    return make


@pytest.fixture
def client(make_client: MakeClient) -> TestClient:
    return make_client()


@pytest.fixture
def token_of() -> Any:
    """The CSRF token of a browser id, as a page would have written it."""

    def find(client: TestClient, browser_id: str) -> str:
        return csrf_token(cast(FastAPI, client.app).state.web.keyring, browser_id)

    return find
