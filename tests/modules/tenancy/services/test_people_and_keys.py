"""Users, memberships and API keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.errors import ValidationFailed
from app.modules.tenancy.errors import ApiKeyNotFound, StoreNotFound, UserNotFound
from app.modules.tenancy.models import AuditEntry
from app.modules.tenancy.services import api_key_service, user_service
from app.modules.tenancy.services.auth_service import sign_in, sign_out
from app.modules.tenancy.services.principal_service import principal_of
from app.modules.tenancy.types import PrincipalKind, Role, Scope
from tests.factories import NOW, make_merchant, make_store, make_user

PASSWORD = "a good long sentence"


def test_given_a_new_member_when_made_then_they_can_sign_in(db: Session) -> None:
    merchant = make_merchant(db)
    user = user_service.create_user(
        db, email=" Anna@Example.COM", name="Anna", password=PASSWORD, locale="lu", now=NOW
    )
    user_service.add_membership(db, merchant_id=merchant.id, user_id=user.id, role=Role.MANAGER)
    principal = sign_in(db, email="anna@example.com", password=PASSWORD, now=NOW).principal
    assert (principal.merchant_id, principal.role) == (merchant.id, Role.MANAGER)
    assert (principal.locale, principal.is_manager) == ("lb", True)
    assert PASSWORD not in user.password_hash


def test_given_an_admin_when_made_then_they_sign_in_for_the_platform(db: Session) -> None:
    user_service.create_admin(db, email="root@example.com", name="Root", password=PASSWORD, now=NOW)
    principal = sign_in(db, email="root@example.com", password=PASSWORD, now=NOW).principal
    assert principal.kind is PrincipalKind.ADMIN


def test_given_an_address_in_use_when_made_again_then_it_is_taken(db: Session) -> None:
    user = make_user(db)
    with pytest.raises(ValidationFailed) as refusal:
        user_service.create_user(db, email=user.email.upper(), name="Copy", password=PASSWORD)
    assert refusal.value.errors[0].code == "account_email_taken"


def test_given_no_sense_when_a_membership_is_added_then_it_is_refused(db: Session) -> None:
    mine, theirs, user = make_merchant(db), make_merchant(db), make_user(db)
    foreign = make_store(db, merchant_id=theirs.id)
    place = {"merchant_id": mine.id, "user_id": user.id}
    with pytest.raises(ValidationFailed):
        user_service.add_membership(db, **place, role="emperor")
    with pytest.raises(StoreNotFound):
        user_service.add_membership(db, **place, role="cashier", store_id=foreign.id)
    with pytest.raises(UserNotFound):
        user_service.add_membership(db, merchant_id=mine.id, user_id=2**40, role="owner")
    user_service.add_membership(db, **place, role="cashier")
    with pytest.raises(ValidationFailed) as refusal:
        user_service.add_membership(db, **place, role="owner")
    assert refusal.value.errors[0].code == "membership_exists"


def test_given_a_key_when_its_token_is_used_then_it_is_bound_and_scoped(db: Session) -> None:
    merchant = make_merchant(db)
    store = make_store(db, merchant_id=merchant.id)
    key = api_key_service.create_api_key(
        db,
        merchant_id=merchant.id,
        name="Till 7",
        scopes=["loyalty:read"],
        store_id=store.id,
        pin_exempt=True,
        now=NOW,
    )
    principal = principal_of(db, token=key["token"], now=NOW + timedelta(days=4000))
    assert principal is not None
    assert (principal.kind, principal.api_key_id) == (PrincipalKind.API_KEY, key["id"])
    assert (principal.merchant_id, principal.store_id) == (merchant.id, store.id)
    assert (principal.scopes, principal.pin_exempt) == (frozenset({Scope.READ}), True)
    assert (principal.role, principal.is_manager, principal.actor_id) == (None, False, key["id"])


def test_given_keys_when_listed_then_no_secret_shows(db: Session) -> None:
    merchant = make_merchant(db)
    keys = [
        api_key_service.create_api_key(db, merchant_id=merchant.id, name=name, now=NOW)
        for name in ("Old", "New")
    ]
    api_key_service.create_api_key(db, merchant_id=make_merchant(db).id, name="Theirs")
    listed = api_key_service.list_api_keys(db, merchant_id=merchant.id)
    assert [view["name"] for view in listed] == ["New", "Old"]
    assert listed[0]["scopes"] == ["loyalty:read", "loyalty:write"]
    assert not any(key["token"] in repr(listed) for key in keys)


@pytest.mark.parametrize("scopes", [[], ["loyalty:everything"], ["loyalty:read", ""]])
def test_given_scopes_that_do_not_exist_when_a_key_is_made_then_it_is_refused(
    db: Session, scopes: list[str]
) -> None:
    merchant = make_merchant(db)
    with pytest.raises(ValidationFailed):
        api_key_service.create_api_key(db, merchant_id=merchant.id, name="Till", scopes=scopes)
    assert api_key_service.list_api_keys(db, merchant_id=merchant.id) == []


def test_given_a_key_when_signed_out_with_it_then_it_goes_on_until_revoked(db: Session) -> None:
    merchant, other = make_merchant(db), make_merchant(db)
    key = api_key_service.create_api_key(db, merchant_id=merchant.id, name="Till", now=NOW)
    sign_out(db, token=key["token"], now=NOW)
    assert principal_of(db, token=key["token"], now=NOW) is not None
    with pytest.raises(ApiKeyNotFound):
        api_key_service.revoke_api_key(db, merchant_id=other.id, api_key_id=key["id"])
    api_key_service.revoke_api_key(db, merchant_id=merchant.id, api_key_id=key["id"], now=NOW)
    assert principal_of(db, token=key["token"], now=NOW) is None
    with pytest.raises(ApiKeyNotFound):
        api_key_service.revoke_api_key(db, merchant_id=merchant.id, api_key_id=key["id"])


def test_given_keys_made_and_revoked_when_audited_then_old_and_new_hold_no_secret(
    db: Session,
) -> None:
    merchant = make_merchant(db)
    key = api_key_service.create_api_key(db, merchant_id=merchant.id, name="Till", now=NOW)
    api_key_service.revoke_api_key(db, merchant_id=merchant.id, api_key_id=key["id"], now=NOW)
    log = db.execute(
        select(AuditEntry).where(AuditEntry.merchant_id == merchant.id).order_by(AuditEntry.id)
    ).scalars()
    written = [(entry.action, entry.subject, entry.new) for entry in log]
    subject = f"api_key:{key['id']}"
    facts = {
        "name": "Till",
        "scopes": ["loyalty:read", "loyalty:write"],
        "store_id": None,
        "pin_exempt": False,
    }
    assert written == [("api_key_created", subject, facts), ("api_key_revoked", subject, None)]
