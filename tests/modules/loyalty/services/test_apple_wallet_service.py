"""Apple passes, made when they are asked for, and only for whoever may have them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from app.core.db import atomic, end_read
from app.core.errors import NotFound
from app.fakes.keys import AppleChain
from app.modules.loyalty.errors import WalletNotConfigured
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, WalletPass
from app.modules.loyalty.services import pass_reading, wallet_passes
from app.modules.loyalty.services.apple_wallet_service import (
    authentication_token,
    build_pass,
    download_url,
    open_download,
    served,
)
from app.modules.loyalty.services.pass_reading import pass_row
from app.modules.loyalty.types import Draft, EntryType, PassRow, Provider
from app.modules.tenancy.types import Principal, PrincipalKind
from tests import factories
from tests.apple_wallet import BASE_URL, configure_apple, forget_settings
from tests.factories import Shop
from tests.modules.loyalty.wallets.apple.validators.tools import openssl_faults
from tests.modules.loyalty.wallets.apple.views import fields_of, files_of, json_of

NOW = datetime(2026, 11, 30, 9, 0, 0, 400_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> Iterator[AppleChain]:
    yield configure_apple(monkeypatch)
    forget_settings()


@pytest.fixture
def shop(db: Session) -> Shop:
    return factories.make_shop(db)


@pytest.fixture
def card(db: Session, shop: Shop) -> LoyaltyCard:
    return factories.make_card(db, shop=shop, stamps=3)


@pytest.fixture
def apple_pass(db: Session, card: LoyaltyCard) -> WalletPass:
    return factories.make_pass(db, card=card, provider="apple", serial=f"{card.id:032x}")


def stored(db: Session, one: WalletPass) -> WalletPass:
    """The pass as it stands in the database now."""
    end_read(db)
    return db.execute(
        select(WalletPass)
        .where(WalletPass.merchant_id == one.merchant_id, WalletPass.id == one.id)
        .execution_options(populate_existing=True)
    ).scalar_one()


def read(db: Session, one: WalletPass) -> PassRow:
    """The same as services pass it on."""
    return pass_row(stored(db, one))  # type: ignore[arg-type]  # the same names


def stamp(db: Session, card: LoyaltyCard, one: WalletPass) -> None:
    """Another stamp, and the pass marked as behind."""
    factories.post(db, card, [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1)])
    _raise(db, WalletPass, one.id, target_revision=WalletPass.target_revision + 1)


def _raise(
    db: Session, table: type[WalletPass | LoyaltyProgram], id: int, **values: object
) -> None:
    exempt = {"tenant_exempt": "a test"}
    db.execute(update(table).where(table.id == id).values(**values), execution_options=exempt)
    db.commit()


def hand_out(db: Session, one: WalletPass, *, now: datetime = NOW) -> datetime:
    """What a phone's fetch does."""
    row = read(db, one)
    view = pass_reading.read_views(db, [row], now=now)[row.id]
    return served(db, row, view, now=now)


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["token"][0]


def customer(card: LoyaltyCard, **changed: int) -> Principal:
    who = {"merchant_id": card.merchant_id, "customer_id": card.customer_id, **changed}
    return Principal(kind=PrincipalKind.CUSTOMER, **who)  # type: ignore[arg-type]  # two ids


def test_given_an_address_when_opened_then_it_is_the_signed_pass(
    db: Session, chain: AppleChain, card: LoyaltyCard, apple_pass: WalletPass, tmp_path: Path
) -> None:
    url = download_url(apple_pass.serial, now=NOW)
    path = f"/api/v1/loyalty/passes/apple/{apple_pass.serial}.pkpass"
    assert url.startswith(f"{BASE_URL}{path}?token=")
    found = open_download(db, apple_pass.serial, token=token_of(url), now=NOW)
    assert openssl_faults(files_of(found.content), chain.root, tmp_path) == ""
    said = json_of(found.content)
    assert fields_of(said)["stamps"]["value"] == "3/10"
    assert said["barcodes"][0]["message"] == card.qr_code_data
    assert found.last_modified == NOW.replace(microsecond=0)
    assert {"strip@3x.png", "icon.png", "logo.png"} <= set(files_of(found.content))


def test_given_a_card_of_points_when_opened_then_it_has_a_strip_of_its_own(
    db: Session, chain: AppleChain
) -> None:
    shop = factories.make_shop(db, loyalty_type="points")
    card = factories.make_card(db, shop=shop)
    one = factories.make_pass(db, card=card, provider="apple")
    found = open_download(db, one.serial, customer=customer(card), now=NOW)
    assert "strip.png" in files_of(found.content)
    assert fields_of(json_of(found.content))["points"]["value"] == "0"


