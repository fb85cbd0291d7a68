"""Pictures by address: wished for in a request, fetched by a worker, shown like those sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import in_atomic
from app.core.http import NotFetched, fetch_public
from app.core.jobs import LeaseLost
from app.modules.loyalty.models import LoyaltyProgram, ProgramImage, ProgramImageFetch
from app.modules.loyalty.rules.pictures import PictureKind
from app.modules.loyalty.schemas import ProgramCreate, ProgramUpdate
from app.modules.loyalty.services import image_fetching, image_service, program_service
from app.modules.loyalty.services.image_fetching import WAITS
from app.modules.loyalty.types import ActorKind, Caller
from app.modules.tenancy.models import AuditEntry
from tests import factories, reads
from tests.factories import NOW, Shop
from tests.picture_site import NAME, answer, certificate, picture_site
from tests.pictures import BLUE, picture

URL, OTHER = f"https://{NAME}/logo.png?token=secret", f"https://{NAME}/other.png"
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _no_other_wishes(engine: Engine) -> Iterator[None]:
    """The worker serves all merchants; on PostgreSQL the tests share one database."""
    yield
    with engine.begin() as connection:
        connection.execute(delete(ProgramImageFetch).execution_options(tenant_exempt="tidies up"))


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db)


def change(db: Session, shop: Shop, now: datetime = NOW, **columns: Any) -> LoyaltyProgram:
    return program_service.update_program(
        db,
        merchant_id=shop.merchant_id,
        data=ProgramUpdate(**columns),
        caller=Caller(shop.merchant_id, kind=ActorKind.USER, actor_id=7),
        now=now,
    )


def run(db: Session, fetch: Any, now: datetime = NOW) -> dict[str, int]:
    """One run of the job; what is not nothing of its counts."""
    counts = image_fetching.fetch_due(db, now=now, keep_alive=lambda: None, fetch=fetch)
    return {name: count for name, count in counts.items() if count}


def send(db: Session, shop: Shop, content: bytes) -> str:
    return image_service.store_image(
        db, merchant_id=shop.merchant_id, content=content, kind=PictureKind.LOGO, now=NOW
    )["name"]


def serving(_url: str) -> bytes:
    return picture()


def refusing(reason: str, *, is_final: bool = False) -> Any:
    def fetch(_url: str) -> bytes:
        raise NotFetched(reason, is_final=is_final)

    return fetch


def program_of(db: Session, shop: Shop) -> LoyaltyProgram:
    [program] = reads.rows_of(db, LoyaltyProgram, merchant_id=shop.merchant_id)
    assert isinstance(program, LoyaltyProgram)
    return program


def wishes_of(db: Session, shop: Shop) -> list[tuple[str, str, bool, str | None]]:
    """Kind, address, whether it waits, and the last error."""
    rows = reads.rows_of(db, ProgramImageFetch, merchant_id=shop.merchant_id)
    return [(row.kind, row.url, row.next_attempt_at is not None, row.last_error) for row in rows]


def names_of(db: Session, shop: Shop) -> set[str]:
    return {row.name for row in reads.rows_of(db, ProgramImage, merchant_id=shop.merchant_id)}


def test_given_a_wish_when_the_worker_comes_then_the_picture_takes_the_old_ones_place(
    db: Session, shop: Shop
) -> None:
    old = send(db, shop, picture(color=BLUE))
    change(db, shop, logo_image=old)
    wished = change(db, shop, logo_url=URL)
    assert (wished.revision, wished.logo_image) == (3, old)
    assert wishes_of(db, shop) == [("logo", URL, True, None)]
    asked = []

    def fetch(url: str) -> bytes:
        assert not in_atomic(db)
        assert not db.in_transaction()
        asked.append(url)
        return picture("JPEG")

    assert image_fetching.has_due(db, NOW)
    assert not image_fetching.has_due(db, NOW - SECOND)
    assert run(db, fetch) == {"fetched": 1}
    program = program_of(db, shop)
    assert (asked, program.revision, wishes_of(db, shop)) == ([URL], 4, [])
    assert names_of(db, shop) == {program.logo_image}
    assert program.logo_image is not None
    assert program.logo_image != old
    assert image_service.read_image(db, name=program.logo_image)["content_type"] == "image/png"
    assert not image_fetching.has_due(db, NOW + timedelta(days=1))
    acts = reads.rows_of(db, AuditEntry, merchant_id=shop.merchant_id)
    wish, fetched = acts[-2:]
    assert (wish.action, wish.actor_id) == ("program_changed", 7)
    assert (wish.old, wish.new) == ({"logo_url": None}, {"logo_url": f"https://{NAME}/logo.png"})
    assert (fetched.action, fetched.actor_kind) == ("program_image_fetched", "job")
    assert fetched.old == {"logo_image": old}
    assert fetched.new == {"logo_image": program.logo_image} | wish.new


def test_given_a_real_site_when_the_worker_comes_then_the_picture_is_fetched_drawn_and_shown(
    db: Session, shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    change(db, shop, logo_url=URL, hero_url=OTHER)
    with picture_site(file, answer(picture("JPEG"), "Content-Type: text/html")) as site:
        fetch = partial(
            fetch_public, max_bytes=10_000, accept="*/*", resolve=site.resolve, connect=site.connect
        )
        assert run(db, fetch) == {"fetched": 2}
        assert len(site.requests) == 2
    program = program_of(db, shop)
    assert (program.logo_image or "").endswith(".png")
    assert (program.hero_image or "").endswith(".jpg")


def test_given_nothing_replaced_when_the_address_leads_inside_then_it_fails_at_once(
    db: Session, shop: Shop
) -> None:
    change(db, shop, logo_url="https://169.254.169.254/latest/meta-data/iam")
    assert run(db, image_fetching.fetch) == {"failed": 1}
    [(_, _, is_waiting, reason)] = wishes_of(db, shop)
    assert (is_waiting, reason) == (False, "address_refused")


@pytest.mark.parametrize(
    "content", [b"<svg/>", b"", b"<html>", picture(mode="1", size=(2001, 2000), color=1)]
)
def test_given_no_picture_that_is_drawn_when_fetched_then_it_fails_at_once_and_nothing_changes(
    db: Session, shop: Shop, content: bytes
) -> None:
    change(db, shop, logo_url=URL)
    assert run(db, lambda _url: content) == {"failed": 1}
    assert wishes_of(db, shop) == [("logo", URL, False, "image_rejected")]
    assert (program_of(db, shop).revision, names_of(db, shop)) == (2, set())
    assert not image_fetching.has_due(db, NOW + timedelta(days=1))


def test_given_a_final_refusal_when_fetched_then_never_again(db: Session, shop: Shop) -> None:
    change(db, shop, hero_url=URL)
    assert run(db, refusing("redirected", is_final=True)) == {"failed": 1}
    assert run(db, serving, NOW + timedelta(days=1)) == {}
    assert wishes_of(db, shop) == [("hero", URL, False, "redirected")]


def test_given_a_site_that_is_away_when_tried_three_times_then_it_is_given_up(
    db: Session, shop: Shop
) -> None:
    change(db, shop, logo_url=URL)
    first, second = NOW + WAITS[0], NOW + WAITS[0] + WAITS[1]
    assert run(db, refusing("timeout")) == {"put_off": 1}
    assert wishes_of(db, shop) == [("logo", URL, True, "timeout")]
    assert run(db, serving, first - SECOND) == {}
    assert run(db, refusing("server_failed"), first) == {"put_off": 1}
    assert run(db, serving, second - SECOND) == {}
    assert run(db, refusing("name_unknown"), second) == {"failed": 1}
    assert wishes_of(db, shop) == [("logo", URL, False, "name_unknown")]


def test_given_a_site_that_comes_back_when_tried_again_then_the_picture_shows(
    db: Session, shop: Shop
) -> None:
    change(db, shop, logo_url=URL)
    run(db, refusing("unreachable"))
    assert run(db, serving, NOW + WAITS[0]) == {"fetched": 1}
    assert program_of(db, shop).logo_image is not None


class Died(BaseException):
    """The process is killed."""


def test_given_a_worker_that_dies_over_a_picture_when_others_try_then_not_for_ever(
    db: Session, shop: Shop
) -> None:
    def dying(_url: str) -> bytes:
        raise Died

    change(db, shop, logo_url=URL)
    for number in range(3):
        with pytest.raises(Died):
            run(db, dying, NOW + number * timedelta(minutes=5))
        assert run(db, serving, NOW + (number + 1) * timedelta(minutes=5) - SECOND) == {}
    assert run(db, serving, NOW + timedelta(minutes=15)) == {"failed": 1}
    assert wishes_of(db, shop) == [("logo", URL, False, "interrupted")]


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [
        ({"logo_url": OTHER}, [("logo", OTHER, True, None)]),
        ({"logo_url": None}, []),
        ({"logo_image": None}, []),
    ],
)
@pytest.mark.parametrize("outcome", [serving, refusing("not_served", is_final=True)])
def test_given_an_owner_who_changes_their_mind_when_it_is_being_fetched_then_the_owner_wins(
    db: Session,
    session_factory: sessionmaker[Session],
    shop: Shop,
    meanwhile: dict[str, Any],
    left: list[Any],
    outcome: Any,
) -> None:
    change(db, shop, logo_url=URL)

    def fetch(url: str) -> bytes:
        with session_factory() as owner:
            change(owner, shop, NOW, **meanwhile)
        content: bytes = outcome(url)
        return content

    assert run(db, fetch) == {"outdated": 1}
    assert wishes_of(db, shop) == left
    assert (program_of(db, shop).logo_image, names_of(db, shop)) == (None, set())


def test_given_an_upload_when_it_is_named_during_the_fetch_then_the_upload_stays(
    db: Session, session_factory: sessionmaker[Session], shop: Shop
) -> None:
    change(db, shop, logo_url=URL)
    sent = send(db, shop, picture(color=BLUE))

    def fetch(_url: str) -> bytes:
        with session_factory() as owner:
            change(owner, shop, logo_image=sent)
        return picture()

    assert run(db, fetch) == {"outdated": 1}
    assert program_of(db, shop).logo_image == sent
    assert names_of(db, shop) == {sent}


def test_given_another_change_of_the_program_when_it_is_being_fetched_then_both_count(
    db: Session, session_factory: sessionmaker[Session], shop: Shop
) -> None:
    change(db, shop, logo_url=URL)

    def fetch(_url: str) -> bytes:
        with session_factory() as owner:
            change(owner, shop, stamps_target=7)
        return picture()

    assert run(db, fetch) == {"fetched": 1}
    program = program_of(db, shop)
    assert (program.stamps_target, program.revision) == (7, 4)
    assert program.logo_image is not None


def test_given_the_same_wish_when_repeated_then_nothing_until_it_has_failed(
    db: Session, shop: Shop
) -> None:
    assert change(db, shop, logo_url=URL).revision == 2
    assert change(db, shop, NOW + SECOND, logo_url=URL).revision == 2
    assert change(db, shop, hero_url=None).revision == 2
    run(db, refusing("not_served", is_final=True))
    assert change(db, shop, NOW + SECOND, logo_url=URL).revision == 3
    assert wishes_of(db, shop) == [("logo", URL, True, None)]
    assert run(db, serving, NOW + SECOND) == {"fetched": 1}
    assert change(db, shop, logo_url=None).revision == 4


def test_given_many_wishes_when_the_worker_comes_then_a_few_at_once_the_oldest_first(
    db: Session,
) -> None:
    shops = [factories.make_shop(db) for _ in range(3)]
    for number, shop in enumerate(shops):
        change(db, shop, NOW - number * SECOND, logo_url=URL)
    assert run(db, serving) == {"fetched": image_fetching.MOST_AT_ONCE}
    assert [bool(wishes_of(db, shop)) for shop in shops] == [True, False, False]
    assert run(db, serving) == {"fetched": 1}


def test_given_a_lost_lease_when_a_wish_is_next_then_it_is_left_to_the_next_worker(
    db: Session, shop: Shop
) -> None:
    change(db, shop, logo_url=URL)

    def lost() -> None:
        raise LeaseLost("loyalty.fetch_pictures")

    with pytest.raises(LeaseLost):
        image_fetching.fetch_due(db, now=NOW, keep_alive=lost, fetch=serving)
    assert run(db, serving) == {"fetched": 1}


def test_given_a_new_program_when_created_with_addresses_then_they_are_wishes(db: Session) -> None:
    merchant = factories.make_merchant(db)
    store = factories.make_store(db, merchant_id=merchant.id)
    data = ProgramCreate(loyalty_type="stamps", logo_url=URL)
    program = program_service.create_program(db, store_id=store.id, data=data, now=NOW)
    assert (program.revision, program.logo_image) == (1, None)
    assert run(db, serving) == {"fetched": 1}
    [made, _fetched] = reads.rows_of(db, AuditEntry, merchant_id=merchant.id)
    assert made.new["logo_url"] == f"https://{NAME}/logo.png"
    assert "hero_url" not in made.new
