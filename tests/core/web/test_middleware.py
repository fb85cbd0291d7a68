import re
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

MakeClient = Callable[..., TestClient]

URL = "/api/v1/things"
CSP = (
    r"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'nonce-([\w-]+)'; "
    r"img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    r"frame-ancestors 'none'; form-action 'self'"
)


@pytest.mark.parametrize(
    "path", ["/healthz", f"{URL}/refused", "/nowhere", "/static/none.css", f"{URL}/crash"]
)
def test_given_any_answer_when_sent_then_it_has_every_security_header(
    client: TestClient, path: str
) -> None:
    headers = client.get(path).headers
    assert re.fullmatch(CSP, headers["content-security-policy"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"].startswith("camera=(self)")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "strict-transport-security" not in headers


def test_given_https_when_answered_then_browsers_are_told_to_stay_there(
    make_client: MakeClient,
) -> None:
    headers = make_client(base_url="https://a.example").get("/healthz").headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_given_two_requests_when_answered_then_their_nonces_differ(client: TestClient) -> None:
    policies = [client.get("/healthz").headers["content-security-policy"] for _ in range(2)]
    nonces = [nonce for policy in policies for nonce in re.findall(CSP, policy)]
    assert len(nonces) == 2
    assert nonces[0] != nonces[1]
    assert min(map(len, nonces)) >= 22


def test_given_a_route_that_says_nothing_when_answered_then_nothing_is_cached(
    client: TestClient,
) -> None:
    assert client.get(f"{URL}/refused").headers["cache-control"] == "no-store"
    assert client.get(f"{URL}/cached").headers.get_list("cache-control") == ["private, no-cache"]


@pytest.mark.parametrize("given", ["abcdefgh", "A" * 64, "6f1c.2-3_x"])
def test_given_a_well_formed_request_id_when_sent_then_it_is_kept(
    client: TestClient, given: str
) -> None:
    answer = client.get(f"{URL}/state", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given
    assert answer.json()["id"] == given


@pytest.mark.parametrize(
    "given", ["", "short12", "A" * 65, "abcdefg h", "<script>x", "abcdefgh\xe9", "-bcdefgh"]
)
def test_given_a_malformed_request_id_when_sent_then_a_new_one_is_made(
    client: TestClient, given: str
) -> None:
    answer = client.get(f"{URL}/state", headers={b"X-Request-ID": given.encode("latin-1")})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


def test_given_a_request_when_answered_then_the_log_has_its_template_and_never_its_query(
    client: TestClient,
) -> None:
    with capture_logs() as logs:
        client.get(f"{URL}/number/77?token=canary")
    [line] = logs
    assert line["event"] == "request"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["route"] == f"{URL}/number/{{thing_id}}"
    assert line["ms"] >= 0
    assert "canary" not in str(line)
    assert "77" not in str(line["route"])


def test_given_an_unknown_address_when_asked_then_the_log_does_not_repeat_it(
    client: TestClient,
) -> None:
    with capture_logs() as logs:
        client.get("/canary-token")
    assert "canary" not in str(logs)
    assert logs[0]["route"] == "-"


def test_given_a_forged_forwarded_header_when_nobody_is_trusted_then_the_socket_counts(
    client: TestClient,
) -> None:
    """C38."""
    answer = client.get(f"{URL}/state", headers={"X-Forwarded-For": "1.2.3.4"})
    assert answer.json()["ip"] == "198.51.100.7"


def test_given_one_trusted_proxy_when_it_forwards_then_the_rightmost_stranger_counts(
    make_client: MakeClient,
) -> None:
    """C38."""
    client = make_client(peer="10.1.2.3", trusted_proxies="10.0.0.0/8")
    answer = client.get(f"{URL}/state", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    assert answer.json()["ip"] == "203.0.113.9"


@pytest.mark.parametrize("rubbish", ["<script>", "x" * 5000, "", ",,,", "fe80::1%<b>"])
def test_given_rubbish_from_a_trusted_proxy_when_read_then_the_proxy_itself_counts(
    make_client: MakeClient, rubbish: str
) -> None:
    """C38."""
    client = make_client(peer="10.1.2.3", trusted_proxies="10.0.0.0/8")
    answer = client.get(f"{URL}/state", headers={"X-Forwarded-For": rubbish})
    assert (answer.status_code, answer.json()["ip"]) == (200, "10.1.2.3")
