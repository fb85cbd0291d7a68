"""POST /points/reinstate: expired points come back, by a manager and once."""

from __future__ import annotations

from datetime import timedelta

from app.core.clock import utc_now
from app.modules.loyalty.services import points_expiry
from app.modules.loyalty.types import Draft, EntryType
from tests import factories
from tests.modules.loyalty.routes.conftest import Api, problem_of

URL = "/points/reinstate"


def test_given_expired_points_when_a_manager_gives_them_back_then_the_balance_is_as_before(
    api: Api,
) -> None:
    db, now = api.db, utc_now()
    shop = factories.make_shop(db, loyalty_type="points", points_expiration_days=30)
    api.shop = shop
    long_ago = now - timedelta(days=40)
    card = api.card(last_collected_at=long_ago, now=long_ago)
    earned = Draft(EntryType.POINTS_EARNED, points_delta=50, amount_cents=500)
    factories.post(db, card, [earned], now=long_ago)
    body = {"card_id": card.id, "reason": "was in hospital"}
    assert problem_of(api.post(URL, body, "manager")) == (409, "nothing_to_reinstate")
    points_expiry.expire_points(db, now=now, keep_alive=lambda: None)
    assert problem_of(api.post(URL, body, "cashier")) == (403, "forbidden")
    back = api.post(URL, body, "manager", key="back-1")
    assert back.status_code == 200, back.text
    assert (back.json()["type"], back.json()["points_balance"]) == ("points_reinstated", 50)
    again = api.post(URL, body, "manager", key="back-1")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert problem_of(api.post(URL, body, "manager")) == (409, "nothing_to_reinstate")