def test_given_a_token_when_an_hour_has_passed_then_it_is_worth_nothing(
    db: Session, chain: AppleChain, apple_pass: WalletPass
) -> None:
    token = token_of(download_url(apple_pass.serial, now=NOW.replace(microsecond=0)))
    last = NOW.replace(microsecond=0) + timedelta(hours=1) - timedelta(milliseconds=1)
    assert open_download(db, apple_pass.serial, token=token, now=last).content
    with pytest.raises(NotFound):
        open_download(db, apple_pass.serial, token=token, now=last + timedelta(milliseconds=1))


def test_given_wrong_tokens_when_opened_then_each_finds_nothing(
    db: Session, chain: AppleChain, apple_pass: WalletPass
) -> None:
    serial = apple_pass.serial
    good = token_of(download_url(serial, now=NOW))
    ends, signature = good.split(".")
    wrong = (
        None, "", ".", good[:-1], f"{int(ends) + 1}.{signature}", f"{ends}.{'A' * 43}", f"{good}x",
        f"{ends}.{authentication_token(serial)}", token_of(download_url("f" * 32, now=NOW)),
        "\udcff.é",
    )  # fmt: skip
    for token in wrong:
        with pytest.raises(NotFound):
            open_download(db, serial, token=token, now=NOW)


