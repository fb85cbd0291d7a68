"""Request and response bodies of the loyalty module."""

from app.modules.loyalty.schemas.cards import EnrollRequest, LookupRequest, SelfEnrollRequest
from app.modules.loyalty.schemas.pins import PinCreate, PinUpdate
from app.modules.loyalty.schemas.program import ProgramCreate, ProgramUpdate
from app.modules.loyalty.schemas.rewards import RewardCreate, RewardUpdate
from app.modules.loyalty.schemas.stamps import (
    AdjustRequest,
    RedeemRequest,
    StampRequest,
    VoidReason,
    VoidRequest,
)

__all__ = [
    "AdjustRequest",
    "EnrollRequest",
    "LookupRequest",
    "PinCreate",
    "PinUpdate",
    "ProgramCreate",
    "ProgramUpdate",
    "RedeemRequest",
    "RewardCreate",
    "RewardUpdate",
    "SelfEnrollRequest",
    "StampRequest",
    "VoidReason",
    "VoidRequest",
]
