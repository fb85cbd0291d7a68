"""A pass of a fresh card, and the calls of an iPhone that holds it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx2
from sqlalchemy import update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.db import atomic
from app.modules.loyalty.models import WalletPass
from app.modules.loyalty.services.apple_wallet_service import authentication_token
from app.modules.loyalty.types import Draft, EntryType
from tests import factories
from tests.apple_wallet import PASS_TYPE

BASE = "/api/v1/loyalty/apple/v1"
TOKEN = "ab" * 32


class Wallet:
    """`phone` is its id, `kept` the row of the pass."""

    def __init__(self, client: TestClient, db: Session) -> None:
        self.client, self.db = client, db
        self.card = factories.make_card(db, stamps=3)
        self.kept = factories.make_pass(db, card=self.card, provider="apple")
        self.phone = self.kept.serial  # any text; a phone of its own

    def headers(self, token: str | None = None) -> dict[str, str]:
        secret = authentication_token(self.kept.serial) if token is None else token
        return {"Authorization": f"ApplePass {secret}"}

    def registration(self, device: str | None = None) -> str:
        return f"{BASE}/devices/{device or self.phone}/registrations/{PASS_TYPE}/{self.kept.serial}"

    def register(self, device: str | None = None, token: str = TOKEN) -> httpx2.Response:
        return self.client.post(
            self.registration(device), json={"pushToken": token}, headers=self.headers()
        )

    def unregister(self, device: str | None = None) -> httpx2.Response:
        return self.client.delete(self.registration(device), headers=self.headers())

    def changed(self, device: str | None = None, query: str = "") -> httpx2.Response:
        return self.client.get(
            f"{BASE}/devices/{device or self.phone}/registrations/{PASS_TYPE}{query}"
        )

    def fetch(self, since: str | None = None, method: str = "GET") -> httpx2.Response:
        headers = self.headers() | ({"If-Modified-Since": since} if since is not None else {})
        url = f"{BASE}/passes/{PASS_TYPE}/{self.kept.serial}"
        return self.client.request(method, url, headers=headers)

    def stamp(self, *, tag: int = 1) -> None:
        """One stamp more, and what the worker does about it."""
        factories.post(self.db, self.card, [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)])
        self.change(target_revision=WalletPass.target_revision + 1, tag=tag)

    def change(self, **values: Any) -> None:
        one = WalletPass
        with atomic(self.db):
            self.db.execute(
                update(one)
                .where(one.merchant_id == self.kept.merchant_id, one.id == self.kept.id)
                .values(**values)
                .execution_options(synchronize_session=False)
            )


def pass_of(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/vnd.apple.pkpass"
    with zipfile.ZipFile(io.BytesIO(response.content)) as file:
        said: dict[str, Any] = json.loads(file.read("pass.json"))
    return said


def stamps_of(response: httpx2.Response) -> str:
    (field,) = pass_of(response)["storeCard"]["headerFields"]
    return str(field["value"])
