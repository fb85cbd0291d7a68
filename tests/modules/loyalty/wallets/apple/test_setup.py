"""A wrong setup is named by its cause, and no pass is made with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.fakes.keys import AppleChain, make_apple_chain
from app.modules.loyalty.config import texts
from app.modules.loyalty.wallets.apple import setup
from app.modules.loyalty.wallets.faults import SetupProblem
from tests.apple_wallet import PASS_TYPE, TEAM, configure_apple, throw_away_chain

pytestmark = pytest.mark.usefixtures("fresh_settings")
Set = Callable[..., AppleChain]


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Set:
    def configure(chain: AppleChain | None = None, **changed: str | None) -> AppleChain:
        return configure_apple(monkeypatch, chain, **changed)

    return configure


def make(folder: Path, **wishes: object) -> AppleChain:
    return make_apple_chain(folder, **({"pass_type_id": PASS_TYPE, "team_id": TEAM} | wishes))  # type: ignore[arg-type]  # any of its wishes


def cause_of(*, now: datetime | None = None) -> str:
    """Why nothing is signed; each cause has a text in every language that takes its values."""
    with pytest.raises(SetupProblem) as refused:
        setup.load(now=now)
    problem = refused.value
    for language in ("en", "fr", "de", "lb"):
        assert (
            texts()
            .translator(language)
            .t(f"loyalty.wallet.setup.{problem.cause}", **problem.params)
        )
    return problem.cause


def test_given_no_variable_when_loaded_then_apple_wallet_is_not_offered() -> None:
    assert setup.load() is None


def test_given_variables_set_to_nothing_when_loaded_then_they_count_as_not_set(set_up: Set) -> None:
    names = ("PASS_TYPE_ID", "TEAM_ID", "WWDR_CERT_PATH", "SIGNER_CERT_PATH", "SIGNER_KEY_PATH")
    set_up(**{f"LOYALTY_APPLE_{name}": "" for name in names})
    assert setup.load() is None


def test_given_all_in_order_when_loaded_twice_then_it_is_read_once(
    set_up: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up()
    first = setup.load()
    monkeypatch.setattr(Path, "read_bytes", lambda _path: pytest.fail("read again"))
    assert setup.load() is first
    assert first is not None
    assert first.pass_type_id == PASS_TYPE
    assert first.days_left in (364, 365)
    # A throw-away chain signs, but no phone would open what it signed.
    assert [warning.cause for warning in first.warnings] == ["apple_not_apples_intermediate"]


def test_given_files_as_apple_sends_them_when_loaded_then_der_works_as_pem_does(
    set_up: Set, tmp_path: Path
) -> None:
    pem = throw_away_chain()
    chain = replace(pem, wwdr=tmp_path / "w", signer=tmp_path / "s", key=tmp_path / "k")
    for source, target in ((pem.wwdr, chain.wwdr), (pem.signer, chain.signer)):
        certificate = x509.load_pem_x509_certificate(source.read_bytes())
        target.write_bytes(certificate.public_bytes(Encoding.DER))
    key = load_pem_private_key(pem.key.read_bytes(), None)
    chain.key.write_bytes(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    set_up(chain)
    assert setup.load() is not None


def test_given_one_variable_of_five_when_loaded_then_the_others_are_named(set_up: Set) -> None:
    set_up(LOYALTY_APPLE_TEAM_ID=None, LOYALTY_APPLE_SIGNER_KEY_PATH=None)
    with pytest.raises(SetupProblem) as refused:
        setup.load()
    assert refused.value.cause == "apple_incomplete"
    assert refused.value.params["variables"] == (
        "LOYALTY_APPLE_TEAM_ID, LOYALTY_APPLE_SIGNER_KEY_PATH"
    )


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"ORION_BASE_URL": "http://cards.example.com"}, "apple_base_url_not_https"),
        ({"ORION_BASE_URL": "http://127.0.0.1:8000"}, "apple_base_url_not_https"),
        ({"LOYALTY_APPLE_PUSH_URL": "http://127.0.0.1:9"}, "apple_push_url_not_https"),
        ({"LOYALTY_APPLE_SIGNER_CERT_PATH": "/nowhere.pem"}, "apple_file_unreadable"),
        ({"LOYALTY_APPLE_WWDR_CERT_PATH": __file__}, "apple_certificate_unreadable"),
        ({"LOYALTY_APPLE_SIGNER_KEY_PATH": __file__}, "apple_key_unreadable"),
        ({"LOYALTY_APPLE_SIGNER_KEY_PASSWORD": "for none"}, "apple_key_password"),
        ({"LOYALTY_APPLE_PASS_TYPE_ID": "pass.com.example.other"}, "apple_pass_type_differs"),
        ({"LOYALTY_APPLE_TEAM_ID": "Z9Y8X7W6V5"}, "apple_team_differs"),
    ],
)
def test_given_one_wrong_variable_when_loaded_then_its_cause_is_named(
    set_up: Set, changed: dict[str, str], cause: str
) -> None:
    set_up(**changed)
    assert cause_of() == cause
    assert cause_of() == cause


def test_given_the_key_of_another_certificate_when_loaded_then_that_is_named(
    set_up: Set, tmp_path: Path
) -> None:
    set_up(replace(throw_away_chain(), key=make(tmp_path).key))
    assert cause_of() == "apple_key_mismatch"


def test_given_an_intermediate_that_issued_others_when_loaded_then_that_is_named(
    set_up: Set, tmp_path: Path
) -> None:
    # Same name, other key: only the signature tells.
    set_up(replace(throw_away_chain(), wwdr=make(tmp_path).wwdr))
    assert cause_of() == "apple_wrong_intermediate"


def test_given_a_key_that_is_not_rsa_when_loaded_then_that_is_named(
    set_up: Set, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "ec.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    set_up(replace(throw_away_chain(), key=file))
    assert cause_of() == "apple_key_unreadable"


def test_given_a_certificate_for_something_else_when_loaded_then_that_is_named(
    set_up: Set, tmp_path: Path
) -> None:
    set_up(make(tmp_path, is_marked=False))
    assert cause_of() == "apple_not_a_pass_certificate"


def test_given_a_locked_key_when_loaded_then_only_its_password_opens_it(
    set_up: Set, tmp_path: Path
) -> None:
    chain = make(tmp_path, password="correct horse")
    set_up(chain, LOYALTY_APPLE_SIGNER_KEY_PASSWORD="correct horse")
    assert setup.load() is not None
    set_up(chain, LOYALTY_APPLE_SIGNER_KEY_PASSWORD="battery")
    assert cause_of() == "apple_key_unreadable"
    set_up(chain, LOYALTY_APPLE_SIGNER_KEY_PASSWORD=None)
    assert cause_of() == "apple_key_password"


def test_given_a_certificate_when_it_ends_then_it_is_refused_from_that_second_on(
    set_up: Set,
) -> None:
    chain = set_up()
    end = x509.load_pem_x509_certificate(chain.signer.read_bytes()).not_valid_after_utc
    second = timedelta(seconds=1)
    assert setup.load(now=end - second) is not None
    assert cause_of(now=end) == "apple_certificate_expired"
    start = end - timedelta(days=365)
    assert cause_of(now=start - second) == "apple_certificate_too_new"
    assert setup.load(now=start) is not None


@pytest.mark.parametrize(("days_left", "warns"), [(30, True), (31, False)])
def test_given_days_left_when_loaded_then_it_warns_from_thirty_on(
    set_up: Set, days_left: int, warns: bool
) -> None:
    chain = set_up()
    end = x509.load_pem_x509_certificate(chain.signer.read_bytes()).not_valid_after_utc
    found = setup.load(now=end - timedelta(days=days_left))
    assert found is not None
    assert found.days_left == days_left
    assert ("apple_expires_soon" in [warning.cause for warning in found.warnings]) == warns


def test_given_an_intermediate_that_ended_when_loaded_then_that_is_named(
    set_up: Set, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    # Of eleven years ago, for ten years; the certificate it issued has not ended.
    set_up(make(tmp_path, now=now - timedelta(days=11 * 365), days=11 * 365 + 30))
    assert cause_of(now=now) == "apple_intermediate_expired"


def test_given_an_ended_certificate_when_it_is_replaced_then_the_next_call_sees_it(
    set_up: Set, tmp_path: Path
) -> None:
    chain = make(tmp_path / "live", days=-1)
    set_up(chain)
    assert cause_of() == "apple_certificate_expired"
    renewed = make(tmp_path / "new")
    for name in ("wwdr", "signer", "key"):
        shutil.copyfile(getattr(renewed, name), getattr(chain, name))
    found = setup.load()
    assert found is not None
    assert found.key.public_key() == found.signer.public_key()


def test_given_local_fakes_when_loaded_then_http_will_do(set_up: Set) -> None:
    set_up(ORION_BASE_URL="http://127.0.0.1:8000", LOYALTY_APPLE_PUSH_URL="https://127.0.0.1:9")
    found = setup.load()
    assert found is not None
    assert found.base_url == "http://127.0.0.1:8000"
