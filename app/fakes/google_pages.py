"""Cards as a phone shows them: plain pages of the simulated Google Wallet."""

from __future__ import annotations

import hmac
from html import escape
from typing import Any, Final

import segno

Card = tuple[dict[str, Any], dict[str, Any]]

LANGUAGES: Final = ("en", "fr", "de", "lb")
_STYLE: Final = """
body{font:16px system-ui,sans-serif;margin:0;background:#eef0f3;color:#1f2328}
main{max-width:24rem;margin:0 auto;padding:1rem}
nav{display:flex;gap:.75rem;margin:0 0 1rem;font-size:.875rem}
.card{border-radius:1.25rem;overflow:hidden;margin:0 0 1.25rem;box-shadow:0 2px 8px #0003}
.top{display:flex;align-items:center;gap:.75rem;padding:1rem}
.top img{width:2.75rem;height:2.75rem;border-radius:50%;object-fit:cover;background:#fff}
.top strong{display:block;font-size:1.125rem}
.row{display:flex;justify-content:space-between;gap:1rem;padding:.25rem 1rem .75rem}
.row b{display:block;font-size:1.25rem}
.hero{display:block;width:100%}
.code{background:#fff;color:#000;text-align:center;padding:1rem}
.code svg{width:11rem;height:11rem}
dl{background:#fff;color:#1f2328;margin:0;padding:1rem;white-space:pre-line}
dt{font-size:.8125rem;color:#57606a}dd{margin:0 0 .75rem}
button{font:inherit;padding:.75rem 1.25rem;border:0;border-radius:2rem;width:100%}
.add{background:#1a73e8;color:#fff}.over{opacity:.55}
"""
_LIVE: Final = """
<script>setInterval(async()=>{const a=await fetch(location.href);const d=new DOMParser()
.parseFromString(await a.text(),'text/html');const n=d.querySelector('main'),o=document
.querySelector('main');if(n&&n.innerHTML!==o.innerHTML)o.innerHTML=n.innerHTML},1000)</script>
"""


def save_page(cards: list[Card], language: str) -> str:
    """Google's question whether to add these cards."""
    shown = "".join(_card(klass, thing, language, 0) for klass, thing in cards)
    button = '<form method="post"><button class="add">Add to Wallet</button></form>'
    return _page("Add to Wallet", _languages(language) + shown + button)


def cards_page(cards: list[Card], language: str, now: float) -> str:
    """What the phone holds, with every change."""
    shown = "".join(
        _card(klass, thing, language, now)
        + f'<form method="post" action="/google/cards/{escape(thing["id"])}/remove">'
        "<button>Remove</button></form><br>"
        for klass, thing in cards
    )
    return _page("Wallet", _languages(language) + (shown or "<p>No cards yet.</p>"), live=True)


def error_page(cause: str) -> str:
    """What a wrong address leads to; Google itself names no cause."""
    return _page("Something went wrong", f"<h1>Something went wrong</h1><p>{escape(cause)}</p>")


def digits_at(key: str, now: float, *, period_ms: int, length: int) -> str:
    """The changing digits of a code (RFC 6238)."""
    step = int(now * 1000) // period_ms
    mark = hmac.digest(bytes.fromhex(key), step.to_bytes(8, "big"), "sha1")
    start = mark[-1] & 15
    number = int.from_bytes(mark[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**length).zfill(length)


def _page(title: str, body: str, *, live: bool = False) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main>{_LIVE if live else ''}</body>"
        "</html>"
    )


def _languages(language: str) -> str:
    links = (
        f'<a href="?hl={one}"{" aria-current=true" if one == language else ""}>{one}</a>'
        for one in LANGUAGES
    )
    return f"<nav>Simulated Google Wallet {' '.join(links)}</nav>"


def _card(klass: dict[str, Any], thing: dict[str, Any], language: str, now: float) -> str:
    color = klass.get("hexBackgroundColor", "#1a73e8")
    hero = thing.get("heroImage") or klass.get("heroImage")
    over = "" if thing["state"] == "ACTIVE" else " over"
    modules = [*thing.get("textModulesData", []), *klass.get("textModulesData", [])]
    links = klass.get("linksModuleData", {}).get("uris", [])
    return (
        f'<article class="card{over}" style="background:{escape(color)};color:{_ink(color)}">'
        f'<div class="top"><img alt="" src="{_uri(klass["programLogo"])}"><div>'
        f"{escape(klass['issuerName'])}<strong>{escape(klass['programName'])}</strong></div></div>"
        f"{_balances(thing, language)}"
        + (f'<img class="hero" alt="" src="{_uri(hero)}">' if hero else "")
        + _code(thing, now)
        + "<dl>"
        + (f"<dt>{escape(thing['state'])}</dt><dd></dd>" if over else "")
        + "".join(_module(module, language) for module in modules)
        + "".join(_link(link, language) for link in links)
        + "</dl></article>"
    )


def _balances(thing: dict[str, Any], language: str) -> str:
    shown = []
    for name in ("loyaltyPoints", "secondaryLoyaltyPoints"):
        if name in thing:
            label = _said(thing[name], "label", language)
            value = next(iter(thing[name]["balance"].values()))
            shown.append(f"<div>{escape(label)}<b>{escape(str(value))}</b></div>")
    if "accountName" in thing:
        shown.append(f"<div>&nbsp;<b>{escape(thing['accountName'])}</b></div>")
    return f'<div class="row">{"".join(shown)}</div>'


def _code(thing: dict[str, Any], now: float) -> str:
    rotating, fixed = thing.get("rotatingBarcode"), thing.get("barcode")
    if rotating:
        details = rotating["totpDetails"]
        first = details["parameters"][0]
        digits = digits_at(
            first["key"],
            now,
            period_ms=int(details["periodMillis"]),
            length=first["valueLength"],
        )
        value = rotating["valuePattern"].replace("{totp_value_0}", digits)
    elif fixed:
        value = fixed["value"]
    else:
        return ""
    picture = segno.make(value, error="m").svg_inline(omitsize=True)
    below = (rotating or fixed or {}).get("alternateText", "")
    return f'<div class="code" data-code="{escape(value)}">{picture}<br>{escape(below)}</div>'


def _module(module: dict[str, Any], language: str) -> str:
    header, body = _said(module, "header", language), _said(module, "body", language)
    return f"<dt>{escape(header)}</dt><dd>{escape(body)}</dd>"


def _link(link: dict[str, Any], language: str) -> str:
    label = _said(link, "description", language)
    return f'<dd><a href="{escape(link["uri"])}">{escape(label)}</a></dd>'


def _said(of: dict[str, Any], name: str, language: str) -> str:
    """A text in the phone's language, or its default."""
    localized = of.get(f"localized{name[0].upper()}{name[1:]}")
    if not localized:
        return str(of[name])
    values = [*localized.get("translatedValues", []), localized["defaultValue"]]
    found = next((one["value"] for one in values if one["language"] == language), None)
    return str(localized["defaultValue"]["value"] if found is None else found)


def _uri(image: dict[str, Any]) -> str:
    return escape(image["sourceUri"]["uri"])


def _ink(color: str) -> str:
    digits = color.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return "#000" if red * 299 + green * 587 + blue * 114 > 150_000 else "#fff"
