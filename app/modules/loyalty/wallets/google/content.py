"""What Google Wallet is told: a design as a loyalty class, a pass as a loyalty object.

Pure: the same pass gives the same payload. Source of all fields and lengths: Google, Wallet API
reference, LoyaltyClass and LoyaltyObject (walletobjects v1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.core.i18n import ALIASES
from app.modules.loyalty.rules import rotating_code
from app.modules.loyalty.rules.card_codes import format_card_number
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.types import LoyaltyType, PassDesign
from app.modules.loyalty.wallets.google.wording import (
    Words,
    labels_of,
    localized,
    shorten,
    text_module,
)
from app.modules.loyalty.wallets.texts import LANGUAGES, pass_texts

Payload = dict[str, Any]

# What we may send. A PATCH leaves alone what it does not name, so all of these are named.
CLASS_FIELDS: Final = (
    "heroImage", "linksModuleData", "merchantLocations", "textModulesData",
)  # fmt: skip
OBJECT_FIELDS: Final = (
    "accountId", "accountName", "barcode", "heroImage", "loyaltyPoints", "rotatingBarcode",
    "secondaryLoyaltyPoints", "textModulesData",
)  # fmt: skip
_BALANCES: Final = ("string", "int")
_MOST_LOCATIONS: Final = 10
_LARGEST_INT: Final = 2**31 - 1
_NAME, _LABEL, _POINTS_LABEL, _LINK, _BODY = 20, 15, 9, 20, 500


@dataclass(frozen=True, slots=True)
class Place:
    """Whose payloads these are: the issuer, and the addresses of this platform."""

    issuer_id: str
    base_url: str
    callback_url: str


def class_id(issuer_id: str, merchant_id: int, program_id: int) -> str:
    """The class of a program. Classes can't be deleted, so its id is for ever."""
    return f"{issuer_id}.t{merchant_id}_p{program_id}"


def object_id(issuer_id: str, serial: str) -> str:
    """The object of a pass."""
    return f"{issuer_id}.{serial}"


def class_payload(place: Place, design: PassDesign, *, logo_url: str | None = None) -> Payload:
    """The class of a design.

    `logo_url` is a picture made for Google's circle; without it the merchant's own logo is
    sent, or its stamp. Every change is sent UNDER_REVIEW: what Google calls it, "APPROVED",
    can't be sent back.
    """
    payload: Payload = {
        "id": class_id(place.issuer_id, design.merchant_id, design.program_id),
        "issuerName": shorten(design.merchant_name, _NAME),
        "programName": shorten(design.card_name, _NAME),
        "programLogo": _image(logo_url or _logo_url(place, design)),
        "reviewStatus": "UNDER_REVIEW",
        "hexBackgroundColor": design.card_color.lower(),
        "multipleDevicesAndHoldersAllowedStatus": "ONE_USER_ALL_DEVICES",
        "viewUnlockRequirement": "UNLOCK_NOT_REQUIRED",
        "callbackOptions": {"url": place.callback_url},
        "classTemplateInfo": _template(design),
        "linksModuleData": {"uris": _links(place, design)},
        **_label("accountIdLabel", "card_number", design),
        **_label("accountNameLabel", "member", design),
    }
    if design.hero_image:
        payload["heroImage"] = _image(f"{place.base_url}/media/{design.hero_image}")
    if design.terms_text:
        terms = dict.fromkeys(LANGUAGES, design.terms_text)
        module = text_module("terms", labels_of("terms"), terms, _language(design))
        payload["textModulesData"] = [module]
    locations = [
        {"latitude": store.latitude_e6 / 1e6, "longitude": store.longitude_e6 / 1e6}
        for store in design.stores
        if store.latitude_e6 is not None and store.longitude_e6 is not None
    ]
    if locations:
        payload["merchantLocations"] = locations[:_MOST_LOCATIONS]
    return payload


def object_payload(
    place: Place, view: PassView, *, hero_url: str | None, rotating_secret: bytes | None = None
) -> Payload:
    """The object of a pass, as it should look now.

    `hero_url` is its picture, such as its row of stamps; without it the class's is shown. With
    `rotating_secret` the code changes every half minute, where the design wants that. A pass
    that stands for no card says why, and holds nothing of anybody.
    """
    design = view.design
    payload: Payload = {
        "id": object_id(place.issuer_id, view.serial),
        "classId": class_id(place.issuer_id, design.merchant_id, design.program_id),
        "state": "INACTIVE" if view.ended else "ACTIVE",
    }
    modules = _modules(view)
    if modules:
        payload["textModulesData"] = modules
    if view.ended:
        return payload
    payload |= {"accountId": format_card_number(view.card_number), **_balances(view)}
    if view.holder:
        payload["accountName"] = shorten(view.holder, _NAME)
    if hero_url:
        payload["heroImage"] = _image(hero_url)
    if design.rotating_barcode and rotating_secret is not None:
        payload["rotatingBarcode"] = _rotating(view, rotating_secret)
    else:
        payload["barcode"] = _barcode(view) | {"value": view.qr_code_data}
    return payload


