import stat
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from app.core.config import ConfigError, load_settings

PRODUCTION = {
    "env": "production",
    "base_url": "https://loyalty.example",
    "secret_key": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "pin_pepper": "b1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
    "ledger_key": "c1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6",
}
SECRETS = ("secret_key", "pin_pepper", "ledger_key")


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the developer
    for name in ("ENV", "DATA_DIR", "BASE_URL", "PORT", "SECRET_KEY", "PIN_PEPPER", "LEDGER_KEY"):
        monkeypatch.delenv(f"ORION_{name}", raising=False)


def test_given_nothing_when_started_in_development_then_secrets_are_made_once_and_kept(
    tmp_path: Path,
) -> None:
    first = load_settings(data_dir=tmp_path / "var")
    second = load_settings(data_dir=tmp_path / "var")
    values = {getattr(first, name).get_secret_value() for name in SECRETS}
    assert len(values) == 3
    assert min(map(len, values)) >= 43
    assert all(getattr(first, name) == getattr(second, name) for name in SECRETS)
    files = sorted((tmp_path / "var").iterdir())
    assert [file.name for file in files] == [
        "ledger_key.secret",
        "pin_pepper.secret",
        "secret_key.secret",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_given_many_processes_when_they_start_together_then_all_have_the_same_secrets(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(8) as pool:
        settings = list(pool.map(lambda _: load_settings(data_dir=tmp_path / "var"), range(24)))
    assert len({one.secret_key.get_secret_value() for one in settings}) == 1


def test_given_defaults_when_started_then_database_and_address_follow_from_them(
    tmp_path: Path,
) -> None:
    settings = load_settings(data_dir=tmp_path / "d", port=8123)
    assert settings.database_url == f"sqlite:///{tmp_path}/d/orion.db"
    assert settings.base_url == "http://127.0.0.1:8123"
    assert settings.sqlite_synchronous == "FULL"
    assert not settings.is_https
    assert not settings.is_production


def test_given_a_relative_data_dir_when_started_then_it_does_not_follow_later_directory_changes(
    tmp_path: Path,
) -> None:
    assert load_settings(data_dir="var").data_dir == tmp_path / "var"


def test_given_all_secrets_and_https_when_started_in_production_then_it_starts(
    tmp_path: Path,
) -> None:
    settings = load_settings(**PRODUCTION, data_dir=tmp_path / "var")
    assert settings.is_production
    assert settings.is_https
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("name", [*SECRETS, "base_url"])
def test_given_production_when_something_is_missing_then_one_sentence_names_it(
    name: str, tmp_path: Path
) -> None:
    given = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(ConfigError) as caught:
        load_settings(**given, data_dir=tmp_path)
    assert str(caught.value) == f"ORION_{name.upper()} must be set in production."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"base_url": "http://loyalty.example"},
            "ORION_BASE_URL must begin with https:// in production.",
        ),
        (
            {"secret_key": "x" * 40},
            "ORION_SECRET_KEY must be a random text of at least 32 characters in production.",
        ),
        (
            {"pin_pepper": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p"},
            "ORION_PIN_PEPPER must be a random text of at least 32 characters in production.",
        ),
        (
            {"ledger_key": PRODUCTION["secret_key"]},
            "ORION_SECRET_KEY, ORION_PIN_PEPPER and ORION_LEDGER_KEY must differ.",
        ),
    ],
)
def test_given_production_when_a_setting_is_weak_then_it_does_not_start(
    change: Any, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(**(PRODUCTION | change), data_dir=tmp_path)
    assert str(caught.value) == sentence


def test_given_a_wrong_value_when_started_then_the_variable_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORION_PORT", "canary-value")
    with pytest.raises(ConfigError) as caught:
        load_settings(data_dir=tmp_path)
    assert "ORION_PORT" in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("port", [-1, 65536])
def test_given_an_impossible_port_when_started_then_it_is_refused(
    port: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="ORION_PORT"):
        load_settings(port=port, data_dir=tmp_path)


@pytest.mark.parametrize("port", [0, 65535])
def test_given_a_port_at_the_edge_when_started_then_it_is_taken(port: int, tmp_path: Path) -> None:
    assert load_settings(port=port, data_dir=tmp_path).port == port


@pytest.mark.parametrize(
    "url",
    ["", "loyalty.example", "ftp://loyalty.example", "https://", "https://a/b", "https://me@a"],
)
def test_given_a_base_url_that_is_none_when_started_then_it_is_refused(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="ORION_BASE_URL"):
        load_settings(base_url=url, data_dir=tmp_path)


def test_given_a_base_url_with_a_slash_when_started_then_it_is_dropped(tmp_path: Path) -> None:
    assert (
        load_settings(base_url="https://A.example/", data_dir=tmp_path).base_url
        == "https://a.example"
    )


def test_given_proxies_when_read_from_the_environment_then_commas_divide_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORION_TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.7,2001:db8::/32")
    networks = load_settings(data_dir=tmp_path).trusted_proxies
    assert networks == (
        ip_network("10.0.0.0/8"),
        ip_network("192.0.2.7/32"),
        ip_network("2001:db8::/32"),
    )


def test_given_no_proxies_when_started_then_nobody_is_trusted(tmp_path: Path) -> None:
    assert load_settings(data_dir=tmp_path).trusted_proxies == ()


@pytest.mark.parametrize("value", ["10.0.0.0/99", "proxy.example", "*"])
def test_given_proxies_that_are_no_networks_when_started_then_they_are_refused(
    value: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORION_TRUSTED_PROXIES", value)
    with pytest.raises(ConfigError, match="ORION_TRUSTED_PROXIES"):
        load_settings(data_dir=tmp_path)


def test_given_old_keys_when_read_then_each_is_a_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORION_OLD_PIN_PEPPERS", "first,second")
    settings = load_settings(data_dir=tmp_path)
    assert [old.get_secret_value() for old in settings.old_pin_peppers] == ["first", "second"]
    assert "first" not in repr(settings)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "Europe"])
def test_given_an_unknown_time_zone_when_started_then_it_is_refused(
    zone: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="ORION_TIMEZONE"):
        load_settings(timezone=zone, data_dir=tmp_path)


def test_given_settings_when_printed_then_no_secret_is_seen(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, secret_key="canary-" + "x" * 40)
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings.model_dump())
