"""The whole application on the test's database, and callers with tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.config import load_settings
from app.core.security import hash_token, new_token
from app.main import create_app
from app.modules.loyalty.models import LoyaltyCard
from app.modules.tenancy.models import AccessToken, Store
from app.modules.tenancy.services import auth_service
from tests import factories, tenant_guard
from tests.factories import Shop

STORE = "/api/v1/store/loyalty"
STOREFRONT = "/api/v1/storefront/loyalty"


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite: services prove their statements on both databases, routes only call them."""
    return sqlite_engine


@pytest.fixture
def application(database_url: str) -> Iterator[FastAPI]:
    """The application, with limits that only tests of limits reach."""
    application = create_app(
        load_settings(
            database_url=database_url,
            rate_limits={"enrolments_by_address": "1000/hour", "lookup_misses": "1000/minute"},
        )
    )
    tenant_guard.install(application.state.engine)
    yield application
    application.state.engine.dispose()


@pytest.fixture
def client(application: FastAPI) -> Iterator[TestClient]:
    """A caller without any token."""
    with TestClient(application) as client:
        yield client


@dataclass
class Api:
    """A shop with two stores, and the people who call."""

    db: Session
    shop: Shop
    second_store: Store
    client: TestClient
    _tokens: dict[str, str] = field(default_factory=dict)

    @property
    def merchant_id(self) -> int:
        return self.shop.merchant_id

    def headers(self, who: str = "cashier", **more: str) -> dict[str, str]:
        """`owner` and `manager` work everywhere and say where; `cashier` at the first store."""
        headers = {"Authorization": f"Bearer {self.token(who)}"}
        if who in ("owner", "manager"):
            headers["X-Store-Code"] = self.shop.store.code
        return headers | more

    def token(self, who: str) -> str:
        if who not in self._tokens:
            store_id = self.shop.store.id if who in ("cashier", "store_manager") else None
            self._tokens[who] = make_session(
                self.db, merchant_id=self.merchant_id, role=who.removeprefix("store_"),
                store_id=store_id,
            )  # fmt: skip
        return self._tokens[who]

    def post(self, path: str, body: dict[str, Any], who: str = "cashier", **headers: str) -> Any:
        """POST below the store's API. `key="k"` is the idempotency key."""
        if "key" in headers:
            headers["Idempotency-Key"] = headers.pop("key")
        return self.client.post(f"{STORE}{path}", json=body, headers=self.headers(who, **headers))

    def get(self, path: str, who: str = "cashier", **headers: str) -> Any:
        return self.client.get(f"{STORE}{path}", headers=self.headers(who, **headers))

    def card(self, **columns: Any) -> LoyaltyCard:
        """A card of the shop, last used long ago."""
        return factories.make_card(self.db, shop=self.shop, **columns)


@pytest.fixture
def api(client: TestClient, db: Session) -> Api:
    """A shop without PINs: what they do has its own tests."""
    shop = factories.make_shop(db, require_staff_pin=False)
    return Api(db, shop, factories.make_store(db, merchant_id=shop.merchant_id), client)


def make_session(
    db: Session, *, merchant_id: int | None, role: str = "owner", store_id: int | None = None
) -> str:
    """The token of somebody who has just signed in; without a merchant, of an admin."""
    user = factories.make_user(
        db, merchant_id=merchant_id, role=role, store_id=store_id, is_admin=merchant_id is None
    )
    token, now = new_token(), utc_now()
    factories.save(
        db,
        AccessToken(
            token_hash=hash_token(token), kind="user", merchant_id=merchant_id, user_id=user.id,
            created_at=now, last_seen_at=now, expires_at=now + timedelta(days=7),
        ),
    )  # fmt: skip
    return token


def make_customer_session(db: Session, card: LoyaltyCard) -> str:
    """The token on the phone of a card's owner."""
    return auth_service.issue_customer_token(
        db, merchant_id=card.merchant_id, customer_id=card.customer_id
    )


def problem_of(response: Any) -> tuple[int, str]:
    """Status and code of a refusal, which must be a problem document."""
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert body["status"] == response.status_code
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    return response.status_code, body["code"]
