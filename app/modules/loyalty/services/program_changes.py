"""What a change of the program does: to the program, to its cards, to pictures it drops."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.core.errors import FieldError, ValidationFailed
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, WalletPass
from app.modules.loyalty.rules.program_change import expiry_starts_anew, shows_on_passes
from app.modules.loyalty.schemas.program import WISHES, ProgramUpdate
from app.modules.loyalty.services import image_service, wallet_passes
from app.modules.loyalty.types import CardStatus, Cycle

# Cards that nobody holds any more.
GONE: Final = (CardStatus.MERGED.value, CardStatus.ERASED.value)
# What the open cycle of a card is made of.
_CYCLE: Final = frozenset({"stamps_target", "stamps_reward_description"})


def changes(db: Session, program: LoyaltyProgram, data: ProgramUpdate) -> dict[str, Any]:
    """The columns that `data` really changes, with their new values.

    Raises:
        ValidationFailed: the welcome bonus would not stay below the target, or there is no
            such picture.
    """
    sent = data.model_dump(mode="json", exclude_unset=True, exclude=WISHES)
    new = {name: value for name, value in sent.items() if value != getattr(program, name)}
    target = new.get("stamps_target", program.stamps_target)
    if new.get("welcome_bonus_stamps", program.welcome_bonus_stamps) >= target:
        raise ValidationFailed(
            FieldError(("body", "welcome_bonus_stamps"), "welcome_bonus_too_large", {"lt": target})
        )
    image_service.check_known(db, merchant_id=program.merchant_id, columns=new)
    return new


def carry_out(
    db: Session, program: LoyaltyProgram, new: dict[str, Any], *, now: datetime
) -> LoyaltyProgram:
    """Write `new` and let the program's cards follow, inside the caller's `atomic`.

    `program` is locked and still as it was read. Returns it as it is afterwards.
    """
    derived: dict[str, Any] = {"revision": program.revision + 1, "updated_at": now}
    if restarts_expiry(program, new):
        derived["points_expiry_since"] = now
    shown = frozenset((program.logo_image, program.hero_image))
    changed = db.execute(
        update(LoyaltyProgram)
        .where(LoyaltyProgram.merchant_id == program.merchant_id, LoyaltyProgram.id == program.id)
        .values(**new, **derived)
        .returning(LoyaltyProgram)
        .execution_options(populate_existing=True, synchronize_session=False)
    ).scalar_one()
    if changes_cycle(new):
        _tell_cards(db, changed)
    if shows_on_passes(new):
        wallet_passes.redesign(
            db, merchant_id=changed.merchant_id, revision=changed.revision, now=now
        )
    image_service.drop_unused(db, changed, replaced=shown, now=now)
    return changed


def changes_cycle(new: dict[str, Any]) -> bool:
    """True where target or reward of the stamp card change."""
    return not _CYCLE.isdisjoint(new)


def cycle_with(program: LoyaltyProgram, new: dict[str, Any]) -> Cycle:
    """Target and reward of the program once `new` is written."""
    target = new.get("stamps_target", program.stamps_target)
    return Cycle(target, new.get("stamps_reward_description", program.stamps_reward_description))


def restarts_expiry(program: LoyaltyProgram, new: dict[str, Any]) -> bool:
    """True where `new` sets or shortens the time after which points run out."""
    before = program.points_expiration_days
    after = new.get("points_expiration_days", before)
    return expiry_starts_anew(before=before, after=after)


def differs(cycle: Cycle) -> ColumnElement[bool]:
    """Cards that collect for another target or reward than `cycle`."""
    card = LoyaltyCard
    return (card.stamps_target != cycle.target) | (card.reward_description != cycle.reward)


def takes_on(cycle: Cycle) -> ColumnElement[bool]:
    """Cards to which `cycle` applies at once and is new (see `rules.rewards.cycle_applies`)."""
    card = LoyaltyCard
    return (card.stamps_target > cycle.target) | ((card.stamp_count <= 0) & differs(cycle))


def _tell_cards(db: Session, program: LoyaltyProgram) -> None:
    """Give the program's cycle to the cards it applies to, and mark their passes as behind."""
    card, merchant_id = LoyaltyCard, program.merchant_id
    cycle = cycle_with(program, {})
    db.execute(
        update(card)
        .where(card.merchant_id == merchant_id, card.status.not_in(GONE), takes_on(cycle))
        .values(
            stamps_target=cycle.target,
            reward_description=cycle.reward,
            revision=card.revision + 1,
        )
        .execution_options(synchronize_session=False)
    )
    revision = (
        select(card.revision)
        .where(card.merchant_id == merchant_id, card.id == WalletPass.card_id)
        .scalar_subquery()
    )
    db.execute(
        update(WalletPass)
        .where(
            WalletPass.merchant_id == merchant_id,
            WalletPass.ended_as.is_(None),
            WalletPass.target_revision < revision,
        )
        .values(target_revision=revision)
        .execution_options(synchronize_session=False)
    )
