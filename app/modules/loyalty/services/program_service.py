"""The program: creating it, changing it, and what a change does to cards that are half full."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.db import atomic, end_read
from app.core.errors import EditConflict, FieldError, ValidationFailed
from app.modules.loyalty.errors import ProgramExists, ProgramNotFound
from app.modules.loyalty.models import (
    LoyaltyCard,
    LoyaltyProgram,
    MerchantLoyaltySettings,
    WalletPass,
)
from app.modules.loyalty.schemas.program import ProgramCreate, ProgramUpdate
from app.modules.loyalty.types import ActorKind, Caller, CardStatus, LoyaltyType
from app.modules.tenancy.services import audit_service, store_service

_CARD_NAME_LENGTH = 50
# What the open cycle of a card is made of.
_CYCLE = frozenset({"stamps_target", "stamps_reward_description"})
_GONE = (CardStatus.MERGED.value, CardStatus.ERASED.value)


class PublicProgram(TypedDict):
    """What somebody who may join should know of a program; no numbers of the business."""

    store_code: str
    store_name: str
    merchant_name: str
    loyalty_type: LoyaltyType
    is_active: bool
    stamps_target: int
    stamps_reward_description: str
    welcome_bonus_stamps: int
    card_name: str
    card_color: str
    card_secondary_color: str | None
    stamp_icon: str
    terms_text: str
    privacy_url: str | None
    self_enrollment: bool


def create_program(
    db: Session,
    *,
    store_id: int,
    data: ProgramCreate,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> LoyaltyProgram:
    """Create the program of the merchant that owns `store_id`.

    Raises:
        StoreNotFound.
        ProgramExists: a merchant has one program, whatever became of it.
    """
    now = now or clock.utc_now()
    store = store_service.find_store(db, store_id=store_id)
    end_read(db)
    values = data.model_dump(mode="json")
    values["card_name"] = values["card_name"] or store.merchant_name[:_CARD_NAME_LENGTH].rstrip()
    program = LoyaltyProgram(
        merchant_id=store.merchant_id, revision=1, created_at=now, updated_at=now, **values
    )
    try:
        with atomic(db):
            db.add(program)
            db.flush()
            _audit(db, program, "program_created", caller, old=None, new=values, now=now)
    except IntegrityError:
        raise ProgramExists from None
    return program


def get_program(db: Session, *, merchant_id: int) -> LoyaltyProgram:
    """The merchant's program as it stands now.

    Raises:
        ProgramNotFound.
    """
    program = db.execute(_program_of(merchant_id)).scalar_one_or_none()
    if program is None:
        raise ProgramNotFound
    return program


def etag(program: LoyaltyProgram) -> str:
    """The entity tag of a program: it changes with every change."""
    return f'"program-{program.id}-{program.revision}"'


def update_program(
    db: Session,
    *,
    merchant_id: int,
    data: ProgramUpdate,
    if_match: str | None = None,
    caller: Caller | None = None,
    now: datetime | None = None,
) -> LoyaltyProgram:
    """Change what `data` names; with `if_match` only if it is still the version the caller read.

    Cards follow by the rule "Target change": a lower target counts at once for every card
    above it, everything else only where nothing is collected.

    Raises:
        ProgramNotFound, ValidationFailed.
        EditConflict: somebody else was faster.
    """
    now = now or clock.utc_now()
    sent = data.model_dump(mode="json", exclude_unset=True)
    with atomic(db):
        # Two changes at once follow each other; on SQLite the transaction alone does it.
        program = db.execute(_program_of(merchant_id).with_for_update()).scalar_one_or_none()
        if program is None:
            raise ProgramNotFound
        if if_match is not None and if_match.strip() != "*" and etag(program) not in if_match:
            raise EditConflict
        old = {name: getattr(program, name) for name in sent}
        new = {name: value for name, value in sent.items() if value != old[name]}
        if new:
            _check_together(program, new)
            _write(db, program, new, now=now)
            if not _CYCLE.isdisjoint(new):
                _tell_cards(db, get_program(db, merchant_id=merchant_id))
            before = {name: old[name] for name in new}
            _audit(db, program, "program_changed", caller, old=before, new=new, now=now)
        return get_program(db, merchant_id=merchant_id)


def public_program(db: Session, *, store_code: str) -> PublicProgram:
    """The program of the merchant behind a store's code, for anybody.

    Raises:
        StoreNotFound, ProgramNotFound.
    """
    store = store_service.find_store(db, code=store_code)
    program = get_program(db, merchant_id=store.merchant_id)
    allowed = db.execute(
        select(MerchantLoyaltySettings.allow_self_enrollment).where(
            MerchantLoyaltySettings.merchant_id == store.merchant_id
        )
    ).scalar_one_or_none()
    return PublicProgram(
        store_code=store.code,
        store_name=store.name,
        merchant_name=store.merchant_name,
        loyalty_type=LoyaltyType(program.loyalty_type),
        is_active=program.is_active,
        stamps_target=program.stamps_target,
        stamps_reward_description=program.stamps_reward_description,
        welcome_bonus_stamps=program.welcome_bonus_stamps,
        card_name=program.card_name,
        card_color=program.card_color,
        card_secondary_color=program.card_secondary_color,
        stamp_icon=program.stamp_icon,
        terms_text=program.terms_text,
        privacy_url=program.privacy_url,
        self_enrollment=program.is_active and allowed is not False,
    )


def _program_of(merchant_id: int) -> Select[LoyaltyProgram]:
    return (
        select(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
    )


def _check_together(program: LoyaltyProgram, new: dict[str, Any]) -> None:
    target = new.get("stamps_target", program.stamps_target)
    if new.get("welcome_bonus_stamps", program.welcome_bonus_stamps) >= target:
        raise ValidationFailed(
            FieldError(("body", "welcome_bonus_stamps"), "welcome_bonus_too_large", {"lt": target})
        )


def _write(db: Session, program: LoyaltyProgram, new: dict[str, Any], *, now: datetime) -> None:
    db.execute(
        update(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == program.merchant_id, LoyaltyProgram.id == program.id)
        .values(**new, revision=program.revision + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )


def _tell_cards(db: Session, program: LoyaltyProgram) -> None:
    """Give the program's cycle to the cards it applies to (see `rules.rewards.cycle_applies`)."""
    card, merchant_id = LoyaltyCard, program.merchant_id
    target, reward = program.stamps_target, program.stamps_reward_description
    differs = (card.stamps_target != target) | (card.reward_description != reward)
    db.execute(
        update(card)
        .where(
            card.merchant_id == merchant_id,
            card.status.not_in(_GONE),
            (card.stamps_target > target) | ((card.stamp_count <= 0) & differs),
        )
        .values(stamps_target=target, reward_description=reward, revision=card.revision + 1)
        .execution_options(synchronize_session=False)
    )
    revision = (
        select(card.revision)
        .where(card.merchant_id == merchant_id, card.id == WalletPass.card_id)
        .scalar_subquery()
    )
    db.execute(
        update(WalletPass)
        .where(WalletPass.merchant_id == merchant_id, WalletPass.target_revision < revision)
        .values(target_revision=revision)
        .execution_options(synchronize_session=False)
    )


def _audit(
    db: Session,
    program: LoyaltyProgram,
    action: str,
    caller: Caller | None,
    *,
    old: dict[str, Any] | None,
    new: dict[str, Any],
    now: datetime,
) -> None:
    audit_service.record(
        db,
        merchant_id=program.merchant_id,
        action=action,
        subject=f"program:{program.id}",
        actor_kind=(caller.kind if caller else ActorKind.SERVICE).value,
        actor_id=caller.actor_id if caller else None,
        old=old,
        new=new,
        ip_address=caller.ip_address if caller else None,
        request_id=caller.request_id if caller else None,
        now=now,
    )