def test_given_other_serials_when_opened_with_the_right_token_for_them_then_nothing_is_found(
    db: Session, chain: AppleChain, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    following = f"{int(apple_pass.serial, 16) + 1:032x}"
    google = factories.make_pass(db, card=card, provider="google").serial
    own = apple_pass.serial
    foreign = (
        following, google, "1", "../x", f"{own}\n", f"{own.upper()}A", card.card_number,
        card.qr_code_data, "é" * 32,
    )  # fmt: skip
    for serial in foreign:
        token = token_of(download_url(serial, now=NOW)) if serial.isascii() else "x"
        with pytest.raises(NotFound):
            open_download(db, serial, token=token, customer=customer(card), now=NOW)


def test_given_a_signed_in_customer_when_opened_then_only_their_own_card_is_theirs(
    db: Session, chain: AppleChain, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    assert open_download(db, apple_pass.serial, customer=customer(card), now=NOW).content
    for other in ({"customer_id": card.customer_id + 1}, {"merchant_id": card.merchant_id + 1}):
        with pytest.raises(NotFound):
            open_download(db, apple_pass.serial, customer=customer(card, **other), now=NOW)


@pytest.mark.parametrize("ended_as", ["replaced", "merged", "erased"])
def test_given_an_ended_pass_when_downloaded_then_it_is_not_found_but_its_phone_is_told(
    db: Session, chain: AppleChain, card: LoyaltyCard, ended_as: str
) -> None:
    one = factories.make_pass(db, card=card, provider="apple", ended_as=ended_as)
    with pytest.raises(NotFound):
        open_download(db, one.serial, customer=customer(card), now=NOW)
    built = build_pass(db, read(db, one), now=NOW)
    assert json_of(built.content)["voided"] is True
    assert card.qr_code_data.encode() not in built.content


def test_c03_given_fifty_cards_when_their_tokens_are_read_then_all_differ_and_stay(
    db: Session, chain: AppleChain, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    tokens = {authentication_token(f"{n:032x}") for n in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    first = json_of(build_pass(db, read(db, apple_pass), now=NOW).content)
    stamp(db, card, apple_pass)
    second = json_of(build_pass(db, read(db, apple_pass), now=NOW).content)
    for key in ("authenticationToken", "serialNumber"):
        assert first[key] == second[key]
    assert first["authenticationToken"] == authentication_token(apple_pass.serial)


def test_c05_given_one_stamp_more_when_fetched_again_then_value_and_date_have_moved(
    db: Session, chain: AppleChain, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    before = json_of(build_pass(db, read(db, apple_pass), now=NOW).content)
    first = hand_out(db, apple_pass)
    stamp(db, card, apple_pass)
    after = json_of(build_pass(db, read(db, apple_pass), now=NOW).content)
    assert [fields_of(said)["stamps"]["value"] for said in (before, after)] == ["3/10", "4/10"]
    assert hand_out(db, apple_pass) > first


def test_given_two_changes_within_a_second_when_fetched_then_each_has_a_date_of_its_own(
    db: Session, chain: AppleChain, shop: Shop, card: LoyaltyCard, apple_pass: WalletPass
) -> None:
    whole = NOW.replace(microsecond=0)
    assert hand_out(db, apple_pass) == whole
    assert hand_out(db, apple_pass, now=NOW + timedelta(hours=1)) == whole
    stamp(db, card, apple_pass)
    assert hand_out(db, apple_pass) == whole + SECOND
    _raise(db, LoyaltyProgram, shop.program.id, revision=LoyaltyProgram.revision + 1)
    assert hand_out(db, apple_pass) == whole + 2 * SECOND
    assert hand_out(db, apple_pass) == whole + 2 * SECOND
    # A clock that was set back makes nothing older.
    stamp(db, card, apple_pass)
    assert hand_out(db, apple_pass, now=NOW - timedelta(days=1)) == whole + 3 * SECOND


def test_given_a_pass_handed_out_when_read_back_then_what_it_showed_is_known(
    db: Session, chain: AppleChain, apple_pass: WalletPass
) -> None:
    hand_out(db, apple_pass)
    apple_pass = stored(db, apple_pass)
    assert apple_pass.shown == {"stamps": 3, "points": 0, "rewards": 0}
    assert apple_pass.served_revision == apple_pass.target_revision
    assert apple_pass.served_design == 1
    assert apple_pass.served_at == NOW.replace(microsecond=0)


def test_given_two_phones_at_once_when_served_then_both_get_the_same_date(
    session_factory: sessionmaker[Session], db: Session, chain: AppleChain, apple_pass: WalletPass
) -> None:
    row = read(db, apple_pass)
    view = pass_reading.read_views(db, [row], now=NOW)[row.id]
    together = Barrier(4)

    def fetch(n: int) -> datetime:
        with session_factory() as session:
            together.wait(timeout=10)
            return served(session, row, view, now=NOW + n * timedelta(minutes=1))

    with ThreadPoolExecutor(4) as pool:
        dates = set(pool.map(fetch, range(4)))
    assert dates == {stored(db, apple_pass).served_at}


def test_given_both_balances_changed_when_built_then_only_stamps_announce_it(
    db: Session, chain: AppleChain
) -> None:
    card = factories.make_card(db, shop=factories.make_shop(db, loyalty_type="hybrid"), stamps=2)
    one = factories.make_pass(db, card=card, provider="apple")
    hand_out(db, one)
    drafts = [Draft(EntryType.STAMPS_ADJUSTED, stamps_delta=1),
              Draft(EntryType.POINTS_ADJUSTED, points_delta=5)]  # fmt: skip
    factories.post(db, card, drafts)
    fields = fields_of(json_of(build_pass(db, read(db, one), now=NOW).content))
    assert [key for key, field in fields.items() if "changeMessage" in field] == ["stamps"]


def test_given_no_setup_or_a_wrong_one_when_opened_then_no_file_is_given(
    db: Session, card: LoyaltyCard, apple_pass: WalletPass, monkeypatch: pytest.MonkeyPatch,
    chain: AppleChain,
) -> None:  # fmt: skip
    names = ("PASS_TYPE_ID", "TEAM_ID", "WWDR_CERT_PATH", "SIGNER_CERT_PATH", "SIGNER_KEY_PATH")
    none = {f"LOYALTY_APPLE_{name}": None for name in names}
    for changed in ({"LOYALTY_APPLE_TEAM_ID": "Z9Y8X7W6V5"}, none):
        configure_apple(monkeypatch, chain, **changed)
        with pytest.raises(WalletNotConfigured):
            open_download(db, apple_pass.serial, customer=customer(card))
        # Somebody without a right to it learns nothing of the setup.
        with pytest.raises(NotFound):
            open_download(db, apple_pass.serial)


def test_given_a_new_look_when_fetched_then_an_old_card_shows_it(
    db: Session, chain: AppleChain, shop: Shop, apple_pass: WalletPass
) -> None:
    before = hand_out(db, apple_pass)
    _raise(
        db, LoyaltyProgram, shop.program.id,
        card_color="#0b6e4f", revision=LoyaltyProgram.revision + 1,
    )  # fmt: skip
    said = json_of(build_pass(db, read(db, apple_pass), now=NOW).content)
    assert said["backgroundColor"] == "rgb(11, 110, 79)"
    assert hand_out(db, apple_pass) == before + SECOND


def test_c11_given_two_merchants_when_one_person_has_cards_then_serials_are_random_and_differ(
    db: Session,
) -> None:
    cards = [factories.make_card(db) for _ in range(2)]
    for card in [*cards, *cards]:
        place = {"merchant_id": card.merchant_id, "card_id": card.id}
        with atomic(db):
            wallet_passes.want(db, **place, providers=[Provider.APPLE], now=NOW)
    wanted = select(WalletPass.serial).where(WalletPass.card_id.in_([card.id for card in cards]))
    serials = db.scalars(wanted.execution_options(tenant_exempt="a test")).all()
    assert len(serials) == len(set(serials)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{32}", serial) for serial in serials)