def as_patch(payload: Payload, fields: tuple[str, ...]) -> Payload:
    """The payload as an absolute state for PATCH: what it lacks of `fields` is cleared.

    Google merges an object that is sent into the one it has, so the other kinds of a balance
    are cleared by name.
    """
    body: Payload = {**dict.fromkeys(fields), **payload}
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        points = payload.get(name)
        if points:
            body[name] = points | {"balance": {**dict.fromkeys(_BALANCES), **points["balance"]}}
    return body


def _language(design: PassDesign) -> str:
    language = ALIASES.get(design.language, design.language)
    return language if language in LANGUAGES else LANGUAGES[0]


def _image(url: str) -> Payload:
    return {"sourceUri": {"uri": url}}


def _logo_url(place: Place, design: PassDesign) -> str:
    if design.logo_image:
        return f"{place.base_url}/media/{design.logo_image}"
    return f"{place.base_url}/static/stamps/{design.stamp_icon}.png"


def _label(field: str, key: str, design: PassDesign, most: int = _LABEL) -> Payload:
    words = {language: shorten(text, most) for language, text in labels_of(key).items()}
    named = "localized" + field[0].upper() + field[1:]
    language = _language(design)
    return {field: words[language], named: localized(words, language)}


def _links(place: Place, design: PassDesign) -> list[Payload]:
    card = f"{place.base_url}/loyalty/dashboard"
    if design.stores:
        card += f"?store={design.stores[0].code}"
    links = [_link("card", card, "online", design)]
    if design.privacy_url:
        links.append(_link("privacy", design.privacy_url, "privacy", design))
    return links


def _link(name: str, url: str, key: str, design: PassDesign) -> Payload:
    label = _label("description", key, design, _LINK)
    return {"id": name, "uri": url, **label}


def _template(design: PassDesign) -> Payload:
    """Balance and member on top, then what is left until the next reward."""
    is_hybrid = design.loyalty_type == LoyaltyType.HYBRID
    second = "secondaryLoyaltyPoints.balance" if is_hybrid else "accountName"
    row = {"startItem": _item("loyaltyPoints.balance"), "endItem": _item(second)}
    rows = [{"twoItems": row}, {"oneItem": {"item": _item("textModulesData['next']")}}]
    return {"cardTemplateOverride": {"cardRowTemplateInfos": rows}}


def _item(path: str) -> Payload:
    return {"firstValue": {"fields": [{"fieldPath": f"object.{path}"}]}}


def _balances(view: PassView) -> Payload:
    found: list[Payload] = []
    if view.grid:
        stamps = f"{view.grid['filled']}/{view.grid['target']}"
        found.append(_points("stamps", {"string": stamps}, view.design))
    if view.points:
        shown = view.points["shown"]
        balance = {"int": shown} if shown <= _LARGEST_INT else {"string": str(shown)}
        found.append(_points("points", balance, view.design))
    return dict(zip(("loyaltyPoints", "secondaryLoyaltyPoints"), found, strict=False))


def _points(key: str, balance: Payload, design: PassDesign) -> Payload:
    return {**_label("label", key, design, _POINTS_LABEL), "balance": balance}


def _barcode(view: PassView) -> Payload:
    return {
        "type": "QR_CODE",
        "renderEncoding": "UTF_8",
        "alternateText": format_card_number(view.card_number),
    }


def _rotating(view: PassView, secret: bytes) -> Payload:
    parameter = {"key": secret.hex().upper(), "valueLength": rotating_code.DIGITS}
    return _barcode(view) | {
        "valuePattern": view.qr_code_data + "{totp_value_0}",
        "totpDetails": {
            "algorithm": "TOTP_SHA1",
            "periodMillis": str(rotating_code.PERIOD_S * 1000),
            "parameters": [parameter],
        },
    }


def _modules(view: PassView) -> list[Payload]:
    texts = {language: pass_texts(view, language) for language in LANGUAGES}
    bodies: Mapping[str, Callable[[Any], str]] = {
        "next": lambda said: "\n".join(filter(None, (said.stamps_rest, said.points_rest))),
        "ready": lambda said: said.ready,
        "expires": lambda said: said.expires,
        "notice": lambda said: said.notice,
    }
    modules = []
    for key, body in bodies.items():
        if view.ended and key != "notice":
            continue
        words: Words = {language: shorten(body(said), _BODY) for language, said in texts.items()}
        if any(words.values()):
            modules.append(text_module(key, labels_of(key), words, _language(view.design)))
    return modules
