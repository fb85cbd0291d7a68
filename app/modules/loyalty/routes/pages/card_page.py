"""What the customer's templates show of a program and a card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.core.web.db import Db
from app.modules.customers.rules.names import masked_name
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.rules.looks import card_face, monogram, stamp_grid
from app.modules.loyalty.rules.points_view import points_view
from app.modules.loyalty.schemas.program import media_path
from app.modules.loyalty.services import program_service
from app.modules.loyalty.services.card_lists import CardView, CustomerCard
from app.modules.loyalty.services.own_card import ProgramFace
from app.modules.loyalty.services.program_service import PublicProgram
from app.modules.loyalty.types import LoyaltyType
from app.modules.tenancy.types import StoreContext

PLAIN_COLOR: Final = "#4F46E5"


def looks_of(
    program: Mapping[str, Any] | None, *, merchant_name: str, reward: str = ""
) -> dict[str, Any]:
    """The merchant's face on every page: colours, names, texts. Without a program a plain one."""
    known = program or {}
    color = known.get("card_color") or PLAIN_COLOR
    return {
        "brand_color": color,
        "face": card_face(color, known.get("card_secondary_color")),
        "face_of": {
            "merchant_name": merchant_name,
            "card_name": known.get("card_name") or merchant_name,
            "monogram": monogram(merchant_name),
            "logo_url": media_path(known.get("logo_image")),
            "hero_url": media_path(known.get("hero_image")),
            "stamp_icon": known.get("stamp_icon") or "star",
            "reward": reward,
            "terms_text": known.get("terms_text") or "",
            "privacy_url": known.get("privacy_url"),
        },
    }


def program_behind(db: Db, store: StoreContext | None) -> PublicProgram | None:
    """The program whose looks a page at this store takes on; None where there is none yet."""
    try:
        return program_service.public_program(db, store_code=store.code) if store else None
    except ProgramNotFound:
        return None


def units_of(
    loyalty_type: str, *, stamp_count: int = 0, points_balance: int = 0
) -> dict[str, bool]:
    """What a card shows: the program's units, and what is left of one it had before."""
    units = LoyaltyType(loyalty_type)
    return {
        "shows_stamps": units.has_stamps or stamp_count != 0,
        "shows_points": units.has_points or points_balance != 0,
    }


def card_context(card: CustomerCard) -> dict[str, Any]:
    """Everything a page needs to show somebody their own card."""
    return card_in_its_looks(card, card["program"])


def card_in_its_looks(card: CardView, program: ProgramFace) -> dict[str, Any]:
    """Everything a page needs to show a card as its holder sees it."""
    customer = card["customer"]
    looks = looks_of(
        program, merchant_name=program["merchant_name"], reward=card["reward_description"]
    )
    units = units_of(
        program["loyalty_type"],
        stamp_count=card["stamp_count"],
        points_balance=card["points_balance"],
    )
    return (
        looks
        | units
        | {
            "card": card,
            "grid": stamp_grid(card["stamp_count"], card["stamps_target"]),
            "points": points_view(card["points_balance"], card["rewards"]),
            "first_name": customer["first_name"],
            "holder": masked_name(customer["first_name"], customer["last_name"]),
            "is_open": program["is_active"],
        }
    )
