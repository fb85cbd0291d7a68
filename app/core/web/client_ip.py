"""Whose address a request comes from, believing forwarded headers from our own proxies only."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MOST_HOPS = 20
_MOST_CHARACTERS = 2000


def client_ip(
    peer: str | None, forwarded_for: Iterable[str], trusted: tuple[Network, ...]
) -> str | None:
    """The client's address: the rightmost one that is not a trusted proxy's.

    `forwarded_for` are the values of all X-Forwarded-For headers in their order. From a peer
    that is not trusted they are ignored; where a proxy's entry makes no sense, the last
    address before it stands. None when the socket has no address (a Unix socket).
    """
    address = _address(peer or "")
    if address is None or not _is_in(address, trusted):
        return str(address) if address else None
    hops = ",".join(forwarded_for)[-_MOST_CHARACTERS:].split(",")
    for hop in reversed(hops[-_MOST_HOPS:]):
        earlier = _address(_without_port(hop.strip()))
        if earlier is None:
            break
        address = earlier
        if not _is_in(address, trusted):
            break
    return str(address)


def _address(text: str) -> Address | None:
    if "%" in text:  # a zone after % may be any text at all
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _without_port(hop: str) -> str:
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
