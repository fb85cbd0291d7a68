"""What an Apple pass says, from what it shows: `pass.json`, and the words it refers to."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final, Literal
from urllib.parse import quote

from app.modules.loyalty.rules.card_codes import format_card_number
from app.modules.loyalty.rules.looks import card_face
from app.modules.loyalty.rules.pass_view import PassView
from app.modules.loyalty.types import LoyaltyType
from app.modules.loyalty.wallets.apple import strings
from app.modules.loyalty.wallets.apple.strings import change, label, near, value
from app.modules.loyalty.wallets.texts import PassTexts

# Phones append /v1/… themselves.
WEB_SERVICE_PATH: Final = "/api/v1/loyalty/apple"

Unit = Literal["stamps", "points"]
Field = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a pass comes from. `base_url` is the platform's, without a slash at its end."""

    pass_type_id: str
    team_id: str
    base_url: str
    authentication_token: str


def announcing(before: dict[str, int], after: dict[str, int]) -> Unit | None:
    """Which balance alone may announce its change; None: either may.

    Two changes that announce themselves at once make a phone say only that the pass changed
    (Apple, Wallet Passes). `before` is empty where nothing was shown yet.
    """
    changed = {unit for unit in ("stamps", "points") if before.get(unit) != after[unit]}
    return "stamps" if before and len(changed) > 1 else None


def pass_json(
    view: PassView, texts: PassTexts, who: Identity, *, announce: Unit | None = None
) -> dict[str, Any]:
    """The `pass.json` of a store card (Apple, Wallet Passes, "Pass").

    `texts`, in the holder's language, say which sentences there are; the words themselves come
    from `strings`. `announce`: the one balance that announces its change.
    """
    return {
        "formatVersion": 1,
        "passTypeIdentifier": who.pass_type_id,
        "teamIdentifier": who.team_id,
        "serialNumber": view.serial,
        "webServiceURL": who.base_url + WEB_SERVICE_PATH,
        "authenticationToken": who.authentication_token,
        "organizationName": view.design.merchant_name,
        # Other readers than Apple's do not look it up.
        "description": texts.description,
        "logoText": view.design.card_name,
        "sharingProhibited": True,
        **_colors(view),
        **({"voided": True} if view.ended else _barcodes(view)),
        **_locations(view),
        "storeCard": _store_card(view, texts, who, announce),
    }


def main_unit(view: PassView) -> Unit:
    """What the card is about: the unit of its program, where the card has it."""
    return _units(view)[0]


def _store_card(
    view: PassView, texts: PassTexts, who: Identity, announce: Unit | None
) -> dict[str, list[Field]]:
    if view.ended:
        notice = _notice("notice")
        back = [_notice("notice_in_full"), *_links(view, who)]
        return {"secondaryFields": [notice], "backFields": back}
    main, *others = _units(view)
    headline = _headline(view, texts, main)
    fields = {
        "headerFields": [_balance(texts, main, announce)],
        "primaryFields": headline,
        "secondaryFields": _news(view, texts, main, headline),
        "auxiliaryFields": [
            *(_balance(texts, unit, announce) for unit in others),
            *(_ready(texts) if texts.notice and not headline else []),
            *_expiry(view),
        ],
        "backFields": [*_sentences(view, texts), *_links(view, who), *_person(view), *_terms(view)],
    }
    return {part: found for part, found in fields.items() if found}


def _units(view: PassView) -> list[Unit]:
    """The program's own unit first, then what is left of the one it had before."""
    found: list[Unit] = []
    if view.grid is not None:
        found.append("stamps")
    if view.points is not None:
        found.append("points")
    if view.design.loyalty_type == LoyaltyType.POINTS:
        found.reverse()
    return found


def _balance(texts: PassTexts, unit: Unit, announce: Unit | None) -> Field:
    """Written out, since readers other than Apple's show no numbers."""
    shown = texts.stamps if unit == "stamps" else texts.points
    said = {"key": unit, "label": label(unit), "value": shown}
    return {**said, "changeMessage": change(unit)} if announce in (None, unit) else said


def _headline(view: PassView, texts: PassTexts, main: Unit) -> list[Field]:
    """Large, over the strip: only where no stamps and no photograph stand there."""
    if main == "stamps" or view.points is None or view.design.hero_image:
        return []
    goal = view.points["goal"]
    if texts.ready or goal is None:
        return _ready(texts)
    return [{"key": "goal", "label": label("next"), "value": goal["name"]}]


