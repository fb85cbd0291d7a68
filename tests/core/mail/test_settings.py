"""ORION_SMTP_URL, ORION_MAIL_FROM and ORION_JOBS."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.config import ConfigError, load_settings
from app.core.mail.message import Sender
from app.core.mail.server import SmtpServer


def test_given_nothing_when_started_then_no_server_is_set_and_jobs_run_in_the_web_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORION_JOBS", raising=False)
    settings = load_settings(data_dir=tmp_path)
    assert settings.jobs == "embedded"
    assert settings.smtp_server is None
    assert load_settings(data_dir=tmp_path, smtp_url="").smtp_server is None


def test_given_an_address_when_started_then_the_server_is_known_and_the_password_is_not_shown(
    tmp_path: Path,
) -> None:
    settings = load_settings(data_dir=tmp_path, smtp_url="smtps://me:canary@mail.example")
    assert settings.smtp_server == SmtpServer("mail.example", 465, "me", "canary", tls=True)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"smtp_url": "mail://canary"}, "ORION_SMTP_URL: Value error, must be smtp://"),
        ({"smtp_url": "smtp://u:canary@mail.example"}, "ORION_SMTP_URL: .* unencrypted"),
        ({"mail_from": "canary"}, "ORION_MAIL_FROM: Value error, must be an e-mail address"),
        ({"jobs": "celery"}, "ORION_JOBS: Input should be 'embedded' or 'off'"),
    ],
)
def test_given_a_wrong_setting_when_started_then_a_sentence_says_which_and_never_what(
    tmp_path: Path, values: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_settings(data_dir=tmp_path, **values)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ({}, "no-reply@localhost"),
        ({"base_url": "http://[::1]:8000"}, "no-reply@localhost"),
        ({"base_url": "http://orion:8000"}, "no-reply@localhost"),
        ({"base_url": "https://loyalty.shop.example:8443"}, "no-reply@loyalty.shop.example"),
    ],
)
def test_given_no_sender_when_started_then_it_follows_from_where_the_platform_is(
    tmp_path: Path, values: dict[str, str], address: str
) -> None:
    settings = load_settings(data_dir=tmp_path, brand_name="Café Club", **values)
    assert settings.mail_sender == Sender(address, "Café Club")


def test_given_a_sender_when_started_then_its_own_name_comes_first(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, mail_from="Desk <desk@shop.example>")
    assert settings.mail_sender == Sender("desk@shop.example", "Desk")
