from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from app.core.errors import RateLimited
from app.core.web.rate_limits import RateLimits, rate_limit

MakeClient = Callable[..., TestClient]

LIMITED = "/api/v1/things/limited"
FOUND, MISSED = "/api/v1/things/looked-up/true", "/api/v1/things/looked-up/false"


def test_given_a_limit_when_one_more_is_asked_then_it_is_429_and_says_how_long(
    client: TestClient,
) -> None:
    assert [client.get(LIMITED).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get(LIMITED)
    assert answer.json()["code"] == "rate_limited"
    wait = answer.json()["params"]["retry_after_seconds"]
    assert 1 <= wait <= 61
    assert answer.headers["retry-after"] == str(wait)
    assert answer.json()["detail"] == f"Too many tries. Please wait {wait} seconds."


def test_given_a_limit_when_asked_then_the_headers_count_down(client: TestClient) -> None:
    first, second = client.get(LIMITED), client.get(LIMITED)
    assert first.headers["ratelimit-policy"] == '"limited";q=2;w=60'
    assert first.headers["ratelimit"].startswith('"limited";r=1;t=')
    assert second.headers["ratelimit"].startswith('"limited";r=0;t=')


def test_given_two_addresses_when_one_is_over_the_limit_then_the_other_is_not(
    make_client: MakeClient,
) -> None:
    client = make_client(peer="10.0.0.1", trusted_proxies="10.0.0.0/8")
    statuses = [
        client.get(LIMITED, headers={"X-Forwarded-For": address}).status_code
        for address in ("203.0.113.1", "203.0.113.1", "203.0.113.1", "203.0.113.2")
    ]
    assert statuses == [200, 200, 429, 200]


def test_given_forged_addresses_when_nobody_is_trusted_then_the_limit_holds(
    client: TestClient,
) -> None:
    """C38."""
    statuses = [
        client.get(LIMITED, headers={"X-Forwarded-For": f"1.2.3.{n}"}).status_code for n in range(3)
    ]
    assert statuses == [200, 200, 429]


def test_given_a_limit_on_misses_when_all_is_found_then_it_never_ends(client: TestClient) -> None:
    assert [client.get(FOUND).status_code for _ in range(5)] == [200] * 5


def test_given_a_limit_on_misses_when_there_were_too_many_then_even_hits_are_refused(
    client: TestClient,
) -> None:
    assert [client.get(MISSED).status_code for _ in range(3)] == [404, 404, 429]
    assert client.get(FOUND).status_code == 429


def test_given_a_rate_in_the_settings_when_asked_then_it_replaces_the_routes(
    make_client: MakeClient,
) -> None:
    client = make_client(rate_limits={"limited": "1/hour"})
    answers = [client.get(LIMITED) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"limited";q=1;w=3600'


def test_given_a_counter_when_only_checked_then_nothing_is_counted() -> None:
    limits = RateLimits()
    counter = limits.counter("x", "1/minute", "me")
    limits.check(counter)
    limits.check(counter)
    limits.hit(counter)
    with pytest.raises(RateLimited):
        limits.check(counter)


@pytest.mark.parametrize("rate", ["often", "", "-1/minute"])
def test_given_a_rate_that_is_none_when_written_then_it_fails_at_start(rate: str) -> None:
    with pytest.raises(ValueError, match="couldn't parse"):
        rate_limit("x", rate)
    with pytest.raises(ValueError, match="couldn't parse"):
        RateLimits({"x": rate})
