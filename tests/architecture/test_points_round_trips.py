"""What booking a purchase may cost: one round trip more than a stamp, and only for an order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.services import points_service
from bench.round_trips import TripCounter, counting_proxy
from tests import factories

# psycopg prepares a statement at its sixth use; from then on nothing changes any more.
WARM_UP = 12


@pytest.fixture
def trips(postgresql_engine: Engine) -> Iterator[TripCounter]:
    folder = postgresql_engine.url.query["host"]
    assert isinstance(folder, str)
    with counting_proxy(folder) as counter:
        yield counter


@pytest.fixture
def sessions(postgresql_engine: Engine, trips: TripCounter) -> Iterator[sessionmaker[Session]]:
    url = postgresql_engine.url.update_query_dict({"host": str(trips.folder)})
    engine = build_engine(url.render_as_string(hide_password=False))
    yield build_sessionmaker(engine)
    engine.dispose()


@pytest.mark.parametrize(("has_order", "expected"), [(False, 2), (True, 3)])
def test_given_a_warm_connection_when_a_purchase_is_booked_then_so_many_round_trips(
    trips: TripCounter, sessions: sessionmaker[Session], has_order: bool, expected: int
) -> None:
    numbers = count()
    with sessions() as db:
        shop = factories.make_shop(db, loyalty_type="points", pin_session_minutes=0)
        factories.make_pin(db, merchant_id=shop.merchant_id)
        qr_code = factories.make_card(db, shop=shop).qr_code_data

    def book() -> int:
        before, number = trips.count, next(numbers)
        with sessions() as db:
            points_service.earn_points(
                db,
                qr_code=qr_code,
                purchase_amount_cents=2500,
                order_reference=f"ORD-{number}" if has_order else None,
                staff_pin=factories.PIN,
                idempotency_key=f"{has_order}-{number}",
            )
        return trips.count - before

    for _ in range(WARM_UP):
        book()
    assert [book() for _ in range(5)] == [expected] * 5
