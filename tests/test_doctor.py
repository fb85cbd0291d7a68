"""`orion doctor`: each fault is found, named, and comes with a cure."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from app import doctor
from app.core.clock import utc_now
from app.core.config import Settings, load_settings
from app.core.db import atomic
from app.core.jobs.models import JobLease
from app.doctor import Finding, Level
from app.main import all_jobs
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.services import wallet_checks, wallet_report
from app.modules.loyalty.services.wallet_checks import Unreachable
from app.modules.loyalty.services.wallet_report import Fault, SetupReport
from app.modules.loyalty.types import Provider
from app.modules.loyalty.wallets.apple import setup as apple_setup
from app.modules.loyalty.wallets.google import setup as google_setup

SECRETS = {
    "secret_key": "k7Qx2mVb9Lr4Tz8Wn1Ys6Pd3Hf5Jc0Ga",
    "pin_pepper": "Za1Xs2Dc3Vf4Gb5Hn6Jm7Kq8Lw9Er0Ty",
    "ledger_key": "Poi9Uyt8Rew7Qas6Dfg5Hjk4Lmn3Bvc2",
}
PRODUCTION = SECRETS | {"env": "production", "base_url": "https://orion.example.com"}


class Look:
    """The doctor's findings in a data dir and on a database of the test's own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self._url = folder, url

    def settings(self, **values: Any) -> Settings:
        return load_settings(**{"data_dir": self.folder, "database_url": self._url} | values)

    def __call__(self, name: str, **values: Any) -> Finding:
        """The only finding of that name."""
        [found] = [one for one in doctor.check(self.settings(**values)) if one.name == name]
        return found


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite; what is different on PostgreSQL has its own test."""
    return sqlite_engine


@pytest.fixture
def look(database_url: str, tmp_path: Path) -> Look:
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    return Look(folder, database_url)


def report(**values: Any) -> SetupReport:
    known: dict[str, Any] = {
        "is_configured": True, "problem": None, "warnings": [], "account": "338",
        "certificate_days_left": None,
    }  # fmt: skip
    return cast(SetupReport, known | values)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let Google Wallet be set up so, and answer so."""

    def be(setup: SetupReport, answer: Unreachable | None = None) -> None:
        def setup_of(provider: Provider, **_options: object) -> SetupReport:
            return setup if provider is Provider.GOOGLE else report(is_configured=False)

        def ask() -> None:
            if answer:
                raise answer

        monkeypatch.setattr(wallet_report, "setup_of", setup_of)
        monkeypatch.setattr(wallet_checks, "ask_google", ask)

    return be


def test_given_a_platform_in_order_when_looked_at_then_no_error(
    look: Look, session_factory: sessionmaker[Session], capsys: pytest.CaptureFixture[str]
) -> None:
    with session_factory() as db, atomic(db):
        db.add_all(JobLease(name=job.name, done_slot="9999") for job in all_jobs(look.settings()))
    findings = doctor.check(look.settings())
    assert {finding.level for finding in findings} == {Level.OK}
    assert doctor.print_report(findings) == 0
    written = capsys.readouterr().out
    assert "database" in written
    assert written.endswith("Errors: 0. Warnings: 0.\n")


def test_given_an_error_when_printed_then_with_its_cure_and_a_failing_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    findings = [
        Finding("disk", Level.WARN, "0.5 GB are free.", "Make room."),
        Finding("database", Level.ERROR, "Its schema is an old one.", "Run `orion migrate`."),
    ]
    assert doctor.print_report(findings[:1]) == 0
    capsys.readouterr()
    assert doctor.print_report(findings) == 1
    assert capsys.readouterr().out == (
        "warn   disk      0.5 GB are free.\n"
        "                 -> Make room.\n"
        "error  database  Its schema is an old one.\n"
        "                 -> Run `orion migrate`.\n"
        "Errors: 1. Warnings: 1.\n"
    )


def test_given_a_data_dir_open_to_others_when_looked_at_then_a_warning(look: Look) -> None:
    look.folder.chmod(0o750)
    found = look("data dir")
    assert (found.level, found.cure) == (Level.WARN, f"Close it: chmod 700 {look.folder}")


def test_given_no_data_dir_when_looked_at_then_an_error_and_it_is_not_made(look: Look) -> None:
    look.folder.rmdir()
    found = look("data dir", **SECRETS)
    assert found.level is Level.ERROR
    assert not look.folder.exists()


def test_given_a_secret_that_others_may_read_when_looked_at_then_it_is_named(look: Look) -> None:
    file = look.folder / "ledger_key.secret"
    file.touch(0o600)
    assert look("secrets").level is Level.OK
    file.chmod(0o640)
    found = look("secrets")
    assert (found.level, found.cure) == (Level.WARN, f"Close it: chmod 600 {file}")


