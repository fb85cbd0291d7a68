"""/store/loyalty/cards/{id}: the page of one card for staff."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.core.web.csrf import csrf_token
from app.modules.loyalty.models import LoyaltyCard, WalletPass
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.types import Draft, EntryType
from tests import factories, reads
from tests.factories import NOW
from tests.modules.loyalty.routes.conftest import Api, make_customer_session, make_session

BROWSER = "the-browser"


def path_of(card: LoyaltyCard) -> str:
    return f"/store/loyalty/cards/{card.id}"


def sign_in(api: Api, who: str = "cashier") -> None:
    api.client.cookies.set("orion_browser", BROWSER)
    api.client.cookies.set("orion_session", api.token(who))


def opened(api: Api, card: LoyaltyCard, who: str = "cashier", **headers: str) -> Any:
    """The page as a browser gets it."""
    sign_in(api, who)
    asked = {"Accept": "text/html"} | headers
    return api.client.get(path_of(card), headers=asked, follow_redirects=False)


def sync(api: Api, card: LoyaltyCard, *, token: str | None = None, **headers: str) -> Any:
    """Press the button in the browser whose cookies the client has."""
    application: Any = api.client.app
    sent = csrf_token(application.state.web.keyring, BROWSER) if token is None else token
    return api.client.post(
        f"{path_of(card)}/sync",
        data={"csrf_token": sent},
        headers={"Accept": "text/html"} | headers,
        follow_redirects=False,
    )


def offer(monkeypatch: pytest.MonkeyPatch, *, google: bool = True, apple: bool = False) -> None:
    monkeypatch.setattr(wallet_service, "available", lambda: {"google": google, "apple": apple})


def words_of(html: str) -> str:
    """What can be read, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>|[\u2068\u2069]", "", html))


@pytest.mark.parametrize("who", ["owner", "manager", "cashier"])
def test_given_staff_when_they_open_a_card_then_they_see_it(api: Api, who: str) -> None:
    customer = factories.make_customer(
        api.db, merchant_id=api.merchant_id, first_name="Anna", last_name="Weber",
        email="anna@example.com", email_pending=True, phone=None,
    )  # fmt: skip
    card = api.card(customer_id=customer.id, stamps=7, note="Knows <b>everybody</b>.")
    answer = opened(api, card, who)
    assert answer.status_code == 200
    words = words_of(answer.text)
    for part in ("Anna Weber", "anna@example.com", "Active", "has not confirmed this contact yet"):
        assert part in words
    assert 'aria-label="7 of 10 stamps"' in answer.text
    assert "Knows &lt;b&gt;everybody&lt;/b&gt;." in answer.text
    assert card.qr_code_data not in answer.text  # the code is the customer's


