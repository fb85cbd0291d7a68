"""Passes as they should look now, read from the card, its program and its customer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, select
from sqlalchemy.orm import Session

from app.core.db import read_connection
from app.modules.customers.models import Customer
from app.modules.customers.rules.names import masked_name
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, WalletPass
from app.modules.loyalty.rules import catalogue
from app.modules.loyalty.rules.pass_view import PassView, pass_view
from app.modules.loyalty.services import card_queries, reward_service
from app.modules.loyalty.services.card_queries import Question
from app.modules.loyalty.types import PassDesign, PassEnd, PassRow, PassStore, Provider, RewardFacts
from app.modules.tenancy.models import Merchant, Store

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
_PASS = WalletPass
PASS_COLUMNS = (
    _PASS.id, _PASS.merchant_id, _PASS.card_id, _PASS.provider, _PASS.serial, _PASS.ended_as,
    _PASS.target_revision, _PASS.synced_revision, _PASS.design_revision, _PASS.attempts,
    _PASS.held_since, _PASS.shown, _PASS.notified_at,
)  # fmt: skip


def pass_row(row: AnyRow) -> PassRow:
    """A row of `PASS_COLUMNS`."""
    return PassRow(
        id=row.id,
        merchant_id=row.merchant_id,
        card_id=row.card_id,
        provider=Provider(row.provider),
        serial=row.serial,
        ended_as=PassEnd(row.ended_as) if row.ended_as else None,
        target_revision=row.target_revision,
        synced_revision=row.synced_revision,
        design_revision=row.design_revision,
        attempts=row.attempts,
        held=row.held_since is not None,
        shown=dict(row.shown or {}),
        notified_at=tuple(row.notified_at or ()),
    )


def read_views(db: Session, passes: Iterable[PassRow], *, now: datetime) -> dict[int, PassView]:
    """The passes as they should look now, by id; those whose card is gone for good are left out.

    Designs and catalogues are read once per merchant.
    """
    views: dict[int, PassView] = {}
    designs: dict[int, PassDesign] = {}
    offers: dict[int, list[RewardFacts]] = {}
    with read_connection(db) as connection:
        for row in passes:
            merchant_id = row.merchant_id
            if merchant_id not in designs:
                designs[merchant_id] = read_design(connection, merchant_id=merchant_id)
                offers[merchant_id] = list(
                    reward_service.on_offer(connection, merchant_id=merchant_id)
                )
            view = _view(connection, row, designs[merchant_id], offers[merchant_id], now=now)
            if view is not None:
                views[row.id] = view
    return views


def read_design(connection: Connection, *, merchant_id: int) -> PassDesign:
    """What the passes of a merchant have in common. The merchant has a program."""
    program = LoyaltyProgram
    row = connection.execute(
        select(program.__table__, Merchant.name.label("merchant_name"), Merchant.locale)
        .join(Merchant, Merchant.id == program.merchant_id)
        .where(program.merchant_id == merchant_id)
    ).one()
    stores = connection.execute(
        select(Store.code, Store.name, Store.city, Store.latitude_e6, Store.longitude_e6)
        .where(Store.merchant_id == merchant_id)
        .order_by(Store.id)
    ).all()
    return PassDesign(
        merchant_id=merchant_id,
        merchant_name=row.merchant_name,
        program_id=row.id,
        revision=row.revision,
        loyalty_type=row.loyalty_type,
        is_active=bool(row.is_active),
        card_name=row.card_name,
        card_color=row.card_color,
        card_secondary_color=row.card_secondary_color,
        logo_image=row.logo_image,
        hero_image=row.hero_image,
        stamp_icon=row.stamp_icon,
        stamps_target=row.stamps_target,
        reward=row.stamps_reward_description,
        terms_text=row.terms_text,
        privacy_url=row.privacy_url,
        rotating_barcode=bool(row.rotating_barcode),
        language=row.locale,
        stores=tuple(PassStore(*store) for store in stores),
    )


def _view(
    connection: Connection,
    row: PassRow,
    design: PassDesign,
    on_offer: list[RewardFacts],
    *,
    now: datetime,
) -> PassView | None:
    question = Question(merchant_id=row.merchant_id, card_id=row.card_id)
    states = card_queries.read_states(connection, question, now=now)
    if not states:
        return None
    state = states[0]
    code, language = connection.execute(
        select(LoyaltyCard.qr_code_data, Customer.locale)
        .join(
            Customer,
            (Customer.merchant_id == LoyaltyCard.merchant_id)
            & (Customer.id == LoyaltyCard.customer_id),
        )
        .where(LoyaltyCard.merchant_id == row.merchant_id, LoyaltyCard.id == row.card_id)
    ).one()
    rewards = catalogue.offer(state, on_offer) if catalogue.is_offered(state) else []
    return pass_view(
        state,
        rewards,
        design,
        serial=row.serial,
        ended=row.ended_as,
        holder=masked_name(state.first_name, state.last_name),
        language=language or design.language,
        qr_code_data=code,
    )