def test_given_a_vendors_key_that_others_may_read_when_looked_at_then_it_is_named(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = look.folder / "account.json"
    key.write_text("{}")
    key.chmod(0o604)
    monkeypatch.setattr(get_loyalty_settings(), "google_service_account_json", key)
    assert str(key) in look("secrets").sentence


@pytest.mark.parametrize(
    ("free", "level"),
    [(99_999_999, "error"), (100_000_000, "warn"), (999_999_999, "warn"), (1_000_000_000, "ok")],
)
def test_given_so_much_space_when_looked_at_then_so_bad(
    look: Look, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr("app.doctor.shutil.disk_usage", lambda _folder: Usage(free))
    assert look("disk").level == level


def test_given_no_database_when_looked_at_then_an_error_and_none_is_made(look: Look) -> None:
    file = look.folder / "orion.db"
    found = look("database", database_url=f"sqlite:///{file}")
    assert (found.level, found.cure) == (Level.ERROR, "Run `orion migrate`.")
    assert not file.exists()


def test_given_an_old_schema_when_looked_at_then_an_error(look: Look, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    found = look("database")
    assert (found.level, found.cure) == (Level.ERROR, "Run `orion migrate`.")


def test_given_a_file_that_is_no_database_when_looked_at_then_an_error(look: Look) -> None:
    file = look.folder / "orion.db"
    file.write_bytes(b"no database" * 100)
    found = look("database", database_url=f"sqlite:///{file}")
    assert (found.level, found.sentence) == (
        Level.ERROR, "It cannot be used: file is not a database",
    )  # fmt: skip


def test_given_postgresql_when_looked_at_then_its_clock_and_its_rights_are_too(
    look: Look, postgresql_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql_engine.url.render_as_string(hide_password=False)
    assert look("database", database_url=url).level is Level.OK
    assert look("clock", database_url=url).level is Level.OK
    ahead = utc_now() + timedelta(seconds=90)
    monkeypatch.setattr("app.core.clock.utc_now", lambda: ahead)
    late = look("clock", database_url=url)
    assert late.level is Level.WARN
    assert late.cure == "Let both follow a time server (NTP)."
    only_reads = f"{url}&options=-c%20default_transaction_read_only%3Don"
    assert look("database", database_url=only_reads).sentence == "It takes no writes."


def test_given_jobs_that_do_not_run_when_looked_at_then_they_are_named(
    look: Look, session_factory: sessionmaker[Session]
) -> None:
    with session_factory() as db, atomic(db):
        db.add(JobLease(name="core.tidy", done_slot="2020-01-01"))
    found = look("jobs")
    assert found.level is Level.WARN
    assert "core.tidy (2020-01-01)" in found.sentence
    assert "loyalty.expire_points (never done)" in found.sentence


def test_given_a_mail_server_when_looked_at_then_whether_it_answers(look: Look) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        url = f"smtp://127.0.0.1:{port}"
        assert look("e-mail", smtp_url=url).level is Level.ERROR
        listener.listen()
        assert look("e-mail", smtp_url=url).level is Level.OK


def test_given_no_mail_server_when_looked_at_then_an_error_in_production_only(look: Look) -> None:
    assert look("e-mail").level is Level.OK
    assert look("e-mail", **PRODUCTION).level is Level.ERROR


@pytest.mark.parametrize(
    ("base_url", "level"),
    [
        ("https://orion.example.com", "ok"),
        ("http://orion.example.com", "warn"),
        ("http://127.0.0.1:8000", "ok"),
    ],
)
def test_given_a_base_url_when_looked_at_then_whether_others_can_use_it(
    look: Look, base_url: str, level: str
) -> None:
    assert look("base URL", base_url=base_url).level == level


def test_c16_given_a_wallet_and_a_local_address_when_looked_at_then_why_no_picture_shows(
    look: Look, google: Callable[..., None]
) -> None:
    google(report())
    found = look("base URL", base_url="http://localhost:8000")
    assert found.level is Level.WARN
    assert "no vendor and no phone gets pictures from it" in found.sentence


def test_given_a_wrong_setup_when_looked_at_then_its_cause_and_its_cure(
    look: Look, google: Callable[..., None]
) -> None:
    problem = Fault(cause="apple_certificate_expired", params={"date": "2026-11-01"})
    google(report(problem=problem))
    found = look("google wallet")
    assert (found.level, found.sentence) == (
        Level.ERROR, "The pass certificate ended on 2026-11-01.",
    )  # fmt: skip
    assert found.cure.startswith("Please create a new one")


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (None, "ok"),
        (Unreachable("timeout"), "warn"),
        (Unreachable("invalid_grant", is_refusal=True), "error"),
    ],
)
def test_given_a_vendor_when_asked_then_silence_warns_and_a_refusal_is_an_error(
    look: Look, google: Callable[..., None], answer: Unreachable | None, level: str
) -> None:
    google(report(certificate_days_left=80), answer)
    assert look("google wallet").level == level


class Nowhere:
    """A set-up whose vendors are behind a port that nobody listens at."""

    client_email, push_ca_path = "orion@example.com", None

    def __init__(self, port: int) -> None:
        self.token_url = self.push_url = f"https://127.0.0.1:{port}"

    def sign(self, _claims: dict[str, Any]) -> str:
        return "signed"


def test_given_a_closed_port_when_the_vendors_are_asked_then_they_are_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        setup = Nowhere(taken.getsockname()[1])
        for vendor in (google_setup, apple_setup):
            monkeypatch.setattr(vendor, "load", lambda: setup)
        with pytest.raises(Unreachable, match="Connection refused"):
            wallet_checks.ask_apple()
        with pytest.raises(Unreachable, match="ConnectError") as fault:
            wallet_checks.ask_google()
        assert not fault.value.is_refusal


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_given_a_data_dir_of_somebody_else_when_looked_at_then_an_error(look: Look) -> None:
    look.folder.chmod(0o500)
    assert look("data dir", **SECRETS).level is Level.ERROR
