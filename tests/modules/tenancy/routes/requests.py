"""How the tests sign in, and what they read out of answers."""

from __future__ import annotations

import re
from typing import Any

from httpx2 import Response
from starlette.testclient import TestClient

from app.modules.tenancy.models import User
from tests.factories import PASSWORD

BASE_URL = "http://orion.example"
LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def token_for(client: TestClient, user: User) -> str:
    """A bearer token of a new session."""
    answer = client.post(LOGIN, json={"email": user.email, "password": PASSWORD, "token": True})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token


def csrf_of(client: TestClient) -> str:
    """The token that the pages of this browser carry."""
    html = client.get("/login").text
    found = re.search(r'name="csrf-token" content="([^"]+)"', html)
    assert found, html
    return found[1]


def sign_in_page(client: TestClient, user: User, **form: Any) -> Response:
    """Fill the sign-in page and send it, as a browser does."""
    filled = {"email": user.email, "password": PASSWORD, "csrf_token": csrf_of(client), **form}
    return client.post("/login", data=filled)


def code_of(answer: Response) -> str | None:
    """The refusal's code, or None for an answer that is none."""
    if answer.status_code < 400:
        return None
    code: str = answer.json()["code"]
    return code
