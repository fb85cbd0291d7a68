"""The whole application, with routes that answer what the dependencies found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.testclient import TestClient

from app.core.config import load_settings
from app.main import create_app
from app.modules.tenancy.routes.deps import (
    CurrentAdmin,
    CurrentManager,
    CurrentMerchant,
    CurrentOwner,
    CurrentPrincipal,
    CurrentStaff,
    CurrentStore,
    LookupStore,
    StoreForUnlock,
)
from app.modules.tenancy.routes.signed_in_page import SignedInPage
from app.modules.tenancy.routes.storefront import (
    CurrentCustomer,
    StorefrontRoute,
    StorefrontStore,
    keep_customer,
)
from app.modules.tenancy.types import StoreContext
from tests import tenant_guard
from tests.modules.tenancy.routes.requests import BASE_URL

api = APIRouter(prefix="/api/v1/probe")
pages = APIRouter(prefix="/probe", route_class=SignedInPage)
storefront = APIRouter(prefix="/api/v1/probe/front", route_class=StorefrontRoute)


def _shown(store: StoreContext) -> dict[str, Any]:
    return {"merchant_id": store.merchant_id, "store_id": store.store_id, "code": store.code}


@api.get("/store")
@api.post("/store")
async def store(store: CurrentStore) -> dict[str, Any]:
    return _shown(store)


@api.post("/lookup")
async def lookup(store: LookupStore) -> dict[str, Any]:
    return _shown(store)


@api.post("/unlock")
async def unlock(store: StoreForUnlock) -> dict[str, Any]:
    return _shown(store)


@api.get("/merchant")
async def merchant(merchant: CurrentMerchant) -> dict[str, Any]:
    return {"merchant_id": merchant.merchant_id, "status": merchant.status}


@api.get("/principal")
async def principal(principal: CurrentPrincipal) -> dict[str, Any]:
    return {"kind": principal.kind, "terminal_id": principal.terminal_id}


@api.get("/manager")
async def manager(principal: CurrentManager) -> dict[str, Any]:
    return {"role": principal.role}


@api.get("/owner")
async def owner(principal: CurrentOwner) -> dict[str, Any]:
    return {"role": principal.role}


@api.get("/admin")
async def admin(principal: CurrentAdmin) -> dict[str, Any]:
    return {"kind": principal.kind}


@pages.get("/page")
@pages.post("/page")
async def page(staff: CurrentStaff) -> Response:
    return Response(f"Hello {staff.name}")


@storefront.get("/store")
async def front_store(store: StorefrontStore) -> dict[str, Any]:
    return _shown(store)


@storefront.get("/customer")
async def front_customer(customer: CurrentCustomer) -> dict[str, Any]:
    return {"customer_id": customer.customer_id, "merchant_id": customer.merchant_id}


@storefront.post("/keep/{token}")
async def keep(request: Request, token: str) -> Response:
    response = JSONResponse({})
    keep_customer(request, response, token)
    return response


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite: services prove their statements on both databases, routes only call them."""
    return sqlite_engine


@pytest.fixture
def application(database_url: str) -> Iterator[FastAPI]:
    application = create_app(load_settings(database_url=database_url, base_url=BASE_URL))
    for router in (api, pages, storefront):
        application.include_router(router)
    tenant_guard.install(application.state.engine)
    yield application
    application.state.engine.dispose()


@pytest.fixture
def client(application: FastAPI) -> Iterator[TestClient]:
    """A browser without any cookie, which follows no redirect."""
    with TestClient(application, base_url=BASE_URL, follow_redirects=False) as client:
        yield client
