"""Faults that others met with Google and Apple, walked through with the real drain and a till."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.fakes.faults import Fault
from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.models import WalletPass
from app.modules.loyalty.schemas import ProgramUpdate
from app.modules.loyalty.services import (
    program_service,
    stamp_service,
    wallet_upkeep,
    wallet_views,
)
from app.modules.loyalty.types import Caller, Provider
from tests.concurrency.wallet_site import Counter, Held, Site
from tests.factories import NOW

GOOGLE, APPLE = Provider.GOOGLE, Provider.APPLE
HOUR = timedelta(hours=1)
REFUSED = Fault(status=400, reason="invalidResource", message="Invalid class logo")
FORBIDDEN = Fault(status=403, reason="permissionDenied", message="Not a user of the issuer")


def stamp(counter: Counter, one: Held, *, now: Any = NOW) -> Any:
    with counter.sessions() as db:
        return stamp_service.add_stamp(
            db, card_id=one.card.id, caller=Caller(counter.shop.merchant_id), now=now
        )


def row_of(db: Session, one: Held) -> Any:
    kept = WalletPass
    return db.execute(
        select(kept).where(kept.merchant_id == one.google.merchant_id, kept.id == one.google.id)
    ).scalar_one()


def test_c17_given_an_object_that_google_lost_when_stamped_then_it_has_the_balance_of_now(
    site: Site, counter: Counter
) -> None:
    (one,) = counter.held
    site.google.objects.clear()  # as after a restore from a copy
    assert stamp(counter, one)["stamp_count"] == 1
    assert counter.drain(GOOGLE, now=NOW)["sent"] == 1
    assert site.stamps_at_google(one.google.serial) == 1


def test_c17_given_a_hiccup_when_stamped_then_counted_once_and_sent_a_little_later(
    site: Site, counter: Counter
) -> None:
    (one,) = counter.held
    site.watched.add(Fault(status=503))
    assert stamp(counter, one)["stamp_count"] == 1
    assert counter.drain(GOOGLE, now=NOW)["put_off"] == 1
    assert counter.drain(GOOGLE, now=NOW + timedelta(seconds=5))["sent"] == 1
    assert (site.stamps_at_google(one.google.serial), counter.stamps_of(one)) == (1, 1)


def test_c17_given_a_class_that_google_has_when_two_cards_come_then_it_stays_the_only_one(
    site: Site, counter: Counter
) -> None:
    counter.forget_class()  # ours is gone, Google's is not
    counter.give_out(2, now=NOW)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: counter.drain(GOOGLE, now=NOW), range(2)))
    assert counter.stale(GOOGLE) == 0
    assert (len(site.google.classes), len(site.google.objects)) == (1, 3)


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [(REFUSED, "parked", "invalidResource"), (FORBIDDEN, "waiting", "permissionDenied")],
    ids=["class refused", "forbidden"],
)
def test_c18_given_an_issuer_without_rights_when_cards_are_used_then_only_the_wallet_waits(
    site: Site, counter: Counter, fault: Fault, state: str, reason: str
) -> None:
    # given
    site.google.forget()
    counter.forget_class()
    counter.give_out(1, now=NOW)
    new = counter.held[-1]
    site.watched.always = [fault]
    # when
    counter.drain(GOOGLE, now=NOW)
    counts = [stamp(counter, new)["stamp_count"] for _ in range(2)]
    # then: the till noticed nothing, the operator reads Google's word, the page has no dead button
    assert counts == [1, 2]
    place = {"merchant_id": counter.shop.merchant_id, "card_id": new.card.id}
    with counter.sessions() as db:
        assert row_of(db, new).last_error == reason
        assert fault.message in row_of(db, new).last_error_detail
        standing = wallet_views.wallet_state(db, **place)[0]
        assert (standing["provider"], standing["state"]) == ("google", state)
        offered = wallet_views.addable(db, **place, now=NOW)
        assert [one["provider"] for one in offered] == ["apple"]
    # when Google takes it again, the hourly job finds all
    site.watched.clear()
    with counter.sessions() as db:
        wallet_upkeep.catch_up(db, now=NOW + HOUR, keep_alive=lambda: None)
    counter.drain(GOOGLE, now=NOW + HOUR)
    assert site.stamps_at_google(new.google.serial) == 2
    assert counter.stale(GOOGLE) == 0


def test_c19_given_five_stamps_and_a_reward_when_sent_then_three_notices_and_all_balances(
    site: Site, counter: Counter
) -> None:
    (one,) = counter.held
    with counter.sessions() as db:
        program_service.update_program(
            db, merchant_id=counter.shop.merchant_id, data=ProgramUpdate(stamps_target=5), now=NOW
        )
    counter.drain(GOOGLE, now=NOW)
    shown = []
    for number in range(1, 6):
        now = NOW + number * timedelta(minutes=15)
        stamp(counter, one, now=now)
        counter.drain(GOOGLE, now=now)
        shown.append(site.stamps_at_google(one.google.serial))
    asked = len(site.google.rings[f"{ISSUER_ID}.{one.google.serial}"])
    with counter.sessions() as db:
        stamp_service.redeem_stamps(
            db, card_id=one.card.id, caller=Caller(counter.shop.merchant_id), now=NOW + 2 * HOUR
        )
    counter.drain(GOOGLE, now=NOW + 2 * HOUR)
    assert (shown, asked) == ([1, 2, 3, 4, 5], 3)
    assert site.stamps_at_google(one.google.serial) == 0
    assert len(site.google.rings[f"{ISSUER_ID}.{one.google.serial}"]) == 3


def test_c12_given_two_new_looks_in_a_second_when_drained_then_the_phone_is_told_and_gets_both(
    site: Site, counter: Counter
) -> None:
    # given: a phone that has asked already, so that it has a tag
    now = utc_now()  # certificates are looked at
    (one,) = counter.held
    one.phone.add(now)
    counter.drain(APPLE, now=now)
    one.phone.hear_push(now)
    fetched, last = one.phone.fetched, one.phone.last_modified
    assert last is not None
    # when: two changes within one second, and no stamp
    for change in (ProgramUpdate(card_color="#0A1B2C"), ProgramUpdate(card_name="Blue")):
        with counter.sessions() as db:
            program_service.update_program(
                db, merchant_id=counter.shop.merchant_id, data=change, now=now
            )
        counter.drain(APPLE, now=now)
        one.phone.hear_push(now)
    # then
    assert one.phone.fetched == fetched + 2
    assert one.phone.last_modified == last + timedelta(seconds=2)
    assert counter.drain(APPLE, now=now)["sent"] == 0
    one.phone.fetch(now)
    assert one.phone.fetched == fetched + 2, "304"
