from __future__ import annotations

import pytest

from app.modules.tenancy.errors import MerchantSuspended
from app.modules.tenancy.rules.merchant_status import check_merchant_allows
from app.modules.tenancy.types import MerchantAct, MerchantStatus

OPEN = ["trial", "active", "past_due"]
SHUT = ["suspended", "closed"]


@pytest.mark.parametrize("act", MerchantAct)
@pytest.mark.parametrize("status", OPEN)
def test_given_a_merchant_in_business_when_it_acts_then_nothing_is_refused(
    status: str, act: MerchantAct
) -> None:
    check_merchant_allows(status, act)
    check_merchant_allows(MerchantStatus(status), act)


@pytest.mark.parametrize("act", [MerchantAct.COUNTER, MerchantAct.ENROLMENT])
@pytest.mark.parametrize("status", SHUT)
def test_given_a_suspended_or_closed_merchant_when_it_acts_then_it_is_refused(
    status: str, act: MerchantAct
) -> None:
    with pytest.raises(MerchantSuspended):
        check_merchant_allows(status, act)


def test_given_all_statuses_when_listed_then_each_says_what_it_refuses() -> None:
    assert {status.value for status in MerchantStatus} == {*OPEN, *SHUT}
