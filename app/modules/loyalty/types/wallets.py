"""Words of the cards that live in phones' wallets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Provider(StrEnum):
    """Whose wallet a pass lives in."""

    GOOGLE = "google"
    APPLE = "apple"


class PassEnd(StrEnum):
    """Why a pass no longer stands for a card."""

    REPLACED = "replaced"
    MERGED = "merged"
    ERASED = "erased"


class PassState(StrEnum):
    """How far a card has got into a wallet.

    `none`: no pass was made. `waiting`: the vendor has not been told the latest. `current`: it
    has. `parked`: it does not take this pass as it is. `ended`: the last pass stands for nothing.
    """

    NONE = "none"
    WAITING = "waiting"
    CURRENT = "current"
    PARKED = "parked"
    ENDED = "ended"


class FaultKind(StrEnum):
    """What a vendor's refusal asks for.

    `transient`: try again later. `pause`: the account or its keys are wrong; try nothing at this
    vendor for a while and tell the operator. `park`: this one will not be taken as it is.
    """

    TRANSIENT = "transient"
    PAUSE = "pause"
    PARK = "park"


@dataclass(frozen=True, slots=True)
class PassStore:
    """A shop as a pass names it. Latitude and longitude: millionths of a degree (WGS 84)."""

    code: str
    name: str
    city: str
    latitude_e6: int | None
    longitude_e6: int | None


@dataclass(frozen=True, slots=True)
class PassDesign:
    """What all passes of a merchant have in common, as of the program's `revision`.

    Pictures are names under `/media`. `languages` begins with the merchant's own.
    """

    merchant_id: int
    merchant_name: str
    program_id: int
    revision: int
    loyalty_type: str
    is_active: bool
    card_name: str
    card_color: str
    card_secondary_color: str | None
    logo_image: str | None
    hero_image: str | None
    stamp_icon: str
    stamps_target: int
    reward: str
    terms_text: str
    privacy_url: str | None
    rotating_barcode: bool
    language: str
    stores: tuple[PassStore, ...]


@dataclass(frozen=True, slots=True)
class PassRow:
    """A pass as it was read, with what sending it needs to know.

    `secret` is the one by which an Apple phone asked for it: it stays the pass's for ever.
    """

    id: int
    merchant_id: int
    card_id: int
    provider: Provider
    serial: str
    ended_as: PassEnd | None
    target_revision: int
    synced_revision: int
    design_revision: int
    attempts: int
    held: bool
    shown: dict[str, int]
    notified_at: tuple[str, ...]
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of sending one pass.

    `fault` None: the vendor has it. `reason` is a stable word, `detail` the vendor's own, for
    the operator. `rang`: the phone was asked to ring. `retry_after_s` as the vendor asked.
    Not `asked`: the vendor was not called for this pass itself; there was nobody to tell, or what
    it answered about the class counts for it too.
    """

    pass_id: int
    fault: FaultKind | None = None
    reason: str = ""
    detail: str = ""
    rang: bool = False
    retry_after_s: int | None = None
    asked: bool = True
