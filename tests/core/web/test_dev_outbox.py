"""The page where e-mails arrive while somebody tries the platform."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.config import load_settings
from app.core.db import atomic
from app.core.mail import outbox
from app.main import create_app

PAGE = {"accept": "text/html"}
PRODUCTION = {
    "env": "production",
    "base_url": "https://loyalty.example",
    "secret_key": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "pin_pepper": "b1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "ledger_key": "c1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
}


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """The page only reads; its statement is proved on both databases elsewhere."""
    return sqlite_engine


def client_of(database_url: str, tmp_path: Path, **values: Any) -> TestClient:
    settings = load_settings(database_url=database_url, data_dir=tmp_path / "var", **values)
    return TestClient(create_app(settings), base_url=settings.base_url)


def test_given_emails_when_the_page_is_opened_then_their_texts_stand_there_newest_first(
    db: Session, database_url: str, tmp_path: Path
) -> None:
    for minutes, text in enumerate(("Code 111111", "Code 222222 <b>&")):
        with atomic(db):
            outbox.enqueue(
                db, to="zoe@example.lu", subject="Äre Code", text=text, purpose="sign_in_code",
                now=utc_now() + timedelta(minutes=minutes),
            )  # fmt: skip
    answer = client_of(database_url, tmp_path).get("/dev/outbox", headers=PAGE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "zoe@example.lu" in answer.text
    assert "Äre Code" in answer.text
    assert 0 < answer.text.index("Code 222222 &lt;b&gt;&amp;") < answer.text.index("Code 111111")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "No e-mail yet"),
        ("fr", "Aucun e-mail pour"),
        ("de", "Noch keine E-Mail"),
        ("lb", "Nach keng E-Mail"),
    ],
)
def test_given_an_empty_outbox_when_the_page_is_opened_then_it_says_what_will_come(
    database_url: str, tmp_path: Path, language: str, sentence: str
) -> None:
    headers = PAGE | {"accept-language": language}
    assert sentence in client_of(database_url, tmp_path).get("/dev/outbox", headers=headers).text


@pytest.mark.parametrize("values", [PRODUCTION, {"smtp_url": "smtp://mail.example"}])
def test_given_production_or_a_mail_server_when_the_page_is_opened_then_there_is_none(
    db: Session, database_url: str, tmp_path: Path, values: dict[str, str]
) -> None:
    with atomic(db):
        outbox.enqueue(
            db, to="zoe@example.lu", subject="s", text="canary", purpose="p", now=utc_now()
        )
    answer = client_of(database_url, tmp_path, **values).get("/dev/outbox")
    assert answer.status_code == 404
    assert "canary" not in answer.text
