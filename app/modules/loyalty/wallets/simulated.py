"""The one exception from https: vendors that are simulated on this machine."""

from __future__ import annotations

from app.core.addresses import leads_here


def is_simulated(base_url: str, *vendor_urls: str, is_production: bool) -> bool:
    """True only where nothing leaves this machine: the platform's address and all the vendor's
    are its own, and no real customers are served.
    """
    return not is_production and all(map(leads_here, (base_url, *vendor_urls)))
