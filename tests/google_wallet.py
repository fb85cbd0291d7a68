"""A simulated Google on a loopback port, the contract of its API, and passes to send there."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from google.auth.crypt import RSASigner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # has no types

from app.core.config import get_settings
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID, SENDER, GoogleKeys, make_google_keys
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.rules.looks import stamp_grid
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.rules.points_view import points_view
from app.modules.loyalty.types import PassDesign, PassStore
from app.modules.loyalty.wallets.google.content import Place
from app.modules.loyalty.wallets.google.setup import GoogleSetup

BASE_URL = "https://loyalty.example.com"
PLACE = Place(ISSUER_ID, BASE_URL, f"{BASE_URL}/api/v1/loyalty/google/callback")
QR_CODE = "BCDEFGHIJKLNOPRSTUVXBCDEFGHIJK"
SERIAL = "0123456789abcdef0123456789abcdef"


@contextmanager
def serving(directory: Path, **how: Any) -> Iterator[FakeGoogle]:
    """A simulated Google that listens while the block runs."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    keys = make_google_keys(directory, token_url=f"{url}/token")
    google = FakeGoogle(keys, url=url, validate=contract(), **how)
    server = uvicorn.Server(uvicorn.Config(google, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield google
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def setup_of(google: FakeGoogle, **changed: Any) -> GoogleSetup:
    """A setup that speaks to it, for a platform with a public address."""
    account = json.loads(google.keys.service_account.read_text())
    signer = RSASigner.from_service_account_info(account)  # type: ignore[no-untyped-call]  # theirs
    setup = GoogleSetup(
        issuer_id=ISSUER_ID,
        client_email=google.keys.client_email,
        signer=signer,
        token_url=f"{google.url}/token",
        api_url=google.url,
        save_url=f"{google.url}/save",
        keys_url=f"{google.url}/keys",
        callback_sender=SENDER,
        base_url=BASE_URL,
    )
    return replace(setup, **changed)


def configure(monkeypatch: pytest.MonkeyPatch, google: FakeGoogle | None, **changed: str) -> None:
    """Point the settings at it, as in local work; `forget_settings` belongs after the test."""
    values = {}
    if google is not None:
        values = {
            "LOYALTY_GOOGLE_ISSUER_ID": ISSUER_ID,
            "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON": str(google.keys.service_account),
            "LOYALTY_GOOGLE_API_URL": google.url,
            "LOYALTY_GOOGLE_SAVE_URL": f"{google.url}/save",
            "LOYALTY_GOOGLE_KEYS_URL": f"{google.url}/keys",
        }
    for name, value in {**values, **changed}.items():
        monkeypatch.setenv(name, value)
    forget_settings()


def forget_settings() -> None:
    """Read the settings anew at the next use."""
    get_settings.cache_clear()
    get_loyalty_settings.cache_clear()


def keys_in(directory: Path) -> GoogleKeys:
    """Keys as for the real Google."""
    return make_google_keys(directory, token_url="https://oauth2.googleapis.com/token")


def make_design(**changed: Any) -> PassDesign:
    design = PassDesign(
        merchant_id=7,
        merchant_name="Café Bleu",
        program_id=3,
        revision=1,
        loyalty_type="stamps",
        is_active=True,
        card_name="Coffee card",
        card_color="#4f46e5",
        card_secondary_color=None,
        logo_image="logo-abc.png",
        hero_image="hero-abc.jpg",
        stamp_icon="coffee",
        stamps_target=10,
        reward="A coffee",
        terms_text="One stamp a coffee.",
        privacy_url="https://bleu.example.com/privacy",
        rotating_barcode=False,
        language="fr",
        stores=(PassStore("bleu-1", "Bleu Centre", "Luxembourg", 49_611_600, 6_131_900),),
    )
    return replace(design, **changed)


def make_view(*, stamps: int | None = 7, points: int | None = None, **changed: Any) -> PassView:
    """A pass with so many stamps of 10, and points; `changed` are fields of the view."""
    rewards = [
        {"id": 1, "name": "Bread", "cost_points": 600, "affordable": (points or 0) >= 600,
         "points_missing": max(0, 600 - (points or 0))}
    ]  # fmt: skip
    view = PassView(
        design=make_design(),
        serial=SERIAL,
        revision=4,
        ended=None,
        is_suspended=False,
        card_number="480912345678",
        qr_code_data=QR_CODE,
        holder="Zoé S.",
        language="fr",
        card_reward="A coffee",
        grid=None if stamps is None else stamp_grid(stamps, 10),
        points=None if points is None else points_view(points, rewards),  # type: ignore[arg-type]
        points_expire_on=None if points is None else date(2027, 3, 1),
    )
    return replace(view, **changed)


@cache
def contract() -> Callable[[str, dict[str, Any], bool], Iterable[str]]:
    """What Google's own description of its API says against a payload of a type.

    Unknown and deprecated fields are refused; required ones only of what must be whole.
    """
    schemas = _schemas()
    whole = {name: _validator(schemas, name, whole=True) for name in _TYPES}
    parts = {name: _validator(schemas, name, whole=False) for name in _TYPES}

    def complaints(name: str, payload: dict[str, Any], is_whole: bool) -> list[str]:
        validator = (whole if is_whole else parts)[name]
        return [f"{one.json_path}: {one.message}" for one in validator.iter_errors(payload)]

    return complaints


_TYPES = ("LoyaltyClass", "LoyaltyObject")


def _schemas() -> dict[str, Any]:
    package = find_spec("googleapiclient")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "discovery_cache/documents/walletobjects.v1.json"
    described = json.loads(file.read_text(encoding="utf-8"))["schemas"]
    return {name: _converted(schema) for name, schema in described.items()}


def _validator(schemas: dict[str, Any], name: str, *, whole: bool) -> Draft202012Validator:
    top = schemas[name] if whole else {**schemas[name], "required": []}
    return Draft202012Validator({**top, "$defs": schemas})


def _converted(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    if schema["type"] == "array":
        return {"type": "array", "items": _converted(schema["items"])}
    if schema["type"] != "object":
        return _scalar(schema)
    fields = {
        name: field for name, field in schema.get("properties", {}).items() if _is_current(field)
    }
    return {
        "type": "object",
        "properties": {name: _converted(field) for name, field in fields.items()},
        "required": [n for n, f in fields.items() if _said(f).startswith("Required")],
        "additionalProperties": False,
    }


def _scalar(schema: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"type": schema["type"]}
    if "enum" in schema:
        converted["enum"] = [one for one in schema["enum"] if one == one.upper()]
    if schema.get("format") == "int64":
        converted["pattern"] = "^-?[0-9]+$"
    if schema.get("format") == "int32":
        converted |= {"minimum": -(2**31), "maximum": 2**31 - 1}
    return converted


def _is_current(field: dict[str, Any]) -> bool:
    return not field.get("deprecated") and not _said(field).startswith("Deprecated")


def _said(field: dict[str, Any]) -> str:
    return str(field.get("description") or "")
