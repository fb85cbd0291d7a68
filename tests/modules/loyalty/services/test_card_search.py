"""Searches: however something is spelled, and the same answers by every way of finding them.

`LOOKED_THROUGH` is how many cards are looked through before the index is asked; with one, every
search here goes by the index.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.modules.customers.models import Customer
from app.modules.customers.rules.names import search_text
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_lists, card_pages
from app.modules.loyalty.services.card_lists import CardSort
from tests import factories
from tests.factories import NOW, Shop

_NUMBERS = count(1)


@pytest.fixture(params=[1, 2000], ids=["by the index", "by looking through"])
def looked_through(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(card_pages, "LOOKED_THROUGH", request.param)
    return int(request.param)


@pytest.fixture
def by_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card_pages, "LOOKED_THROUGH", 1)


def make_member(
    db: Session,
    shop: Shop,
    first: str,
    last: str = "",
    *,
    email: str | None = None,
    phone: str | None = None,
    now: datetime = NOW,
) -> LoyaltyCard:
    email = email or f"m{next(_NUMBERS)}@example.com"
    customer = factories.make_customer(
        db, merchant_id=shop.merchant_id, first_name=first, last_name=last, email=email,
        phone=phone, search_text=search_text([first, last, email, phone]),
    )  # fmt: skip
    return factories.make_card(db, shop=shop, customer_id=customer.id, now=now)


def make_others(db: Session, shop: Shop) -> None:
    """People that no search here means, with newer cards."""
    for name in ("Anna Weber", "Luc Kieffer", "Mia Thill"):
        make_member(
            db, shop, *name.split(), phone=f"+35269122233{len(name)}", now=NOW + timedelta(days=1)
        )


def change_person(db: Session, card: LoyaltyCard, **columns: Any) -> None:
    mine = Customer.merchant_id == card.merchant_id
    db.execute(update(Customer).where(mine, Customer.id == card.customer_id).values(**columns))


def found(db: Session, shop: Shop, search: str) -> list[int]:
    page = card_lists.list_cards(db, merchant_id=shop.merchant_id, search=search)
    return [item["card_id"] for item in page["items"]]


SPELLINGS = (
    "zoe", "ZOÉ", "Zoe\u0301", "straßer", "STRASSER", "trasse", "Straßer zoé", "z", "Zo",
    "st z", "  zoé\t ", "zoe@müller.lu", "zoe@xn--mller-kva.lu", "@xn--mller", "zoe@",
    # Case C52
    "621 000 001", "621000001", "+352 621 000 001", "00352621000001", "352621000001",
    "+352 (0) 621-000-001", "+352 (0) 621", "621-000", "٦٢١٠٠٠٠٠١", "+352621", "2621", "1000001",
)  # fmt: skip
NOT_HERS = ("o", "oe", "é", "tr", "er", "@e", "zo x", "x zo", "35", "\u0301", "zoe zorro")
ONLY_SIGNS = (
    "%", "_", "zo%", "z_e", "\\", "zoe\\", '"', '"zoe"', "zoe*", "^zoe", "text:zoe",
    "zoe AND", "zoe OR nobody", "NOT zoe", "NEAR(zoe)", "NEAR(zoe strasser, 3)", "-zoe",
    "(zoe", "{text}: zoe", "zoe & strasser", "zoe'", "' OR 1=1 --", "🦊", "\0zoe\0x", "\ud800",
    "zoe" * 340, "zoe " + "x " * 500, "9" * 1000, "+" * 1000, "é" * 1000,
)  # fmt: skip
ODD_NAMES = (
    ('O"Brien', 'o"b'), ("D\u2019Arcy", "d'arcy"), ("100%", "00%"), ("a_b_c", "b_c"),
    ("back\\slash", "\\sl"), ("a/b/c", "b/c"), ("{{7*7}}", "7*7"), ("<b>", "<b>"),
    ("NEAR", "near"), ("Anne-Sophie", "-sophie"), ("🦊 Fox", "🦊"), ("👩‍👩‍👧 Trio", "👩‍👩‍👧"),
    ("مريم", "مري"), ("王芳", "王"), ("Ǽgir", "aegir"), ("ﬃx", "ffix"), ("İpek", "ipek"),
)  # fmt: skip


@pytest.mark.usefixtures("looked_through")
def test_given_a_person_when_searched_in_any_spelling_then_found_and_nobody_else(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    email = "zoe@xn--mller-kva.lu"
    zoe = make_member(db, shop, "Zoé", "Straßer", email=email, phone="+352621000001")
    make_others(db, shop)
    for text in SPELLINGS:
        assert found(db, shop, text) == [zoe.id], text
    for text in NOT_HERS + ONLY_SIGNS:
        assert found(db, shop, text) == [], text


@pytest.mark.usefixtures("looked_through")
def test_given_odd_signs_in_names_when_searched_then_each_is_found_and_nobody_else(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    cards = {name: make_member(db, shop, name).id for name, _ in ODD_NAMES}
    make_others(db, shop)
    for name, search in ODD_NAMES:
        assert found(db, shop, search) == [cards[name]], (name, search)


@pytest.mark.usefixtures("looked_through")
@pytest.mark.parametrize(("dialled", "place"), [("06 12 34 56 78", "FR"), ("06 12", "FR")])
def test_given_a_french_number_when_searched_as_dialled_there_then_found(
    db: Session, dialled: str, place: str
) -> None:
    shop = factories.make_shop(db)
    card = make_member(db, shop, "Léa", "Petit", phone="+33612345678")
    make_others(db, shop)
    page = card_lists.list_cards(db, merchant_id=shop.merchant_id, search=dialled, country=place)
    assert [item["card_id"] for item in page["items"]] == [card.id]


@pytest.mark.usefixtures("looked_through")
def test_given_a_changed_name_when_searched_then_the_new_one_counts_at_once(db: Session) -> None:
    shop = factories.make_shop(db)
    card = make_member(db, shop, "Zoé", "Straßer")
    make_others(db, shop)
    with atomic(db):
        change_person(db, card, first_name="Chloé", search_text="chloe strasser")
    assert found(db, shop, "chloé") == found(db, shop, "ch") == [card.id]
    assert found(db, shop, "zoe") == []


@pytest.mark.usefixtures("looked_through")
@pytest.mark.parametrize("sort", list(CardSort))
def test_given_an_erased_person_when_searched_then_not_found(db: Session, sort: CardSort) -> None:
    shop = factories.make_shop(db)
    card = make_member(db, shop, "Zoé", "Straßer")
    make_others(db, shop)
    with atomic(db):
        change_person(db, card, erased_at=NOW)
    for status in (None, "active"):
        page = card_lists.list_cards(
            db, merchant_id=shop.merchant_id, search="zoe", status=status, sort=sort
        )
        assert page["items"] == []
    with atomic(db):
        change_person(db, card, search_text="")
        card_row = LoyaltyCard.merchant_id == shop.merchant_id
        erased = update(LoyaltyCard).where(card_row, LoyaltyCard.id == card.id)
        db.execute(erased.values(status="erased"))
    gone = card_lists.list_cards(db, merchant_id=shop.merchant_id, status="erased", sort=sort)
    assert [item["card_id"] for item in gone["items"]] == [card.id]


@pytest.mark.usefixtures("by_index")
def test_given_a_deleted_person_when_somebody_takes_the_place_then_only_the_new_name_is_found(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    make_others(db, shop)
    gone = factories.make_customer(
        db, merchant_id=shop.merchant_id, search_text="zoe strasser", email="z@example.com"
    )
    with atomic(db):
        mine = Customer.merchant_id == shop.merchant_id
        db.execute(delete(Customer).where(mine, Customer.id == gone.id))
    factories.make_customer(
        db, merchant_id=shop.merchant_id, id=gone.id, search_text="tom hoffmann",
        email="t@example.com",
    )  # fmt: skip
    card = factories.make_card(db, shop=shop, customer_id=gone.id)
    assert found(db, shop, "strasser") == []
    assert found(db, shop, "hoffm") == [card.id]


def pages(
    db: Session, shop: Shop, search: str, sort: CardSort, *, limit: int
) -> tuple[list[int], int | None]:
    """All pages one after another, and the total."""
    seen: list[int] = []
    cursor = total = None
    while True:
        page = card_lists.list_cards(
            db, merchant_id=shop.merchant_id, search=search, sort=sort, limit=limit,
            cursor=cursor, include_total=cursor is None,
        )  # fmt: skip
        seen += [item["card_id"] for item in page["items"]]
        total, cursor = total or page["total"], page["next_cursor"]
        if cursor is None:
            return seen, total


@pytest.mark.parametrize("looking", [1, 10, 35, 1000])
@pytest.mark.parametrize("sort", list(CardSort))
def test_given_many_who_fit_when_read_in_pages_then_each_comes_once_in_order(
    db: Session, monkeypatch: pytest.MonkeyPatch, looking: int, sort: CardSort
) -> None:
    monkeypatch.setattr(card_pages, "LOOKED_THROUGH", looking)
    shop, other = factories.make_shop(db), factories.make_shop(db)
    cards = []
    for n in range(60):
        # Every third is a Zoé, none of them among the newest; threes share a moment.
        name = "Zoé" if n % 3 == 0 and n < 45 else ("Anna", "Tom")[n % 2]
        at = NOW + timedelta(minutes=n // 3)
        cards.append((make_member(db, shop, name, f"Muller {n % 7}", now=at), name, at))
        if n % 5 == 0:
            make_member(db, other, "Zoé", "Muller", now=at)
    fitting = [(card.last_activity_at, card.id) for card, name, _ in cards if name == "Zoé"]
    newest_first = [number for _, number in sorted(fitting, reverse=True)]
    seen, total = pages(db, shop, "zoé mu", sort, limit=4)
    if sort is CardSort.RECENT:
        assert seen == newest_first
    else:
        texts = dict(
            db.execute(
                select(LoyaltyCard.id, Customer.search_text)
                .join(Customer, Customer.id == LoyaltyCard.customer_id)
                .where(Customer.merchant_id == shop.merchant_id)
                .where(LoyaltyCard.merchant_id == shop.merchant_id)
            ).all()
        )
        assert seen == sorted(newest_first, key=lambda number: (texts[number], number))
    assert total == len(newest_first) == 15


def test_given_a_long_name_in_another_script_when_sorted_by_name_then_the_next_page_follows(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    cards = [make_member(db, shop, "Ж" * 100, "Ш" * n) for n in (98, 99, 100)]
    seen, _ = pages(db, shop, "жжж", CardSort.NAME, limit=1)
    assert seen == [card.id for card in cards]
