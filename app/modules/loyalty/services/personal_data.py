"""Everything that is known of a person, as they may see it: no secret, no hash, nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, select
from sqlalchemy.orm import Session

from app.core.mail.models import OutboxEmail
from app.modules.customers.models import Consent, Customer
from app.modules.loyalty.models import (
    AppleDeviceRegistration,
    CardCode,
    LoyaltyCard,
    LoyaltyTransaction,
    TransactionDetail,
    WalletPass,
)
from app.modules.loyalty.types import ActorKind
from app.modules.tenancy.models import AccessToken, AuditEntry, Merchant, Store


def subjects_of(*, customer_ids: Sequence[int], card_ids: Sequence[int]) -> list[str]:
    """How the audit log names the person."""
    return [f"customer:{one}" for one in customer_ids] + [f"card:{one}" for one in card_ids]


def collect(
    db: Session,
    *,
    merchant_id: int,
    customer_ids: Sequence[int],
    card_ids: Sequence[int],
    since: datetime,
) -> dict[str, Any]:
    """The person's data by kind. `since` is when they came."""
    emails = db.execute(
        select(Customer.email).where(
            Customer.merchant_id == merchant_id, Customer.id.in_(customer_ids)
        )
    ).scalars()
    addresses = [email for email in emails if email]
    subjects = subjects_of(customer_ids=customer_ids, card_ids=card_ids)
    statements = {
        "merchant": select(Merchant.name).where(Merchant.id == merchant_id),
        "customers": _customers(merchant_id, customer_ids),
        "consents": _consents(merchant_id, customer_ids),
        "cards": _cards(merchant_id, card_ids),
        "old_codes": _codes(merchant_id, card_ids),
        "transactions": _transactions(merchant_id, card_ids),
        "wallet_passes": _passes(merchant_id, card_ids),
        "wallet_phones": _phones(merchant_id, card_ids),
        "devices": _devices(merchant_id, customer_ids),
        "emails": _emails(merchant_id, addresses),
        "acts": _acts(merchant_id, subjects, since),
    }
    return {
        name: [dict(row) for row in db.execute(statement).mappings()]
        for name, statement in statements.items()
    }


_Any = Select[*tuple[Any, ...]]


def _customers(merchant_id: int, ids: Sequence[int]) -> _Any:
    person = Customer
    return (
        select(
            person.id,
            person.first_name,
            person.last_name,
            person.email,
            person.email_pending,
            person.phone,
            person.phone_pending,
            person.locale,
            person.created_at,
        )
        .where(person.merchant_id == merchant_id, person.id.in_(ids), person.erased_at.is_(None))
        .order_by(person.id)
    )


def _consents(merchant_id: int, customer_ids: Sequence[int]) -> _Any:
    return (
        select(
            Consent.purpose,
            Consent.granted,
            Consent.text_version,
            Consent.locale,
            Consent.channel,
            Consent.ip_address,
            Consent.at,
        )
        .where(Consent.merchant_id == merchant_id, Consent.customer_id.in_(customer_ids))
        .order_by(Consent.id)
    )


def _cards(merchant_id: int, card_ids: Sequence[int]) -> _Any:
    card = LoyaltyCard
    return (
        select(
            card.id,
            card.card_number,
            card.qr_code_data,
            card.status,
            card.stamp_count,
            card.stamps_target,
            card.reward_description,
            card.total_stamps_earned,
            card.points_balance,
            card.note,
            card.merged_into_id,
            Store.name.label("enrolled_at_store"),
            card.last_activity_at,
            card.created_at,
        )
        .join(Store, (Store.merchant_id == card.merchant_id) & (Store.id == card.enrolled_store_id))
        .where(card.merchant_id == merchant_id, card.id.in_(card_ids))
        .order_by(card.id)
    )


def _codes(merchant_id: int, card_ids: Sequence[int]) -> _Any:
    code = CardCode
    return (
        select(code.card_id, code.kind, code.code, code.state)
        .where(code.merchant_id == merchant_id, code.card_id.in_(card_ids))
        .order_by(code.id)
    )


def _transactions(merchant_id: int, card_ids: Sequence[int]) -> _Any:
    """The ledger. Members of staff are other people: only what kind of actor it was."""
    entry, detail = LoyaltyTransaction, TransactionDetail
    is_own = entry.actor_kind == ActorKind.CUSTOMER.value
    return (
        select(
            entry.id,
            entry.card_id,
            entry.type,
            entry.stamps_delta,
            entry.points_delta,
            entry.stamps_after,
            entry.points_after,
            entry.reward_description,
            Store.name.label("store"),
            entry.actor_kind,
            entry.amount_cents,
            entry.currency,
            entry.order_reference,
            entry.voids_id,
            entry.related_id,
            entry.business_day,
            entry.occurred_at,
            entry.recorded_at,
            case((is_own, detail.ip_address)).label("ip_address"),
            case((is_own, detail.user_agent)).label("user_agent"),
            detail.notes,
        )
        .join(Store, (Store.merchant_id == entry.merchant_id) & (Store.id == entry.store_id))
        .outerjoin(
            detail,
            (detail.merchant_id == entry.merchant_id) & (detail.transaction_id == entry.id),
        )
        .where(entry.merchant_id == merchant_id, entry.card_id.in_(card_ids))
        .order_by(entry.id)
    )


def _passes(merchant_id: int, card_ids: Sequence[int]) -> _Any:
    kept = WalletPass
    return (
        select(kept.card_id, kept.provider, kept.held_since, kept.ended_as, kept.created_at)
        .where(kept.merchant_id == merchant_id, kept.card_id.in_(card_ids))
        .order_by(kept.id)
    )


def _phones(merchant_id: int, card_ids: Sequence[int]) -> _Any:
    """Phones that ask for changes of a pass; never the secrets by which they do."""
    phone, kept = AppleDeviceRegistration, WalletPass
    return (
        select(kept.card_id, phone.created_at, phone.updated_at)
        .join(kept, (kept.merchant_id == phone.merchant_id) & (kept.id == phone.pass_id))
        .where(phone.merchant_id == merchant_id, kept.card_id.in_(card_ids))
        .order_by(phone.id)
    )


def _devices(merchant_id: int, customer_ids: Sequence[int]) -> _Any:
    """Where the customer is or was signed in; never the token, which is stored nowhere."""
    token = AccessToken
    return (
        select(token.created_at, token.last_seen_at, token.expires_at, token.revoked_at)
        .where(token.merchant_id == merchant_id, token.customer_id.in_(customer_ids))
        .order_by(token.id)
    )


def _emails(merchant_id: int, addresses: Sequence[str]) -> _Any:
    """E-mails of the last days, without their texts: those may hold a code."""
    mail = OutboxEmail
    return (
        select(mail.purpose, mail.to_address, mail.subject, mail.created_at, mail.sent_at)
        .where(mail.merchant_id == merchant_id, mail.to_address.in_(addresses))
        .order_by(mail.id)
    )


def _acts(merchant_id: int, subjects: Sequence[str], since: datetime) -> _Any:
    """What was done about the person beside the ledger; the addresses are staff's own."""
    act = AuditEntry
    return (
        select(act.at, act.action, act.subject, act.actor_kind, act.old, act.new)
        .where(act.merchant_id == merchant_id, act.at >= since, act.subject.in_(subjects))
        .order_by(act.id)
    )
