"""Sign-in, what a token stands for, and when it ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update
from sqlalchemy.orm import Session

from app.core.db import atomic
from app.core.errors import Unauthenticated
from app.core.security import hash_token, new_token, verify_password
from app.modules.tenancy.models import AccessToken, AuditEntry, Membership, Terminal, User
from app.modules.tenancy.services import auth_service, principal_service
from app.modules.tenancy.services.auth_service import issue_customer_token, sign_in, sign_out
from app.modules.tenancy.services.principal_service import principal_of, remembered_principal
from app.modules.tenancy.types import Principal, PrincipalKind, Role, SignedIn
from tests.factories import (
    NOW,
    PASSWORD,
    make_customer,
    make_merchant,
    make_shop,
    make_store,
    make_terminal,
    make_user,
)

EXEMPT = {"tenant_exempt": "a test looks where it likes"}
A_MOMENT = timedelta(microseconds=1)


def signed_in(db: Session, user: User, **options: Any) -> SignedIn:
    return sign_in(db, email=user.email, password=PASSWORD, now=NOW, **options)


def change(db: Session, statement: Any) -> None:
    with atomic(db):
        db.execute(statement.execution_options(**EXEMPT))


def stored(db: Session, token: str) -> AccessToken:
    with Session(db.get_bind()) as fresh:
        wanted = select(AccessToken).where(AccessToken.token_hash == hash_token(token))
        return fresh.execute(wanted.execution_options(**EXEMPT)).scalar_one()


@pytest.fixture
def device() -> str:
    """The token in a device's cookie; one database serves many tests."""
    return new_token()


def ask(db: Session, token: str, **options: Any) -> Principal | None:
    """What a process that remembers nothing answers."""
    principal_service.forget_principals(db)
    return principal_of(db, token=token, **{"now": NOW, **options})


def test_given_a_member_when_signed_in_then_the_principal_says_who_and_where(db: Session) -> None:
    shop = make_shop(db)
    store = make_store(db, merchant_id=shop.merchant_id)
    user = make_user(db, merchant_id=shop.merchant_id, role="cashier", store_id=store.id)
    principal = signed_in(db, user).principal
    assert principal == Principal(
        kind=PrincipalKind.USER,
        merchant_id=shop.merchant_id,
        store_id=store.id,
        user_id=user.id,
        role=Role.CASHIER,
        name=user.name,
    )
    assert not principal.is_manager
    assert principal.actor_id == user.id


def test_given_an_admin_when_signed_in_then_no_merchant_stands_in_the_session(db: Session) -> None:
    admin = make_user(db, is_admin=True)
    principal = signed_in(db, admin).principal
    assert (principal.kind, principal.merchant_id, principal.role) == ("admin", None, None)


def test_given_a_session_when_stored_then_only_the_hash_of_its_token_is_kept(db: Session) -> None:
    shop = make_shop(db)
    token = signed_in(db, make_user(db, merchant_id=shop.merchant_id)).token
    row = stored(db, token)
    assert len(token) == 43
    assert token not in {row.token_hash, row.name, row.scopes}
    assert row.expires_at == NOW + timedelta(days=7)


def test_given_a_sign_in_when_done_then_the_audit_log_has_it_with_the_address(db: Session) -> None:
    shop = make_shop(db)
    user = make_user(db, merchant_id=shop.merchant_id)
    signed_in(db, user, ip_address="203.0.113.9", request_id="a-request")
    entry = db.execute(
        select(AuditEntry).where(AuditEntry.merchant_id == shop.merchant_id)
    ).scalar_one()
    assert (entry.action, entry.subject) == ("signed_in", f"user:{user.id}")
    assert (entry.actor_kind, entry.actor_id) == ("user", user.id)
    assert (entry.ip_address, entry.request_id, entry.at) == ("203.0.113.9", "a-request", NOW)
    assert (entry.old, entry.new) == (None, None)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("nobody@example.com", PASSWORD),
        (None, "wrong-password"),
        (None, ""),
        ("not an address", PASSWORD),
        ("", ""),
    ],
)
def test_given_wrong_credentials_when_signed_in_then_the_answer_is_always_the_same(
    db: Session, monkeypatch: pytest.MonkeyPatch, email: str | None, password: str
) -> None:
    hashed: list[str | None] = []

    def verify(stored: str | None, typed: str) -> bool:
        hashed.append(stored)
        return verify_password(stored, typed)

    monkeypatch.setattr(auth_service, "verify_password", verify)
    user = make_user(db, merchant_id=make_merchant(db).id)
    with pytest.raises(Unauthenticated) as refusal:
        sign_in(db, email=email or user.email, password=password, now=NOW)
    assert refusal.value.params == {}
    assert len(hashed) == 1  # the slow part is done whether somebody has the address or not