def _news(view: PassView, texts: PassTexts, main: Unit, headline: list[Field]) -> list[Field]:
    """What a holder should know first: that something is wrong, what is ready, what is left."""
    if texts.notice:
        return [_notice("notice")]
    if texts.ready:
        return [] if headline else _ready(texts)
    if not _left(view, texts, main):
        return []
    title = {} if headline else {"label": label("next")}
    return [{"key": "left", **title, "value": value(f"{main}_rest")}]


def _notice(key: str) -> Field:
    return {"key": key, "label": label("notice"), "value": value("notice")}


def _left(view: PassView, texts: PassTexts, unit: Unit) -> str:
    """What is left to collect; nothing where the reward is there."""
    if unit == "stamps":
        return "" if view.grid and view.grid["rewards_ready"] else texts.stamps_rest
    return "" if view.points and view.points["ready"] else texts.points_rest


def _ready(texts: PassTexts) -> list[Field]:
    if not texts.ready:
        return []
    return [{"key": "ready", "label": label("ready"), "value": texts.ready}]


def _expiry(view: PassView) -> list[Field]:
    if view.points_expire_on is None:
        return []
    return [
        {
            "key": "expires",
            "label": label("expires"),
            # Noon, so that it is this day wherever a phone is.
            "value": f"{view.points_expire_on.isoformat()}T12:00:00+00:00",
            "dateStyle": "PKDateStyleMedium",
            "timeStyle": "PKDateStyleNone",
            "ignoresTimeZone": True,
        }
    ]


def _sentences(view: PassView, texts: PassTexts) -> list[Field]:
    """In full, since the front of a pass cuts them off."""
    found: list[Field] = []
    if texts.notice:
        found.append(_notice("notice_in_full"))
    if texts.ready:
        found.append({"key": "ready_in_full", "label": label("ready"), "value": texts.ready})
    for unit in _units(view):
        if _left(view, texts, unit):
            name = f"{unit}_rest"
            found.append({"key": name, "label": label("next"), "value": value(name)})
    return found


def _links(view: PassView, who: Identity) -> list[Field]:
    found = []
    if view.design.stores:
        code = quote(view.design.stores[0].code, safe="")
        found.append(_link("online", f"{who.base_url}/loyalty/dashboard?store={code}"))
    if view.design.privacy_url:
        found.append(_link("privacy", view.design.privacy_url))
    return found


def _link(key: str, url: str) -> Field:
    shown = url.partition("://")[2].partition("?")[0] or url
    return {
        "key": key,
        "label": label(key),
        "value": url,
        "attributedValue": f'<a href="{escape(url)}">{escape(shown)}</a>',
        "dataDetectorTypes": ["PKDataDetectorTypeLink"],
    }


def _person(view: PassView) -> list[Field]:
    number = format_card_number(view.card_number)
    found = [{"key": "card_number", "label": label("card_number"), "value": number}]
    if view.holder:
        found.append({"key": "member", "label": label("member"), "value": view.holder})
    # Phones would take twelve digits for a telephone's.
    return [{**one, "dataDetectorTypes": []} for one in found]


def _terms(view: PassView) -> list[Field]:
    if not view.design.terms_text:
        return []
    return [{"key": "terms", "label": label("terms"), "value": view.design.terms_text}]


def _barcodes(view: PassView) -> dict[str, Any]:
    """Apple, Wallet Passes, "Pass.Barcodes"; `barcode` is for readers older than iOS 9."""
    assert view.qr_code_data.isascii()
    code = {
        "format": "PKBarcodeFormatQR",
        "message": view.qr_code_data,
        "messageEncoding": "iso-8859-1",
        "altText": format_card_number(view.card_number),
    }
    return {"barcodes": [code], "barcode": code}


def _locations(view: PassView) -> dict[str, Any]:
    found = [
        {"latitude": latitude, "longitude": longitude, "relevantText": near(number)}
        for number, (_name, latitude, longitude) in enumerate(strings.places(view))
    ]
    return {"locations": found} if found else {}


def _colors(view: PassView) -> dict[str, str]:
    face = card_face(view.design.card_color)
    ink = _rgb(face["ink"])
    return {"backgroundColor": _rgb(face["start"]), "foregroundColor": ink, "labelColor": ink}


def _rgb(color: str) -> str:
    """`rgb(r, g, b)`: in any other form the whole pass does not open."""
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"
