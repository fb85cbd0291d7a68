"""Which addresses lead to the machine itself."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """True for a loopback address, and for the names that never lead elsewhere (RFC 6761, 6.3)."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def leads_here(url: str) -> bool:
    """True where the URL's host is this machine."""
    return is_this_machine(urlsplit(url).hostname or "")