@pytest.mark.parametrize("columns", [{"is_active": False}, {}])
def test_given_a_closed_account_or_one_without_work_when_signed_in_then_it_is_refused(
    db: Session, columns: dict[str, Any]
) -> None:
    merchant_id = None if not columns else make_merchant(db).id
    user = make_user(db, merchant_id=merchant_id, **columns)
    with pytest.raises(Unauthenticated):
        signed_in(db, user)


def test_given_work_at_two_merchants_when_signed_in_then_the_named_one_counts(
    db: Session,
) -> None:
    first, second, third = (make_merchant(db).id for _ in range(3))
    user = make_user(db, merchant_id=first)
    with atomic(db):
        db.add(Membership(user_id=user.id, merchant_id=second, role="manager"))
    assert signed_in(db, user).principal.merchant_id == first
    assert signed_in(db, user, merchant_id=second).principal.role is Role.MANAGER
    with pytest.raises(Unauthenticated):
        signed_in(db, user, merchant_id=third)


def test_given_an_earlier_session_when_signed_in_again_then_its_token_is_dead(db: Session) -> None:
    user = make_user(db, merchant_id=make_merchant(db).id)
    old = signed_in(db, user).token
    new = signed_in(db, user, replaces=old).token
    assert new != old
    assert principal_of(db, token=old, now=NOW) is None
    assert principal_of(db, token=new, now=NOW) is not None


def test_given_a_session_at_rest_when_eight_hours_are_over_then_it_has_ended(db: Session) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    end = NOW + timedelta(hours=8)
    assert ask(db, token, now=end) is None
    assert ask(db, token, now=end - A_MOMENT) is not None


def test_given_a_session_in_use_when_seven_days_are_over_then_it_has_ended(db: Session) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    end = NOW + timedelta(days=7)
    for hours in range(7, 7 * 24, 7):
        assert ask(db, token, now=NOW + timedelta(hours=hours)) is not None
    assert ask(db, token, now=end - A_MOMENT) is not None
    assert ask(db, token, now=end) is None


def test_given_a_remembered_session_when_it_ends_then_memory_does_not_prolong_it(
    db: Session,
) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    end = NOW + timedelta(days=7)
    change(db, update(AccessToken).values(last_seen_at=end - timedelta(hours=1)))
    assert ask(db, token, now=end - timedelta(seconds=1)) is not None
    assert principal_of(db, token=token, now=end - A_MOMENT) is not None  # from memory
    assert principal_of(db, token=token, now=end) is None


def test_given_a_session_in_use_when_asked_then_it_is_noted_once_a_minute(db: Session) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    ask(db, token, now=NOW + timedelta(seconds=59))
    assert stored(db, token).last_seen_at == NOW
    ask(db, token, now=NOW + timedelta(seconds=60))
    assert stored(db, token).last_seen_at == NOW + timedelta(seconds=60)


def test_given_a_known_token_when_asked_again_within_5_s_then_no_statement_runs(
    db: Session, engine: Engine
) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    principal_of(db, token=token, now=NOW)
    db.commit()
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    in_time = NOW + timedelta(seconds=5) - A_MOMENT
    assert remembered_principal(db, token=token, now=in_time) is not None
    assert principal_of(db, token=token, now=in_time) is not None
    assert (statements, db.in_transaction()) == ([], False)
    assert remembered_principal(db, token=token, now=NOW + timedelta(seconds=5)) is None
    assert principal_of(db, token=token, now=NOW + timedelta(seconds=5)) is not None
    assert len([text for text in statements if text.startswith("SELECT")]) == 1


def test_given_a_sign_out_when_asked_then_the_token_is_dead_at_once(db: Session) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    assert principal_of(db, token=token, now=NOW) is not None
    sign_out(db, token=token, now=NOW)
    assert remembered_principal(db, token=token, now=NOW) is None
    assert principal_of(db, token=token, now=NOW) is None
    assert stored(db, token).revoked_at == NOW


