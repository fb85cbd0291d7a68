"""Tables of the loyalty module."""

from app.modules.loyalty.models.card import CardCode, LoyaltyCard
from app.modules.loyalty.models.idempotency import IdempotencyRecord
from app.modules.loyalty.models.program import LoyaltyProgram
from app.modules.loyalty.models.settings import MerchantLoyaltySettings
from app.modules.loyalty.models.staff_pin import PinEntryLock, StaffPin
from app.modules.loyalty.models.transaction import LoyaltyTransaction, TransactionDetail
from app.modules.loyalty.models.wallet import WalletPass

__all__ = [
    "CardCode",
    "IdempotencyRecord",
    "LoyaltyCard",
    "LoyaltyProgram",
    "LoyaltyTransaction",
    "MerchantLoyaltySettings",
    "PinEntryLock",
    "StaffPin",
    "TransactionDetail",
    "WalletPass",
]