def test_given_nobody_signed_in_when_a_card_is_asked_for_then_they_sign_in_first(api: Api) -> None:
    card = api.card()
    answer = api.client.get(path_of(card), follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next={path_of(card)}"


def test_given_outsiders_when_they_ask_then_they_learn_nothing(api: Api, db: Session) -> None:
    card = api.card(note="Secret")
    foreign = make_session(db, merchant_id=factories.make_shop(db).merchant_id)
    admin = make_session(db, merchant_id=None)
    for token, status in (
        (foreign, 404), (admin, 403), (make_customer_session(db, card), 403),
    ):  # fmt: skip
        for path in (path_of(card), f"{path_of(card)}/ledger?cursor=WzFd&day=2026-01-01"):
            headers = {"Authorization": f"Bearer {token}", "Accept": "text/html"}
            answer = api.client.get(path, headers=headers)
            assert (answer.status_code, "Secret" in answer.text) == (status, False), path


def test_given_a_foreign_or_unknown_card_when_opened_then_a_page_that_leads_back(
    api: Api, db: Session
) -> None:
    foreign = factories.make_card(db, shop=factories.make_shop(db))
    unknown = LoyaltyCard(id=10**12)
    for card in (foreign, unknown):
        answer = opened(api, card)
        assert answer.status_code == 404
        assert "There is no such card" in answer.text
        assert 'href="/store/loyalty/terminal"' in answer.text


def test_given_a_ledger_when_read_then_it_says_who_where_why_and_the_balance(api: Api) -> None:
    card = api.card(stamps=3)
    stamp = {"card_id": card.id, "notes": "Paid in cash"}
    given = api.post("/stamp", stamp, who="owner")
    undone = {"transaction_id": given.json()["transaction_id"], "reason": "wrong_card"}
    assert api.post("/stamp/void", undone, who="owner").status_code == 200
    words = words_of(opened(api, card).text)
    for part in (
        "Correction: 1 stamp taken back",
        f"at {api.shop.store.name}",
        "Reason: wrong card",
        "Note: Paid in cash",
        "This entry was undone later.",
        "Balance: 4 stamps",
        "Card made",
        "by the system",
    ):
        assert part in words, part
    assert re.search(r"1 stamp collected .{0,80}, by \S+", words)
    assert words.index("taken back") < words.index("1 stamp collected") < words.index("Card made")


def test_given_more_than_a_page_when_more_is_asked_for_then_the_rest_comes_once(api: Api) -> None:
    card = api.card()
    drafts = [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)] * 39
    factories.post(api.db, card, drafts)
    first = opened(api, card).text
    more = re.findall(r'(?:href|hx-get)="([^"]+cursor=[^"]+)"', first)
    assert len(more) == 2
    fragment = api.client.get(more[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).text
    whole = api.client.get(more[0]).text
    assert first.count('class="activity-what"') == 20
    for rest in (fragment, whole):
        assert rest.count('class="activity-what"') == 20
        assert "Card made" in rest
        assert "cursor=" not in rest
    assert "<html" not in fragment


def test_given_no_wallet_on_offer_when_shown_then_it_says_that_the_card_works(api: Api) -> None:
    page = opened(api, api.card(), "owner").text
    assert "No phone wallet is offered here" in page
    assert "Sync now" not in page


def test_given_passes_when_shown_then_their_states_and_what_can_be_done(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, apple=True)
    card = api.card()
    factories.make_pass(api.db, card=card, parked_at=NOW, held_since=NOW, synced_at=NOW)
    owner, cashier = (words_of(opened(api, card, who).text) for who in ("owner", "cashier"))
    for words in (owner, cashier):
        assert "This wallet does not take the card at the moment." in words
        assert "It is on a phone." in words
        assert "Last sent: " in words
        assert "Not made for this wallet. It is made as soon as the customer" in words
    assert "press “Sync now”" in owner
    assert "Sync now" not in cashier


def test_given_only_a_wallet_that_is_no_longer_offered_when_shown_then_nothing_can_be_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch, google=False)
    card = api.card()
    factories.make_pass(api.db, card=card)
    page = opened(api, card, "owner").text
    assert "This wallet is not offered at the moment." in page
    assert "Sync now" not in page
    assert "Apple Wallet" not in page


def test_given_a_parked_pass_when_synced_then_it_waits_to_be_sent_and_the_page_says_so(
    api: Api, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    card = api.card()
    factories.make_pass(db, card=card, parked_at=NOW, attempts=9)
    assert "does not take the card" in opened(api, card, "manager").text
    answer = sync(api, card, **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Marked to be sent again." in answer.text
    assert "An update is on its way." in answer.text
    (row,) = reads.rows_of(db, WalletPass, merchant_id=api.merchant_id)
    assert (row.parked_at, row.attempts) == (None, 0)
    assert row.synced_revision < row.target_revision


def test_given_no_script_when_synced_then_the_page_comes_again_with_the_notice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(monkeypatch)
    card = api.card()
    factories.make_pass(api.db, card=card)
    sign_in(api, "owner")
    answer = sync(api, card)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path_of(card)}?sent=1")
    assert "Marked to be sent again." in api.client.get(answer.headers["location"]).text


def test_given_a_cashier_a_foreigner_or_a_forged_form_when_synced_then_nothing_is_marked(
    api: Api, db: Session
) -> None:
    card = api.card()
    factories.make_pass(db, card=card, parked_at=NOW)
    sign_in(api, "cashier")
    assert sync(api, card).status_code == 403
    sign_in(api, "owner")
    assert sync(api, card, token="forged").status_code == 403
    foreign = make_session(db, merchant_id=factories.make_shop(db).merchant_id)
    api.client.cookies.set("orion_session", foreign)
    assert sync(api, card).status_code == 404
    (row,) = reads.rows_of(db, WalletPass, merchant_id=api.merchant_id)
    assert row.parked_at is not None


@pytest.mark.parametrize(
    ("status", "language", "word"),
    [
        ("suspended", "fr", "Suspendue"),
        ("merged", "de", "Zusammengelegt"),
        ("erased", "lb", "Geläscht"),
    ],
)
def test_given_a_card_that_is_not_active_when_shown_then_its_status_is_said(
    api: Api, status: str, language: str, word: str
) -> None:
    other = api.card() if status == "merged" else None
    card = api.card(status=status, merged_into_id=other and other.id)
    api.client.cookies.set("orion_lang", language)
    page = opened(api, card).text
    assert word in words_of(page)
    assert (other is not None) == ('href="/store/loyalty/cards/' in page.partition("ledger")[0])
