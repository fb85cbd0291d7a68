"""Cards in lists: pages, filters, searches, and a card's ledger."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import ValidationFailed
from app.modules.customers.rules.names import search_text
from app.modules.loyalty.errors import CardNotFound
from app.modules.loyalty.models import LoyaltyCard
from app.modules.loyalty.services import card_lists, ledger
from app.modules.loyalty.services.card_lists import CardPage, CardSort
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.services.ledger_entries import Actor, Request
from app.modules.loyalty.types import ActorKind, Draft, EntryType
from tests import factories
from tests.factories import NOW, Shop


def make_member(
    db: Session, shop: Shop, first_name: str, last_name: str, **columns: Any
) -> LoyaltyCard:
    """A card with a person whose search text is what the application would store."""
    contacts = {"email": f"{len(first_name)}.{next(_COUNT)}@example.com", "phone": None}
    person = contacts | {name: columns.pop(name) for name in ("email", "phone") if name in columns}
    words = search_text([first_name, last_name, person["email"], person["phone"]])
    customer = factories.make_customer(
        db, merchant_id=shop.merchant_id, first_name=first_name, last_name=last_name,
        search_text=words, **person,
    )  # fmt: skip
    return factories.make_card(db, shop=shop, customer_id=customer.id, **columns)


_COUNT = count(1)


def post_by(db: Session, card: LoyaltyCard, actor: Actor, draft: Draft) -> int:
    """Post a line in somebody's name; returns its id."""
    question = Question(merchant_id=card.merchant_id, card_id=card.id)
    request = Request("test", (card.id,), actor=actor)
    with atomic(db):
        posted = ledger.post_within(db, question, request, lambda _state: [draft], now=NOW)
    return int(posted.facts["transaction_id"])


def ids_of(page: CardPage) -> list[int]:
    return [item["card_id"] for item in page["items"]]


