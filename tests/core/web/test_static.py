import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from app.core.web.static import Assets, StaticFilesWithAge

MakeClient = Callable[..., TestClient]


@pytest.fixture
def built(tmp_path: Path) -> Any:
    (tmp_path / "manifest.json").write_text(json.dumps({"app.css": "app-1A2B3C4D.css"}))
    (tmp_path / "icons.json").write_text(json.dumps({"check": '<path d="M1 1"/>'}))
    for name in ("app-1A2B3C4D.css", "reader-ABCDEFGH.wasm", "sw.js", "plain.css"):
        (tmp_path / name).write_text("x" * 2000)
    return tmp_path


@pytest.fixture
def client(built: Path) -> Any:
    app = FastAPI()
    app.mount("/static", StaticFilesWithAge(directory=built))
    return TestClient(app)


def test_given_a_built_file_when_named_then_the_address_has_its_hash(built: Path) -> None:
    assert Assets(built).url("app.css") == "/static/app-1A2B3C4D.css"
    assert Assets(built).url("other.js") == "/static/other.js"


def test_given_no_build_when_named_then_pages_still_render(tmp_path: Path) -> None:
    assets = Assets(tmp_path / "missing")
    assert assets.url("app.css") == "/static/app.css"
    assert assets.icon("check").endswith("></svg>")


def test_given_an_icon_when_drawn_then_it_is_inline_and_hidden_from_readers(built: Path) -> None:
    svg = Assets(built).icon("check", **{"class": 'size-4"><script>', "stroke_width": "3"})
    assert '<path d="M1 1"/></svg>' in svg
    assert 'aria-hidden="true"' in svg
    assert 'stroke-width="3"' in svg
    assert "<script>" not in svg


def test_given_a_hashed_name_when_served_then_it_may_be_kept_for_ever(client: TestClient) -> None:
    headers = client.get("/static/app-1A2B3C4D.css").headers
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    assert headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("name", ["plain.css", "sw.js", "manifest.json"])
def test_given_a_plain_name_when_served_then_it_is_asked_about_each_time(
    client: TestClient, name: str
) -> None:
    first = client.get(f"/static/{name}")
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(f"/static/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_given_the_reader_when_served_then_browsers_take_it_for_wasm(client: TestClient) -> None:
    assert client.get("/static/reader-ABCDEFGH.wasm").headers["content-type"] == "application/wasm"


def test_given_the_service_worker_when_served_then_it_may_control_the_whole_site(
    client: TestClient,
) -> None:
    answer = client.get("/static/sw.js")
    assert answer.headers["service-worker-allowed"] == "/"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "service-worker-allowed" not in client.get("/static/plain.css").headers


@pytest.mark.parametrize("path", ["../conftest.py", "%2e%2e/secret", "none-1A2B3C4D.css", ""])
def test_given_a_file_that_is_none_of_ours_when_asked_then_it_is_not_found(
    client: TestClient, path: str
) -> None:
    answer = client.get(f"/static/{path}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


def test_given_the_whole_application_when_a_large_file_is_asked_then_it_is_compressed(
    make_client: MakeClient, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.core.web.setup.STATIC_DIR", built)
    answer = make_client().get("/static/app-1A2B3C4D.css", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers.get_list("cache-control") == ["public, max-age=31536000, immutable"]
