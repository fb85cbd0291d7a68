"""Bad input is refused with a code: never a 5xx, never a 2xx, no secret told, nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.core.clock import utc_now
from app.core.config import load_settings
from app.core.db import Base, build_engine, build_sessionmaker
from app.core.errors import known_errors
from app.main import create_app
from app.modules.loyalty.services import points_service, stamp_service
from app.modules.tenancy.services import api_key_service
from tests import databases, factories
from tests.factories import PIN
from tests.fixtures import DIALECTS
from tests.modules.loyalty.routes.bad_inputs import FIELDS, Bad, Headers, bad_inputs, good_inputs
from tests.modules.loyalty.routes.conftest import make_session, problem_of

CASES = list(bad_inputs())
CODES = {error.code for error in known_errors() if error.status < 500}
UNLIMITED = "1000000/minute"
_LIMITS = (
    "login", "lookup_misses", "enrolments_by_address", "enrolments_by_store", "sign_in_codes",
    "sign_in_tries",
)  # fmt: skip
_EVERYTHING = ", ".join(
    [f'(SELECT count(*) FROM "{table.name}")' for table in Base.metadata.sorted_tables]
    + [
        "(SELECT sum(stamp_count * 1000000 + points_balance) FROM loyalty_cards)",
        "(SELECT sum(revision) FROM loyalty_cards)",
        "(SELECT sum(revision) FROM loyalty_programs)",
    ]
)


@dataclass
class Target:
    """The application, who calls it, what there is to be called by name, and what it holds."""

    client: TestClient
    engine: Engine
    headers: dict[str, dict[str, str]]
    names: dict[str, object]

    def send(self, bad: Bad) -> Response:
        path, body = bad.path, bad.body if isinstance(bad.body, bytes) else bad.body.encode()
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", str(value))
            body = body.replace(f"{{{name}}}".encode(), str(value).encode())
        headers: Headers = {**self.headers[bad.who], **bad.headers}
        return self.client.request(
            bad.method,
            path,
            content=body,
            headers=[(name.encode(), _bytes(value)) for name, value in headers.items()],
        )

    def contents(self) -> tuple[object, ...]:
        with self.engine.connect() as connection:
            return tuple(connection.execute(text(f"SELECT {_EVERYTHING}")).one())


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


@pytest.fixture(scope="module", params=DIALECTS)
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "sqlite":
        files: databases.SqliteFiles = request.getfixturevalue("sqlite_files")
        yield files.copy_to(Path(tmp_path_factory.mktemp("bad")) / "bad.db")
        return
    cluster: databases.Cluster = request.getfixturevalue("postgresql_cluster")
    yield cluster.create_database("bad_input", template="migrated")
    cluster.drop_database("bad_input")


@pytest.fixture(scope="module")
def target(url: str) -> Iterator[Target]:
    application = create_app(
        load_settings(database_url=url, rate_limits=dict.fromkeys(_LIMITS, UNLIMITED))
    )
    engine = build_engine(url)
    with build_sessionmaker(engine)() as db:
        headers, names = set_up(db)
    with TestClient(application, raise_server_exceptions=False) as client:
        yield Target(client, engine, headers, names)
    application.state.engine.dispose()
    engine.dispose()


def set_up(db: Session) -> tuple[dict[str, dict[str, str]], dict[str, object]]:
    """A shop in whose way no limit stands, so that only what is bad can be refused."""
    shop = factories.make_shop(
        db, loyalty_type="hybrid", require_staff_pin=False, cooldown_minutes=0, max_daily_stamps=99
    )
    merchant_id, now = shop.merchant_id, utc_now()
    card, other = (factories.make_card(db, shop=shop, stamps=30) for _ in range(2))
    factories.make_pin(db, merchant_id=merchant_id)
    earned = points_service.earn_points(
        db, card_id=card.id, purchase_amount_cents=2500, order_reference="ORD-1", now=now
    )
    stamped = stamp_service.add_stamp(db, card_id=card.id, now=now)
    key = api_key_service.create_api_key(db, merchant_id=merchant_id, name="Till")
    tokens = {
        "owner": make_session(db, merchant_id=merchant_id),
        "admin": make_session(db, merchant_id=None),
        "till": key["token"],
    }
    headers = {who: {"Authorization": f"Bearer {token}"} for who, token in tokens.items()}
    for who in ("owner", "till"):
        headers[who]["X-Store-Code"] = shop.store.code
    return headers, {
        "card": card.id, "other": other.id, "customer": other.customer_id, "merchant": merchant_id,
        "qr": card.qr_code_data, "number": card.card_number, "pin": PIN, "order": "ORD-1",
        "entry": earned["transaction_id"], "stamp": stamped["transaction_id"],
        "reward": factories.make_reward(db, merchant_id=merchant_id, cost_points=20).id,
        "now": (now - timedelta(minutes=1)).isoformat(),
    }  # fmt: skip


def test_given_the_list_when_counted_then_it_is_long_and_says_nothing_twice() -> None:
    assert len(CASES) >= 200
    assert len({(bad.method, bad.path, bad.body, repr(bad.headers)) for bad in CASES}) == len(CASES)


@pytest.mark.parametrize("bad", CASES, ids=str)
def test_given_bad_input_when_sent_then_refused_with_a_code_and_nothing_is_changed_or_told(
    target: Target, bad: Bad
) -> None:
    before = target.contents()
    answer = target.send(bad)
    status, code = problem_of(answer)
    assert 400 <= status < 500, (status, code)
    assert code in CODES
    assert not bad.secret or bad.secret not in answer.text
    assert target.contents() == before


def test_given_the_same_requests_without_the_bad_part_when_sent_then_all_are_served(
    target: Target,
) -> None:
    """It was the bad part that was refused. Comes last, since it changes what there is."""
    for good in good_inputs():
        answer = target.send(good)
        assert answer.status_code in (200, 201, 204), (good.path, answer.text)
    served = {(good.method, good.path) for good in good_inputs()}
    never = {"/auth/verify", "{id}", "/terminals"}  # nobody has the code; ids are tried elsewhere
    tried = {(row[0], row[1]) for row in FIELDS}
    assert {one for one in tried - served if not any(part in one[1] for part in never)} == set()