@pytest.mark.parametrize("sort", list(CardSort))
def test_given_seven_cards_when_read_in_pages_of_three_then_each_comes_once_in_order(
    db: Session, sort: CardSort
) -> None:
    shop = factories.make_shop(db)
    names = ["Élodie", "Anna", "anna", "Zoé", "Luc", "Mia", "Tom"]
    cards = [
        # Two at the same moment: the id decides between them.
        make_member(db, shop, name, "Muller", now=NOW + timedelta(hours=n // 2))
        for n, name in enumerate(names)
    ]
    whole = card_lists.list_cards(db, merchant_id=shop.merchant_id, sort=sort, include_total=True)
    seen: list[int] = []
    cursor = None
    for _ in range(3):
        page = card_lists.list_cards(
            db, merchant_id=shop.merchant_id, sort=sort, limit=3, cursor=cursor
        )
        seen += ids_of(page)
        cursor = page["next_cursor"]
    assert cursor is None
    assert seen == ids_of(whole)
    assert sorted(seen) == [card.id for card in cards]
    assert (whole["total"], page["total"]) == (7, None)
    if sort is CardSort.RECENT:
        assert seen[0] == cards[-1].id
    else:
        assert [i["customer"]["first_name"] for i in whole["items"]][-1] == "Zoé"


def test_given_a_cursor_of_the_other_order_when_used_then_refused(db: Session) -> None:
    shop = factories.make_shop(db)
    for name in ("Anna", "Luc"):
        make_member(db, shop, name, "Muller")
    page = card_lists.list_cards(db, merchant_id=shop.merchant_id, limit=1, sort=CardSort.NAME)
    with pytest.raises(ValidationFailed):
        card_lists.list_cards(db, merchant_id=shop.merchant_id, cursor=page["next_cursor"])


@pytest.mark.parametrize(
    "search",
    [
        "zoe", "ZOÉ", "strasser", "Straßer zo", "zoe@example.com", "621 000 001",
        "+352 (0) 621-000-001", "00352621000001", "%zoe%"[1:4], "Zoe\u0301",
    ],
)  # fmt: skip
def test_given_a_person_when_searched_in_any_spelling_then_found(db: Session, search: str) -> None:
    shop = factories.make_shop(db)
    zoe = make_member(db, shop, "Zoé", "Straßer", email="zoe@example.com", phone="+352621000001")
    make_member(db, shop, "Anna", "Weber", phone="+352691222333")
    page = card_lists.list_cards(db, merchant_id=shop.merchant_id, search=search)
    assert ids_of(page) == [zoe.id]


@pytest.mark.parametrize("search", ["%", "_", "zo%", "nobody", "\\"])
def test_given_signs_that_mean_anything_to_a_database_when_searched_then_they_are_only_signs(
    db: Session, search: str
) -> None:
    shop = factories.make_shop(db)
    make_member(db, shop, "Zoé", "Straßer")
    assert ids_of(card_lists.list_cards(db, merchant_id=shop.merchant_id, search=search)) == []


def test_given_a_card_number_when_its_beginning_or_code_is_searched_then_found(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    card = make_member(db, shop, "Zoé", "Straßer")
    number = card.card_number
    spaced = f"{number[:4]} {number[4:8]} {number[8:]}"
    for search in (number, spaced, card.qr_code_data.lower()):
        page = card_lists.list_cards(db, merchant_id=shop.merchant_id, search=search)
        assert ids_of(page) == [card.id]


def test_given_filters_when_listed_then_only_cards_that_fit(db: Session) -> None:
    shop = factories.make_shop(db)
    full = make_member(db, shop, "Anna", "A", stamps=10)
    old = make_member(db, shop, "Luc", "B", stamps=9, now=NOW - timedelta(days=60))
    suspended = make_member(db, shop, "Mia", "C", status="suspended")
    merged = make_member(db, shop, "Tom", "D", status="merged")

    def listed(**filters: Any) -> list[int]:
        page = card_lists.list_cards(db, merchant_id=shop.merchant_id, **filters)
        return sorted(ids_of(page))

    assert listed() == [full.id, old.id, suspended.id]
    assert listed(status="suspended") == [suspended.id]
    assert listed(status="merged") == [merged.id]
    assert listed(reward_ready=True) == [full.id]
    assert listed(reward_ready=False) == [old.id, suspended.id]
    assert listed(inactive_since=NOW) == [old.id]
    assert listed(inactive_since=NOW - timedelta(days=60)) == []


def test_given_another_merchants_card_when_listed_or_read_then_it_does_not_exist(
    db: Session,
) -> None:
    shop, other = factories.make_shop(db), factories.make_shop(db)
    foreign = make_member(db, other, "Zoé", "Straßer", email="zoe@example.com")
    merchant_id = shop.merchant_id
    assert card_lists.list_cards(db, merchant_id=merchant_id)["items"] == []
    with pytest.raises(CardNotFound):
        card_lists.get_card(db, merchant_id=merchant_id, card_id=foreign.id)
    with pytest.raises(CardNotFound):
        card_lists.list_transactions(db, merchant_id=merchant_id, card_id=foreign.id)
    ways: list[dict[str, Any]] = [
        {"qr_code": foreign.qr_code_data},
        {"card_number": foreign.card_number},
        {"email": "zoe@example.com"},
        {"query": foreign.card_number},
    ]
    for way in ways:
        with pytest.raises(CardNotFound):
            card_lists.lookup(db, merchant_id=merchant_id, **way)


def test_given_a_ledger_when_listed_then_newest_first_with_who_where_and_what_was_undone(
    db: Session,
) -> None:
    shop = factories.make_shop(db)
    pin = factories.make_pin(db, merchant_id=shop.merchant_id, name="Lea")
    card = make_member(db, shop, "Anna", "A")
    earned = post_by(db, card, Actor(ActorKind.PIN, pin.id), Draft(EntryType.STAMP_EARNED, 1))
    user = factories.make_user(db, merchant_id=shop.merchant_id, name="Marc")
    void = Draft(EntryType.STAMP_VOIDED, -1, voids_id=earned)
    undone = post_by(db, card, Actor(ActorKind.USER, user.id), void)
    page = card_lists.list_transactions(db, merchant_id=shop.merchant_id, card_id=card.id, limit=2)
    assert [
        (e["id"], e["type"], e["stamps_delta"], e["actor_name"], e["voided"], e["voids_id"])
        for e in page["items"]
    ] == [
        (undone, "stamp_voided", -1, "Marc", False, earned),
        (earned, "stamp_earned", 1, "Lea", True, None),
    ]
    assert {entry["store_name"] for entry in page["items"]} == {shop.store.name}
    rest = card_lists.list_transactions(
        db, merchant_id=shop.merchant_id, card_id=card.id, cursor=page["next_cursor"]
    )
    assert [entry["type"] for entry in rest["items"]] == ["card_created"]
    assert rest["next_cursor"] is None
