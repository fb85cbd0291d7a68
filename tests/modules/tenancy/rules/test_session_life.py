from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app.modules.tenancy.rules.session_life import ends_at, is_seen_due

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def test_given_a_session_in_use_when_asked_then_it_ends_eight_hours_after_its_last_use() -> None:
    end = ends_at(is_session=True, last_seen_at=NOW, expires_at=NOW + timedelta(days=7))
    assert end == NOW + timedelta(hours=8)


def test_given_a_session_of_six_days_and_23_hours_when_asked_then_its_age_ends_it() -> None:
    end = ends_at(is_session=True, last_seen_at=NOW, expires_at=NOW + timedelta(hours=1))
    assert end == NOW + timedelta(hours=1)


def test_given_no_session_when_asked_then_rest_does_not_end_it() -> None:
    expires = NOW + timedelta(days=365)
    assert ends_at(is_session=False, last_seen_at=NOW, expires_at=expires) == expires
    assert ends_at(is_session=False, last_seen_at=NOW, expires_at=None) is None


def test_given_a_token_in_use_when_seen_again_then_it_is_noted_once_a_minute() -> None:
    assert not is_seen_due(NOW, NOW + timedelta(seconds=59, microseconds=999_999))
    assert is_seen_due(NOW, NOW + timedelta(seconds=60))
