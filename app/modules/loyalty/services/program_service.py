"""The program: creating it, changing it, and what anybody may know of it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock, jobs
from app.core.db import atomic, end_read
from app.core.errors import EditConflict
from app.modules.loyalty.errors import ProgramExists, ProgramNotFound
from app.modules.loyalty.models import LoyaltyProgram, MerchantLoyaltySettings
from app.modules.loyalty.schemas.program import WISHES, ProgramCreate, ProgramUpdate
from app.modules.loyalty.services import image_wishes, program_changes, reward_service
from app.modules.loyalty.types import ActorKind, Caller, LoyaltyType
from app.modules.tenancy.models import Merchant
from app.modules.tenancy.services import audit_service, store_service
from app.modules.tenancy.types import StoreContext

_CARD_NAME_LENGTH = 50


class PublicReward(TypedDict):
    """What points buy."""

    name: str
    cost_points: int


class PublicProgram(TypedDict):
    """What somebody who may join should know of a program; no numbers of the business.

    Amounts are minor units of `currency`.
    """

    store_code: str
    store_name: str
    merchant_name: str
    loyalty_type: LoyaltyType
    is_active: bool
    stamps_target: int
    stamps_reward_description: str
    welcome_bonus_stamps: int
    points_per_euro: int
    minimum_purchase_cents: int
    minimum_redemption_points: int
    welcome_bonus_points: int
    points_expiration_days: int | None
    currency: str
    rewards: list[PublicReward]
    card_name: str
    card_color: str
    card_secondary_color: str | None
    logo_image: str | None
    hero_image: str | None
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
    values, wishes = data.model_dump(mode="json", exclude=WISHES), image_wishes.wishes_of(data)
    values["card_name"] = values["card_name"] or store.merchant_name[:_CARD_NAME_LENGTH].rstrip()
    program = LoyaltyProgram(
        merchant_id=store.merchant_id,
        points_expiry_since=now if data.points_expiration_days else None,
        revision=1,
        created_at=now,
        updated_at=now,
        **values,
    )
    try:
        with atomic(db):
            db.add(program)
            db.flush()
            image_wishes.save(db, program, wishes, now=now)
            new = values | image_wishes.as_acts(wishes)
            _audit(db, program, "program_created", caller, old=None, new=new, now=now)
    except IntegrityError:
        raise ProgramExists from None
    if wishes:
        jobs.wake()
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


def etag(program: LoyaltyProgram, *facts: str) -> str:
    """The entity tag of a program: it changes with every change.

    `facts` are what an answer shows besides. `If-Match` asks for the revision only, so that
    nobody's change is refused because of them.
    """
    return f'"{"-".join([_version(program), *facts])}"'


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
    above it, everything else only where nothing is collected. A unit that is no longer
    collected stays on the cards and can be redeemed.

    Raises:
        ProgramNotFound, ValidationFailed.
        EditConflict: somebody else was faster.
    """
    now = now or clock.utc_now()
    with atomic(db):
        # Two changes at once follow each other; on SQLite the transaction alone does it.
        program = db.execute(_program_of(merchant_id).with_for_update()).scalar_one_or_none()
        if program is None:
            raise ProgramNotFound
        if if_match is not None and not _is_based_on(if_match, program):
            raise EditConflict
        new = program_changes.changes(db, program, data)
        known = image_wishes.open_fetches(db, merchant_id=merchant_id)
        wishes = image_wishes.changes(known, image_wishes.wishes_of(data))
        if new or wishes:
            old = {name: getattr(program, name) for name in new}
            old |= image_wishes.as_acts(image_wishes.urls_of(known, wishes))
            program = program_changes.carry_out(db, program, new, now=now)
            image_wishes.save(db, program, wishes, now=now)
            new |= image_wishes.as_acts(wishes)
            _audit(db, program, "program_changed", caller, old=old, new=new, now=now)
    jobs.wake()
    return program


def public_program(db: Session, *, store_code: str) -> PublicProgram:
    """The program of the merchant behind a store's code, for anybody.

    Raises:
        StoreNotFound, ProgramNotFound.
    """
    store = store_service.find_store(db, code=store_code)
    row = db.execute(
        select(LoyaltyProgram, MerchantLoyaltySettings.allow_self_enrollment, Merchant.currency)
        .join(Merchant, Merchant.id == LoyaltyProgram.merchant_id)
        .outerjoin(
            MerchantLoyaltySettings,
            MerchantLoyaltySettings.merchant_id == LoyaltyProgram.merchant_id,
        )
        .where(LoyaltyProgram.merchant_id == store.merchant_id)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise ProgramNotFound
    program, allowed, currency = row
    return _shown(db, store, program, currency=currency, may_join=allowed is not False)


def _shown(
    db: Session, store: StoreContext, program: LoyaltyProgram, *, currency: str, may_join: bool
) -> PublicProgram:
    loyalty_type = LoyaltyType(program.loyalty_type)
    return PublicProgram(
        store_code=store.code,
        store_name=store.name,
        merchant_name=store.merchant_name,
        loyalty_type=loyalty_type,
        is_active=program.is_active,
        stamps_target=program.stamps_target,
        stamps_reward_description=program.stamps_reward_description,
        welcome_bonus_stamps=program.welcome_bonus_stamps,
        points_per_euro=program.points_per_euro,
        minimum_purchase_cents=program.minimum_purchase_cents,
        minimum_redemption_points=program.minimum_redemption_points,
        welcome_bonus_points=program.welcome_bonus_points,
        points_expiration_days=program.points_expiration_days,
        currency=currency,
        rewards=_rewards(db, store.merchant_id) if loyalty_type.has_points else [],
        card_name=program.card_name,
        card_color=program.card_color,
        card_secondary_color=program.card_secondary_color,
        logo_image=program.logo_image,
        hero_image=program.hero_image,
        stamp_icon=program.stamp_icon,
        terms_text=program.terms_text,
        privacy_url=program.privacy_url,
        self_enrollment=program.is_active and may_join,
    )


def _rewards(db: Session, merchant_id: int) -> list[PublicReward]:
    return [
        PublicReward(name=reward.name, cost_points=reward.cost_points)
        for reward in reward_service.on_offer(db.connection(), merchant_id=merchant_id)
    ]


def _version(program: LoyaltyProgram) -> str:
    return f"program-{program.id}-{program.revision}"


def _is_based_on(if_match: str, program: LoyaltyProgram) -> bool:
    version = re.compile(rf'"{_version(program)}["-]')
    return if_match.strip() == "*" or version.search(if_match) is not None


def _program_of(merchant_id: int) -> Select[LoyaltyProgram]:
    return (
        select(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == merchant_id)
        .execution_options(populate_existing=True)
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
