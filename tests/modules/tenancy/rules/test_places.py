from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, time
from typing import Any

import pytest

from app.core.errors import ValidationFailed
from app.modules.tenancy.rules import places


def fault_of(check: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[Any, str]:
    with pytest.raises(ValidationFailed) as refusal:
        check(*args, **kwargs)
    error = refusal.value.errors[0]
    return error.loc[0], error.code


@pytest.mark.parametrize("code", ["a", "7", "cafe-bleu", "a--b", "1" * 63])
def test_given_a_dns_label_when_taken_as_store_code_then_it_stays(code: str) -> None:
    assert places.check_store_code(code) == code


@pytest.mark.parametrize(
    "code",
    ["", "a" * 64, "-a", "a-", "Cafe", "café", "a.b", "a b", "a_b", "a\n", "xn--caf-dma", "../a"],
)
def test_given_no_dns_label_when_taken_as_store_code_then_it_is_refused(code: str) -> None:
    assert fault_of(places.check_store_code, code) == ("code", "store_code_invalid")


@pytest.mark.parametrize("code", ["www", "api", "admin", "static"])
def test_given_a_name_of_the_platform_when_taken_as_store_code_then_it_is_taken(
    code: str,
) -> None:
    assert fault_of(places.check_store_code, code) == ("code", "store_code_taken")


@pytest.mark.parametrize("zone", ["Europe/Luxembourg", "UTC", "America/Argentina/Ushuaia"])
def test_given_an_iana_zone_when_checked_then_it_stays(zone: str) -> None:
    assert places.check_timezone(zone) == zone


@pytest.mark.parametrize("zone", ["", "CET+1", "Europe/Atlantis", "../etc/passwd", "europe/paris"])
def test_given_no_iana_zone_when_checked_then_it_is_refused(zone: str) -> None:
    assert fault_of(places.check_timezone, zone) == ("timezone", "enum")


@pytest.mark.parametrize("start", [time(0), time(3, 30), time(12)])
def test_given_a_start_until_noon_when_checked_then_it_stays(start: time) -> None:
    assert places.check_day_start(start) == start


@pytest.mark.parametrize(
    "start", [time(12, 1), time(23, 59), time(4, 0, 1), time(4, 0, 0, 1), time(4, tzinfo=UTC)]
)
def test_given_a_start_after_noon_or_with_seconds_when_checked_then_it_is_refused(
    start: time,
) -> None:
    assert fault_of(places.check_day_start, start) == ("day_starts_at", "day_start_invalid")


@pytest.mark.parametrize("code", ["LU", "FR", "DE", "BE", "CH"])
def test_given_a_country_when_checked_then_it_stays(code: str) -> None:
    assert places.check_country(code) == code


@pytest.mark.parametrize("code", ["lu", "LUX", "ZZ", "EU", ""])
def test_given_no_country_when_checked_then_it_is_refused(code: str) -> None:
    assert fault_of(places.check_country, code) == ("country", "enum")


@pytest.mark.parametrize("code", ["EUR", "CHF", "JPY", "KWD"])
def test_given_a_currency_of_today_when_checked_then_it_stays(code: str) -> None:
    assert places.check_currency(code) == code


@pytest.mark.parametrize("code", ["eur", "LUF", "DEM", "XXX", "EURO", ""])
def test_given_no_currency_of_today_when_checked_then_it_is_refused(code: str) -> None:
    assert fault_of(places.check_currency, code) == ("currency", "enum")


@pytest.mark.parametrize(
    ("tag", "language"), [("fr", "fr"), ("lu", "lb"), ("de-AT", "de"), ("LB", "lb")]
)
def test_given_a_language_tag_when_checked_then_its_catalogue_is_meant(
    tag: str, language: str
) -> None:
    assert places.check_language(tag) == language


@pytest.mark.parametrize("tag", ["pt", "", "x" * 50])
def test_given_a_language_we_do_not_speak_when_checked_then_it_is_refused(tag: str) -> None:
    assert fault_of(places.check_language, tag) == ("locale", "enum")


def test_given_a_name_when_checked_then_it_is_trimmed_and_composed() -> None:
    assert places.check_name("  Cafe\u0301 Bleu ") == "Café Bleu"
    assert places.check_name("é" * 100) == "é" * 100


@pytest.mark.parametrize("name", ["", "   ", "a" * 101, "a\nb", "a\0b", "\ud800"])
def test_given_no_readable_name_when_checked_then_it_is_refused(name: str) -> None:
    assert fault_of(places.check_name, name, field="city") == ("city", "name_invalid")
