from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.web.client_ip import client_ip

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "headers", "expected"),
    [
        ("198.51.100.7", ["1.2.3.4"], "198.51.100.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["6.6.6.6, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("10.0.0.1", ["2001:DB8::0009"], "2001:db8::9"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8:ffff::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4\x00"], "10.0.0.1"),
        ("10.0.0.1", ["010.1.1.1"], "10.0.0.1"),
        (None, ["1.2.3.4"], None),
        ("", ["1.2.3.4"], None),
        ("testclient", ["1.2.3.4"], None),
    ],
)
def test_given_peer_and_headers_when_read_then_only_our_proxies_are_believed(
    peer: Any, headers: Any, expected: Any
) -> None:
    """C38."""
    assert client_ip(peer, headers, PROXIES) == expected


def test_given_an_endless_chain_when_read_then_only_its_end_is_looked_at() -> None:
    chain = ", ".join(["203.0.113.9"] + ["10.0.0.2"] * 10_000)
    assert client_ip("10.0.0.1", [chain], PROXIES) == "10.0.0.2"


@given(st.lists(st.text(max_size=60), max_size=5))
def test_given_any_headers_when_read_then_the_result_is_an_address(headers: Any) -> None:
    found = client_ip("10.0.0.1", headers, PROXIES)
    assert found is not None
    assert str(ip_address(found)) == found
