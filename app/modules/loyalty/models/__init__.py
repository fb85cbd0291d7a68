"""Tables of the loyalty module."""

from app.modules.loyalty.models.card import CardCode, LoyaltyCard
from app.modules.loyalty.models.daily_stats import (
    DailyRewards,
    DailyStaffStats,
    DailyStats,
    DailyVisits,
)
from app.modules.loyalty.models.idempotency import IdempotencyRecord
from app.modules.loyalty.models.image import ProgramImage, ProgramImageFetch
from app.modules.loyalty.models.merchant_stats import CardTotals, MerchantStats, StaffReport
from app.modules.loyalty.models.order import OrderAward, OrderRefund
from app.modules.loyalty.models.program import LoyaltyProgram
from app.modules.loyalty.models.reward import LoyaltyReward
from app.modules.loyalty.models.settings import MerchantLoyaltySettings
from app.modules.loyalty.models.staff_pin import PinEntryLock, StaffPin
from app.modules.loyalty.models.transaction import LoyaltyTransaction, TransactionDetail
from app.modules.loyalty.models.wallet import WalletPass
from app.modules.loyalty.models.wallet_class import WalletClass
from app.modules.loyalty.models.wallet_vendor import (
    AppleDeviceLog,
    AppleDeviceRegistration,
    StampPicture,
    WalletCallback,
    WalletVendor,
)

__all__ = [
    "AppleDeviceLog",
    "AppleDeviceRegistration",
    "CardCode",
    "CardTotals",
    "DailyRewards",
    "DailyStaffStats",
    "DailyStats",
    "DailyVisits",
    "IdempotencyRecord",
    "LoyaltyCard",
    "LoyaltyProgram",
    "LoyaltyReward",
    "LoyaltyTransaction",
    "MerchantLoyaltySettings",
    "MerchantStats",
    "OrderAward",
    "OrderRefund",
    "PinEntryLock",
    "ProgramImage",
    "ProgramImageFetch",
    "StaffPin",
    "StaffReport",
    "StampPicture",
    "TransactionDetail",
    "WalletCallback",
    "WalletClass",
    "WalletPass",
    "WalletVendor",
]