def test_given_an_unknown_token_when_signed_out_then_nothing_happens(db: Session) -> None:
    sign_out(db, token="nobody's", now=NOW)
    assert principal_of(db, token="nobody's", now=NOW) is None


def test_given_a_revocation_elsewhere_when_5_s_are_over_then_it_counts_here(db: Session) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    change(db, update(AccessToken).values(revoked_at=NOW))
    assert principal_of(db, token=token, now=NOW + timedelta(seconds=5) - A_MOMENT) is not None
    assert principal_of(db, token=token, now=NOW + timedelta(seconds=5)) is None


@pytest.mark.parametrize(
    "statement",
    [
        update(User).values(is_active=False),
        update(Membership).values(role="cashier"),
    ],
)
def test_given_an_open_session_when_its_owner_changes_then_the_session_follows(
    db: Session, statement: Any
) -> None:
    token = signed_in(db, make_user(db, merchant_id=make_merchant(db).id)).token
    change(db, statement)
    principal = ask(db, token)
    assert principal is None or principal.role is Role.CASHIER


def test_given_a_terminal_cookie_when_asked_then_the_device_is_named(
    db: Session, device: str
) -> None:
    shop = make_shop(db)
    till = make_terminal(db, merchant_id=shop.merchant_id, store_id=shop.store.id, token=device)
    token = signed_in(db, make_user(db, merchant_id=shop.merchant_id)).token
    principal = principal_of(db, token=token, terminal_token=device, now=NOW)
    assert principal is not None
    assert (principal.terminal_id, principal.terminal_store_id) == (till.id, shop.store.id)
    # The same session without the device is not answered from memory.
    bare = principal_of(db, token=token, now=NOW)
    assert bare is not None
    assert bare.terminal_id is None


@pytest.mark.parametrize("whose", ["another merchant's", "another store's", "revoked"])
def test_given_a_device_that_is_not_theirs_when_asked_then_it_is_not_named(
    db: Session, device: str, whose: str
) -> None:
    shop, other = make_shop(db), make_shop(db)
    second = make_store(db, merchant_id=shop.merchant_id)
    place = {"merchant_id": shop.merchant_id, "store_id": shop.store.id}
    if whose == "another merchant's":
        place = {"merchant_id": other.merchant_id, "store_id": other.store.id}
    elif whose == "another store's":
        place["store_id"] = second.id
    make_terminal(db, token=device, revoked_at=NOW if whose == "revoked" else None, **place)
    user = make_user(db, merchant_id=shop.merchant_id, role="cashier", store_id=shop.store.id)
    token = signed_in(db, user).token
    principal = principal_of(db, token=token, terminal_token=device, now=NOW)
    assert principal is not None
    assert (principal.terminal_id, principal.terminal_store_id) == (None, None)


def test_given_a_device_in_use_when_asked_then_it_is_noted_too(db: Session, device: str) -> None:
    shop = make_shop(db)
    till = make_terminal(db, merchant_id=shop.merchant_id, store_id=shop.store.id, token=device)
    token = signed_in(db, make_user(db, merchant_id=shop.merchant_id)).token
    later = NOW + timedelta(minutes=1)
    ask(db, token, terminal_token=device, now=later)
    with Session(db.get_bind()) as fresh:
        seen = fresh.execute(
            select(Terminal.last_seen_at).where(
                Terminal.merchant_id == shop.merchant_id, Terminal.id == till.id
            )
        ).scalar_one()
    assert seen == later


def test_given_a_customer_token_when_asked_then_it_lives_for_365_days(
    db: Session, device: str
) -> None:
    shop = make_shop(db)
    customer = make_customer(db, merchant_id=shop.merchant_id)
    token = issue_customer_token(db, merchant_id=shop.merchant_id, customer_id=customer.id, now=NOW)
    end = NOW + timedelta(days=365)
    principal = ask(db, token, terminal_token=device, now=end - A_MOMENT)
    assert principal is not None
    assert (principal.kind, principal.customer_id) == ("customer", customer.id)
    assert (principal.merchant_id, principal.terminal_id) == (shop.merchant_id, None)
    assert ask(db, token, now=end) is None
