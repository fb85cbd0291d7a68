"""What a merchant's status refuses."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from app.modules.tenancy.errors import MerchantSuspended
from app.modules.tenancy.types import MerchantAct, MerchantStatus

# Whatever the status: people sign in, cards and history stay readable, data can be exported.
_REFUSED: Final[Mapping[MerchantStatus, frozenset[MerchantAct]]] = MappingProxyType(
    {
        MerchantStatus.TRIAL: frozenset(),
        MerchantStatus.ACTIVE: frozenset(),
        MerchantStatus.PAST_DUE: frozenset(),
        MerchantStatus.SUSPENDED: frozenset({MerchantAct.COUNTER, MerchantAct.ENROLMENT}),
        MerchantStatus.CLOSED: frozenset({MerchantAct.COUNTER, MerchantAct.ENROLMENT}),
    }
)


def check_merchant_allows(status: MerchantStatus | str, act: MerchantAct) -> None:
    """Refuse what a merchant of this status may not do.

    Raises:
        MerchantSuspended: a counter operation or an enrolment while suspended or closed.

    Source: product rule "Merchant status", docs/rules.md.
    """
    if act in _REFUSED[MerchantStatus(status)]:
        raise MerchantSuspended
