"""What passes show, in every state a card can be in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any, Final
from zipfile import ZipFile

import orjson
from PIL import Image

from app.modules.loyalty.rules import catalogue
from app.modules.loyalty.rules.pass_view import PassView, pass_view
from app.modules.loyalty.services import apple_wallet_service
from app.modules.loyalty.types import (
    CardStatus,
    LoyaltyType,
    PassDesign,
    PassEnd,
    PassStore,
    RewardFacts,
)
from app.modules.loyalty.types.pictures import PassPicture, PictureSize
from app.modules.loyalty.wallets.apple import package
from app.modules.loyalty.wallets.apple.setup import AppleSetup
from tests.modules.loyalty.rules.states import card

SERIAL: Final = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
QR: Final = "BCDEFGHIJKLNOPRSTUVXBCDEFGHIJK"
LANGUAGES: Final = ("en", "fr", "de", "lb", "lu")
REWARDS: Final = (RewardFacts(1, "Pain au chocolat", 300), RewardFacts(2, "Käsekuchen", 900))
# Balances as (stamps, points), what the card is besides, and why the pass no longer stands for it.
STATES: Final[dict[str, tuple[int, int, dict[str, Any], PassEnd | None]]] = {
    "fresh": (0, 0, {}, None),
    "collecting": (4, 120, {"points_expiration_days": 365}, None),
    "full": (10, 300, {}, None),
    "several": (23, 2500, {}, None),
    "owed": (-2, -40, {}, None),
    "suspended": (4, 120, {"status": CardStatus.SUSPENDED}, None),
    "inactive": (4, 120, {"program_is_active": False}, None),
    "replaced": (4, 120, {}, PassEnd.REPLACED),
    "merged": (4, 120, {}, PassEnd.MERGED),
    "erased": (0, 0, {"first_name": "", "last_name": ""}, PassEnd.ERASED),
}
DESIGN: Final = PassDesign(
    merchant_id=1,
    merchant_name="Café Crème \u2013 Lëtzebuerg ☕",
    program_id=1,
    revision=3,
    loyalty_type="stamps",
    is_active=True,
    card_name='Кофе "№1"',
    card_color="#4F46E5",
    card_secondary_color=None,
    logo_image=None,
    hero_image=None,
    stamp_icon="coffee",
    stamps_target=10,
    reward="A free coffee\nor 10% off “tea” \\ cake",
    terms_text="One stamp a visit.\n\nNo cash value.",
    privacy_url="https://example.com/privacy?a=1&b=2",
    rotating_barcode=False,
    language="fr",
    stores=(
        PassStore("cafe bleu", "Café Bleu", "Luxembourg", 49_611_621, 6_131_935),
        PassStore("online", "Online", "", None, None),
    ),
)


def view(kind: str = "stamps", state: str = "collecting", language: str = "en") -> PassView:
    """One of `STATES` at a program of `kind`."""
    stamps, points, columns, ended = STATES[state]
    units = LoyaltyType(kind)
    columns = {"first_name": "Zoë", "last_name": "Šimůnek", **columns}
    facts = card(
        loyalty_type=units,
        stamp_count=stamps if units.has_stamps else 0,
        points_balance=points if units.has_points else 0,
        cycle=replace(card().cycle, reward=DESIGN.reward),
        **columns,
    )
    return pass_view(
        facts,
        catalogue.offer(facts, REWARDS) if units.has_points else [],
        replace(DESIGN, loyalty_type=kind, is_active=facts.program_is_active),
        serial=SERIAL,
        ended=ended,
        holder="Zoë Š." if facts.first_name else "",
        language=language,
        qr_code_data=QR,
    )


def every_view() -> Iterator[tuple[str, PassView]]:
    """All kinds in all states for holders of every language, by name."""
    for kind in LoyaltyType:
        for state in STATES:
            for language in LANGUAGES:
                yield f"{kind}-{state}-{language}", view(kind.value, state, language)


def pictures() -> dict[str, PassPicture]:
    """Small pictures of the right sizes, with their digests."""
    found = {}
    for size in PictureSize:
        if size.value.startswith(("icon", "logo", "strip")):
            file = BytesIO()
            Image.new("L", (size.width, size.height), 90).save(file, "PNG")
            sha1 = hashlib.sha1(file.getvalue(), usedforsecurity=False).hexdigest()
            picture = PassPicture(name=size.value, sha1=sha1, content=file.getvalue())
            found[f"{size.value}.png"] = picture
    return found


PICTURES: Final = pictures()


def build(shown: PassView, setup: AppleSetup, **wishes: Any) -> bytes:
    """The signed pass of a view."""
    token = apple_wallet_service.authentication_token(shown.serial)
    return package.build_package(shown, PICTURES, setup, authentication_token=token, **wishes)


def files_of(packed: bytes) -> dict[str, bytes]:
    """What is in a pass, by path."""
    with ZipFile(BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def json_of(packed: bytes) -> dict[str, Any]:
    """Its pass.json."""
    said: dict[str, Any] = orjson.loads(files_of(packed)["pass.json"])
    return said


def fields_of(said: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All fields of a pass.json by key, wherever they stand."""
    return {field["key"]: field for part in said["storeCard"].values() for field in part}


def strings_of(packed: bytes, language: str) -> dict[str, str]:
    """The texts of a language as a phone reads them."""
    found = {}
    for line in files_of(packed)[f"{language}.lproj/pass.strings"].decode().splitlines():
        key, _, text = line.removesuffix('";').partition('" = "')
        plain = text.replace("\\\\", "\0").replace('\\"', '"').replace("\\n", "\n")
        found[key.removeprefix('"')] = plain.replace("\0", "\\")
    return found
