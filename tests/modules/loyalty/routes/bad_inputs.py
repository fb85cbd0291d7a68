"""What nobody should send, and what some till, script or stranger will: a list made by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

STORE = "/api/v1/store/loyalty"
FRONT = "/api/v1/storefront"
ADMIN = "/api/v1/admin/loyalty"
Headers = dict[str, str | bytes]
JSON: Headers = {"Content-Type": "application/json"}
SECRETS = ("staff_pin", "pin", "staff_session", "code", "password", "token")


@dataclass(frozen=True)
class Bad:
    """One request. `path` and the text of `body` may name `{card}`, `{pin}`, `{reward}`, …"""

    name: str
    method: str
    path: str
    body: str | bytes = b""
    headers: Headers = field(default_factory=lambda: dict(JSON))
    who: str = "owner"
    secret: str = ""

    def __str__(self) -> str:
        return self.name


class Raw(str):
    """A text that stands in the JSON as it is."""

    __slots__ = ()


# Where a whole number is due.
NUMBERS: dict[str, Any] = {
    "true": True, "false": False, "5.0": 5.0, "1.5": 1.5, "1e2": Raw("1e2"), "-0.0": Raw("-0.0"),
    "text": "5", "empty text": "", "words": "five", "hex": "0x10", "list": [5], "object": {"n": 5},
    "NaN": Raw("NaN"), "Infinity": Raw("Infinity"), "-Infinity": Raw("-Infinity"),
    "1e400": Raw("1e400"), "2^63": 2**63, "-2^63": -(2**63), "10^30": 10**30, "-10^30": -(10**30),
    "5000 digits": Raw("9" * 5000), "Arabic digit": "\u0665", "01": Raw("01"), "+5": Raw("+5"),
}  # fmt: skip
BELOW_ONE: dict[str, Any] = {"zero": 0, "negative": -1, "null": None}
LARGE: dict[str, Any] = {"2^31": 2**31, "2^63-1": 2**63 - 1}
MEGABYTE = "x" * 1_000_000
# Where a text is due.
NO_TEXT: dict[str, Any] = {"number": 5, "true": True, "list": ["a"], "object": {"a": "b"}}
LONG: dict[str, Any] = {"1 MB": MEGABYTE, "6000 characters": "ab " * 2000}
PINS: dict[str, Any] = {
    "number": 482699, "three": "482", "nine": "482699482", "letters": "4826ab", "blank": " 482699",
    "full width": "\uff14\uff18\uff12\uff16\uff19\uff19", "Arabic": "٤٨٢٦٩٩",
    "Devanagari": "४८२६९९",
    "zero width": "4826\u200b99",
    "direction": "\u202e482699", "emoji": "4826👍", "superscript": "4826²²", "plus": "+482699",
    "minus": "-482699", "underscore": "48_26_99", "exponent": "4826e99", "newline": "482699\n",
    "empty": "", "true": True, "list": ["482699"], "1 MB": "4826" * 250_000,
    "NUL": Raw('"4826\\u000099"'), "surrogate": Raw('"4826\\ud800"'),
}  # fmt: skip
REFERENCES: dict[str, Any] = NO_TEXT | LONG | {
    "empty": "", "blanks": "   ", "65 characters": "R" * 65, "line": "R\n1", "escape": "R\u001b[0m",
    "direction": "R\u202e1", "zero width": "R\u200b1", "NUL": Raw('"R\\u00001"'),
    "surrogate": Raw('"R\\udfff"'),
}  # fmt: skip
CARDS: dict[str, Any] = NO_TEXT | {
    "empty": "", "401 characters": "B" * 401, "1 MB": MEGABYTE, "emoji": "☕☕☕",
    "blanks": "  \t ",
    "unknown": "BDKXLNPRSTUVCEFGHIJKOBDXLNPRST", "wrong digit": "480912345670",
    "Arabic, wrong digit": "٤٨٠٩١٢٣٤٥٦٧٠", "SQL": "' OR 1=1 --", "direction": "\u202e\u202d",
    "template": "{{7*7}}%s%n", "path": "../../etc/passwd",
}  # fmt: skip
INSTANTS: dict[str, Any] = {
    "word": "yesterday", "number": 1_700_000_000, "number as text": "1700000000", "true": True,
    "no zone": "2026-03-10T09:00:00", "day only": "2026-03-10",
    "no such day": "2026-02-30T09:00:00Z",
    "hour 25": "2026-03-10T25:00:00Z", "year 9999": "9999-12-31T23:59:59-23:59",
    "year 1": "0001-01-01T00:00:00+14:00", "year 0": "0000-01-01T00:00:00Z", "long ago":
    "1970-01-01T00:00:00Z", "next century": "2126-01-01T00:00:00Z",
    "Arabic": "٢٠٢٦-03-10T09:00:00Z",
    "empty": "", "list": [], "10^30": 10**30,
}  # fmt: skip
EMAILS: dict[str, Any] = NO_TEXT | {
    "empty": "", "no at": "anna", "two": "a@b@example.com", "blank": "an na@example.com",
    "direction": "anna\u202e@example.com", "321": "a" * 309 + "@example.com", "1 MB": MEGABYTE,
    "header": "a@example.com\r\nBcc: b@example.com", "no host": "anna@", "dots": "a@..",
    "NUL": Raw('"a\\u0000@example.com"'), "surrogate": Raw('"a\\ud83d@example.com"'),
}  # fmt: skip
OVERRIDES: dict[str, Any] = {
    "text": "715093", "list": ["715093"], "empty": {}, "no reason": {"pin": "715093"},
    "short reason": {"pin": "715093", "reason": "no"}, "unknown": {"pin": "715093", "reason":
    "because", "force": True}, "no PIN": {"pin": None, "reason": "because"},
}  # fmt: skip

CARD = {"card_id": Raw("{card}")}
STAMP = CARD | {"quantity": 1}
POINTS = CARD | {"purchase_amount_cents": 2500}
VOID = {"transaction_id": Raw("{entry}"), "reason": "wrong_card"}
ADJUST = CARD | {"delta": 3, "reason": "from paper"}
REFUND = {"order_reference": "{order}", "refund_reference": "R-1"}
ENROLL = {"email": "bad.input@example.com", "first_name": "Anna"}
PIN = {"name": "Lea", "pin": "580274"}
REWARD = {"name": "Bread", "cost_points": 100}
CREATED = {"loyalty_type": "points"}

# Method, path, a good body, a field of it, what not to put there.
FIELDS: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    ("POST", f"{STORE}/stamp", STAMP, "quantity", NUMBERS | BELOW_ONE | LARGE | {"51": 51}),
    ("POST", f"{STORE}/stamp", {}, "card_id", NUMBERS | BELOW_ONE | LARGE),
    ("POST", f"{STORE}/stamp", {}, "qr_code", CARDS),
    ("POST", f"{STORE}/stamp", {}, "card_number", CARDS),
    ("POST", f"{STORE}/stamp", STAMP, "staff_pin", PINS),
    ("POST", f"{STORE}/stamp", STAMP, "order_reference", REFERENCES),
    ("POST", f"{STORE}/stamp", STAMP, "occurred_at", INSTANTS),
    ("POST", f"{STORE}/stamp", STAMP, "override", OVERRIDES),
    ("POST", f"{STORE}/stamp", STAMP, "notes", NO_TEXT | LONG),
    ("POST", f"{STORE}/stamp/redeem", CARD, "quantity", {"51": 51, "negative": -1, "true": True}),
    ("POST", f"{STORE}/stamp/void", VOID, "transaction_id", NUMBERS | BELOW_ONE | LARGE),
    ("POST", f"{STORE}/stamp/void", VOID, "reason", NO_TEXT | LONG | {"short": "no", "null": None}),
    ("POST", f"{STORE}/stamp/adjust", ADJUST, "delta", NUMBERS | LARGE | {"zero": 0, "null": None}),
    ("POST", f"{STORE}/stamp/adjust", ADJUST, "reason", NO_TEXT | LONG | {"blanks": "     "}),
    ("POST", f"{STORE}/points", POINTS, "purchase_amount_cents",
     NUMBERS | LARGE | {"negative": -1, "null": None, "too large": 10_000_001}),
    ("POST", f"{STORE}/points", POINTS, "order_reference", REFERENCES),
    ("POST", f"{STORE}/points", POINTS, "occurred_at", INSTANTS),
    ("POST", f"{STORE}/points/preview", POINTS, "purchase_amount_cents", {"-": -1} | LARGE),
    ("POST", f"{STORE}/points/redeem", CARD, "points", NUMBERS | BELOW_ONE | LARGE),
    ("POST", f"{STORE}/points/redeem", CARD, "reward_id", NUMBERS | BELOW_ONE | LARGE),
    ("POST", f"{STORE}/points/void", VOID, "transaction_id", BELOW_ONE | LARGE | {"true": True}),
    ("POST", f"{STORE}/points/adjust", ADJUST, "delta", {"zero": 0, "5.0": 5.0} | LARGE),
    ("POST", f"{STORE}/refund", REFUND, "amount_cents", NUMBERS | LARGE | {"-": -1, "zero": 0}),
    ("POST", f"{STORE}/refund", REFUND, "refund_reference", REFERENCES),
    ("POST", f"{STORE}/cards/enroll", {}, "email", EMAILS),
    ("POST", f"{STORE}/cards/enroll", {}, "customer_id", NUMBERS | BELOW_ONE | LARGE),
    ("POST", f"{STORE}/cards/enroll", ENROLL, "paper_stamps", NUMBERS | {"-": -1, "ten": 10}),
    ("POST", f"{STORE}/cards/enroll", ENROLL, "phone",
     {"letters": "call me", "short": "12", "zero": "+49 030 123456", "number": 352621000001}),
    ("POST", f"{STORE}/cards/enroll", ENROLL, "first_name", NO_TEXT | LONG | {"null": None}),
    ("POST", f"{STORE}/cards/enroll", ENROLL, "marketing_consent", {"1": 1, "yes": "yes",
     "-": None}),
    ("POST", f"{STORE}/cards/enroll", ENROLL, "locale", {"no such": "xx", "number": 1,
     "path": "../en"}),
    ("PATCH", f"{STORE}/cards/{{card}}/customer", {}, "email", EMAILS),
    ("PATCH", f"{STORE}/cards/{{card}}", {"reason": "because"}, "status", {"no such": "merged"}),
    ("POST", f"{STORE}/cards/{{card}}/merge", {"reason": "the same"}, "other_card_id",
     NUMBERS | BELOW_ONE | LARGE | {"itself": Raw("{card}")}),
    ("PATCH", f"{STORE}/program", {}, "stamps_target", NUMBERS | {"one": 1, "51": 51, "-": None}),
    ("PATCH", f"{STORE}/program", {}, "card_color",
     {"name": "black", "rgb": "rgb(1,2,3)", "more": "#4F46E5; x", "empty": "", "null": None}),
    ("PATCH", f"{STORE}/program", {}, "privacy_url",
     {"script": "javascript:alert(1)", "plain": "http://shop.example", "number": 5}),
    ("PATCH", f"{STORE}/program", {}, "points_per_euro", {"zero": 0, "10^9": 10**9, "5.0": 5.0}),
    ("PATCH", f"{STORE}/program", {}, "points_expiration_days", {"29": 29, "3651": 3651, "-": -1}),
    ("POST", f"{STORE}/rewards", REWARD,
     "cost_points", NUMBERS | BELOW_ONE | {"2^63-1": 2**63 - 1}),
    ("POST", f"{STORE}/rewards", REWARD, "name", NO_TEXT | LONG | {"blanks": " ", "null": None}),
    ("POST", f"{STORE}/pins", PIN, "pin", PINS | {"weak": "123456", "null": None}),
    ("POST", f"{STORE}/pins", PIN, "role", {"no such": "owner", "list": ["cashier"]}),
    ("POST", f"{STORE}/pins/verify", {}, "staff_pin", PINS),
    ("POST", f"{FRONT}/loyalty/enroll", ENROLL | {"locale": "en"}, "email", EMAILS),
    ("POST", f"{FRONT}/auth/verify", {"email": "a@example.com"}, "code",
     {"empty": "", "number": 482617, "1 MB": "482617" * 170_000, "list": ["482617"]}),
    ("PATCH", f"{ADMIN}/merchants/{{merchant}}/settings", {}, "max_cards", NUMBERS | {"-": -1}),
    ("PATCH", f"{ADMIN}/merchants/{{merchant}}/settings", {}, "allow_voids", {"1": 1, "-": None}),
]  # fmt: skip

MORE = {"staff_pin": "{pin}", "order_reference": "ORD-2", "notes": "fine", "override": None}
GOOD: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", f"{STORE}/stamp", STAMP | MORE),
    ("POST", f"{STORE}/stamp", STAMP | {"occurred_at": "{now}"}),
    ("POST", f"{STORE}/stamp", {"qr_code": "{qr}"}),
    ("POST", f"{STORE}/stamp", {"card_number": "{number}"}),
    ("POST", f"{STORE}/stamp/redeem", CARD | {"quantity": 1}),
    ("POST", f"{STORE}/stamp/void", VOID | {"transaction_id": Raw("{stamp}")}),
    ("POST", f"{STORE}/stamp/adjust", ADJUST),
    ("POST", f"{STORE}/points", POINTS | MORE),
    ("POST", f"{STORE}/points", POINTS | {"occurred_at": "{now}"}),
    ("POST", f"{STORE}/points/preview", POINTS),
    ("POST", f"{STORE}/points/redeem", CARD | {"points": 10}),
    ("POST", f"{STORE}/points/redeem", CARD | {"reward_id": Raw("{reward}")}),
    ("POST", f"{STORE}/points/adjust", ADJUST),
    ("POST", f"{STORE}/points/void", VOID),
    ("POST", f"{STORE}/refund", REFUND | {"order_reference": "ORD-2", "amount_cents": 100}),
    ("POST", f"{STORE}/cards/enroll", ENROLL | {"phone": "+352 621 000 001", "paper_stamps": 2}),
    ("POST", f"{STORE}/cards/enroll", {"customer_id": Raw("{customer}")}),
    ("PATCH", f"{STORE}/cards/{{card}}/customer", {"email": "good@example.com"}),
    ("PATCH", f"{STORE}/program",
     {"stamps_target": 9, "card_color": "#4F46E5", "privacy_url": "https://shop.example/privacy",
      "points_per_euro": 20, "points_expiration_days": 30}),
    ("POST", f"{STORE}/rewards", REWARD),
    ("PATCH", f"{STORE}/rewards/{{reward}}", {"name": "Cake"}),
    ("POST", f"{STORE}/pins", PIN | {"role": "manager"}),
    ("POST", f"{STORE}/pins/verify", {"staff_pin": "{pin}"}),
    ("POST", f"{FRONT}/loyalty/enroll", ENROLL | {"locale": "en"}),
    ("PATCH", f"{ADMIN}/merchants/{{merchant}}/settings", {"max_cards": 50, "allow_voids": True}),
    ("POST", f"{STORE}/cards/{{card}}/merge",
     {"other_card_id": Raw("{other}"), "reason": "the same"}),
    ("POST", f"{STORE}/cards/{{card}}/replace", {"reason": "it was lost"}),
    ("PATCH", f"{STORE}/cards/{{card}}", {"status": "suspended", "reason": "because"}),
    ("POST", f"{STORE}/cards/{{card}}/erase", {"reason": "as they wish"}),
]  # fmt: skip

WHOLE: dict[str, bytes] = {
    "empty": b"", "null": b"null", "list": b"[]", "text": b'"card_id"', "number": b"5",
    "cut": b'{"card_id": {card}', "comma": b'{"card_id": {card},}',
    "quotes": b"{'card_id': {card}}",
    "comment": b'{"card_id": {card} /* one */}', "two": b'{"card_id": {card}}{"card_id": {card}}',
    "key twice": b'{"card_id": {card}, "card_id": {card}}', "blanks": b"  \n",
    "inner key twice": b'{"card_id": {card}, "override": {"pin": "1", "pin": "2", "reason": "x"}}',
    "deep list": b'{"card_id": ' + b"[" * 100_000, "deep object": b'{"a":' * 50_000,
    "unknown field": b'{"card_id": {card}, "is_admin": true}', "no card": b'{"quantity": 1}',
    "NUL in a key": b'{"card_id": {card}, "a\\u0000": 1}', "not UTF-8": b'{"notes": "\xff\xfe"}',
    "UTF-16": '{"card_id": 1}'.encode("utf-16"), "raw control": b'{"notes": "a\x01b"}',
    "surrogate in a key": b'{"\\ud800": 1}', "too large": b'{"notes": "' + b"x" * 1_100_000 + b'"}',
    "two cards": b'{"card_id": {card}, "qr_code": "BDKXLNPRSTUVCEFGHIJKOBDXLNPRST"}',
    "form": b"card_id={card}&quantity=1", "prototype": b'{"__proto__": {"card_id": {card}}}',
}  # fmt: skip
WHOLE_PATHS = {
    "stamp": f"{STORE}/stamp", "points": f"{STORE}/points", "refund": f"{STORE}/refund",
    "enroll": f"{STORE}/cards/enroll", "self": f"{FRONT}/loyalty/enroll",
}  # fmt: skip

HEADERS: dict[str, Headers] = {
    "key empty": {"Idempotency-Key": ""},
    "key too long": {"Idempotency-Key": "k" * 256},
    "key of 10 kB": {"Idempotency-Key": "k" * 10_000},
    "key accented": {"Idempotency-Key": "clé".encode()},
    "key with a tab": {"Idempotency-Key": "a\tb"},
    "key of emoji": {"Idempotency-Key": "☕".encode()},
    "key with DEL": {"Idempotency-Key": b"a\x7f"},
    "no such store": {"X-Store-Code": "nowhere"}, "store of bytes": {"X-Store-Code": b"\xff\xfe"},
    "store too long": {"X-Store-Code": "s" * 5000}, "store SQL": {"X-Store-Code": "' OR 1=1 --"},
    "no token": {"Authorization": ""}, "token cut": {"Authorization": "Bearer"},
    "token of bytes": {"Authorization": b"Bearer \xff\xfe"},
    "basic": {"Authorization": "Basic YTpi"},
    "token too long": {"Authorization": "Bearer " + "t" * 5000},
    "text": {"Content-Type": "text/plain"}, "XML": {"Content-Type": "application/xml"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "multipart": {"Content-Type": "multipart/form-data; boundary=x"},
    "no type": {"Content-Type": ""},
}  # fmt: skip


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


QUERIES = [
    "limit=1000000000", "limit=-1", "limit=0", "limit=101", "limit=abc", "limit=1.5", "limit=",
    "limit=9223372036854775808", "limit=true", "limit=10&limit=-1", "cursor=garbage",
    "cursor=%00", "cursor=%F0%9F%98%80", "cursor=" + "A" * 4000, "cursor=bnVsbA", "cursor=W10",
    f"cursor={_cursor(['2026-01-01T00:00:00', 1])}", f"cursor={_cursor(['x', 1])}",
    f"cursor={_cursor(['0001-01-01T00:00:00+14:00', 1])}",
    f"cursor={_cursor(['9999-12-31T23:59:59-14:00', 1])}",
    f"cursor={_cursor(['2026-01-01T00:00:00+00:00', 2**63])}",
    f"cursor={_cursor(['2026-01-01T00:00:00+00:00', True])}", "include_total=maybe",
]  # fmt: skip
LISTS = [f"{STORE}/cards", f"{STORE}/transactions"]
MORE_QUERIES = [
    f"{STORE}/cards?status=rotten", f"{STORE}/cards?sort=random()", f"{STORE}/cards?reward_ready=2",
    f"{STORE}/cards?inactive_since=yesterday", f"{STORE}/cards?inactive_since=1700000000",
    f"{STORE}/cards?inactive_since=0001-01-01T00:00:00%2B14:00",
    f"{STORE}/cards?search={'x' * 500}", f"{STORE}/cards?search=%00",
    f"{STORE}/transactions?type=theft", f"{STORE}/transactions?from=2026-02-30",
    f"{STORE}/transactions?from=0001-01-01T00:00:00%2B14:00", f"{STORE}/transactions?card_id=-1",
    f"{STORE}/transactions?card_id=9223372036854775808", f"{STORE}/stats?days=0",
    f"{STORE}/stats?days=1000000000", f"{STORE}/stats?days=-1", f"{STORE}/stats?store=nowhere",
]  # fmt: skip
IDS = [
    "0", "-1", "9223372036854775808", "9223372036854775807", "1" + "0" * 30, "text", "1.0", "1e3",
    "true", "%EF%BC%91", "%D9%A1", "null", "+1", "1%20", "%2e%2e", "1%00",
]  # fmt: skip
WITH_ID: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"{STORE}/cards/{{id}}", {}),
    ("PATCH", f"{STORE}/cards/{{id}}", {"note": "x", "reason": "because"}),
    ("POST", f"{STORE}/cards/{{id}}/replace", {"reason": "it was lost"}),
    ("POST", f"{STORE}/cards/{{id}}/erase", {"reason": "as they wish"}),
    ("DELETE", f"{STORE}/pins/{{id}}", {}),
    ("DELETE", f"{STORE}/terminals/{{id}}", {}),
    ("PATCH", f"{STORE}/rewards/{{id}}", {"name": "Cake"}),
]  # fmt: skip


def bad_inputs() -> Iterator[Bad]:
    """The whole list."""
    yield from _bad_fields()
    for place, path in WHOLE_PATHS.items():
        for name, body in WHOLE.items():
            yield Bad(f"{place}: body {name}", "POST", path, body)
    for name, headers in HEADERS.items():
        sent = JSON | headers
        yield Bad(f"stamp: header {name}", "POST", f"{STORE}/stamp", to_json(STAMP), sent)
    for path in (f"{path}?{query}" for path in LISTS for query in QUERIES):
        yield Bad(f"GET {path[:90]}", "GET", path)
    for path in MORE_QUERIES:
        yield Bad(f"GET {path[:90]}", "GET", path)
    for method, path, good in WITH_ID:
        for one in IDS:
            yield Bad(f"{method} {path} {one}", method, path.replace("{id}", one), to_json(good))


def _bad_fields() -> Iterator[Bad]:
    for method, path, good, name, values in FIELDS:
        for kind, value in values.items():
            yield Bad(
                f"{method} {path}: {name} {kind}",
                method,
                path,
                to_json(good | {name: value}),
                who=caller(path, name),
                secret=str(value)[:200] if name in SECRETS else "",
            )


def caller(path: str, field_name: str = "") -> str:
    """Who may do that, were it not for the bad part."""
    if field_name == "occurred_at":
        return "till"
    return "admin" if path.startswith(ADMIN) else "owner"


def good_inputs() -> Iterator[Bad]:
    """The same requests without anything bad in them, in an order in which all can be done."""
    for number, (method, path, body) in enumerate(GOOD):
        who = caller(path, "occurred_at" if "occurred_at" in body else "")
        yield Bad(f"good {number}", method, path, to_json(body), who=who)


def to_json(value: dict[str, Any]) -> str:
    """JSON, in which a `Raw` stands for itself."""
    parts = []
    for name, item in value.items():
        text = str(item) if isinstance(item, Raw) else json.dumps(item, ensure_ascii=False)
        parts.append(f"{json.dumps(name)}: {text}")
    return "{" + ", ".join(parts) + "}"
