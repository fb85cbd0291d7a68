"""Every refusal of the loyalty module: one class each, its `code` frozen (`docs/api.md`).

The sentence a person reads stands in `locales/*.json` under `errors.<code>`.
"""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class StaffPinRequired(AppError):
    """The program asks for a staff PIN or an open PIN session, and there was none."""

    code: ClassVar[str] = "staff_pin_required"
    status: ClassVar[int] = 403


class InvalidStaffPin(AppError):
    """No active PIN of the merchant fits. Params: `attempts_left` before PIN entry locks."""

    code: ClassVar[str] = "invalid_staff_pin"
    status: ClassVar[int] = 403


class StaffPinLocked(AppError):
    """The named person's PIN refuses after too many failed tries. Params: `retry_at` (UTC)."""

    code: ClassVar[str] = "staff_pin_locked"
    status: ClassVar[int] = 423


class TerminalLocked(AppError):
    """PIN entry is locked on this terminal, key or store. Params: `retry_at` (UTC)."""

    code: ClassVar[str] = "terminal_locked"
    status: ClassVar[int] = 423


class OwnCard(AppError):
    """Staff can't serve their own card."""

    code: ClassVar[str] = "own_card"
    status: ClassVar[int] = 403


class SelfEnrollmentDisabled(AppError):
    """The merchant enrols at the counter only."""

    code: ClassVar[str] = "self_enrollment_disabled"
    status: ClassVar[int] = 403


class VoidsDisabled(AppError):
    """The merchant's settings allow no voids."""

    code: ClassVar[str] = "voids_disabled"
    status: ClassVar[int] = 403


class CrossStoreRedemptionDisabled(AppError):
    """Rewards are given only in the store the card was enrolled in."""

    code: ClassVar[str] = "cross_store_redemption_disabled"
    status: ClassVar[int] = 403


class ProgramNotFound(AppError):
    """The merchant has no program yet."""

    code: ClassVar[str] = "program_not_found"
    status: ClassVar[int] = 404


class CardNotFound(AppError):
    """No card of this merchant fits. Params: `mistyped`, true where a check digit is wrong."""

    code: ClassVar[str] = "card_not_found"
    status: ClassVar[int] = 404


class PinNotFound(AppError):
    """No such staff PIN."""

    code: ClassVar[str] = "pin_not_found"
    status: ClassVar[int] = 404


class TransactionNotFound(AppError):
    """No such ledger entry."""

    code: ClassVar[str] = "transaction_not_found"
    status: ClassVar[int] = 404


class PassNotFound(AppError):
    """No such pass of a phone's wallet."""

    code: ClassVar[str] = "pass_not_found"
    status: ClassVar[int] = 404


class ProgramExists(AppError):
    """The merchant already has its program; change it instead."""

    code: ClassVar[str] = "program_exists"
    status: ClassVar[int] = 409


class ProgramInactive(AppError):
    """The program is switched off: nothing is earned, nobody enrols."""

    code: ClassVar[str] = "program_inactive"
    status: ClassVar[int] = 409


class ProgramTypeMismatch(AppError):
    """The program does not collect this unit."""

    code: ClassVar[str] = "program_type_mismatch"
    status: ClassVar[int] = 409


class CardInactive(AppError):
    """The card is suspended, merged or erased."""

    code: ClassVar[str] = "card_inactive"
    status: ClassVar[int] = 409


class CardReplaced(AppError):
    """The code belonged to a card that got new codes; the old ones do nothing."""

    code: ClassVar[str] = "card_replaced"
    status: ClassVar[int] = 409


class CodeExpired(AppError):
    """The code changes every half minute, and this one is older: the pass must be opened."""

    code: ClassVar[str] = "code_expired"
    status: ClassVar[int] = 409


class StampCooldown(AppError):
    """The card got a stamp less than `cooldown_minutes` ago.

    Params: `next_stamp_available_at` (UTC), the first moment the next stamp is allowed.
    """

    code: ClassVar[str] = "stamp_cooldown"
    status: ClassVar[int] = 409


class DailyStampLimit(AppError):
    """The store's business day has no room for so many stamps.

    Params: `remaining` (stamps still possible today), `resets_at` (UTC).
    """

    code: ClassVar[str] = "daily_stamp_limit"
    status: ClassVar[int] = 409


class InsufficientStamps(AppError):
    """Too few stamps for the reward. Params: `balance`, `needed` (stamps)."""

    code: ClassVar[str] = "insufficient_stamps"
    status: ClassVar[int] = 409


class InsufficientPoints(AppError):
    """Too few points for the reward. Params: `balance`, `needed` (points)."""

    code: ClassVar[str] = "insufficient_points"
    status: ClassVar[int] = 409


class BelowMinimumPurchase(AppError):
    """The purchase is too small to earn. Params: `minimum` (minor units), `currency`."""

    code: ClassVar[str] = "below_minimum_purchase"
    status: ClassVar[int] = 409


class BelowMinimumRedemption(AppError):
    """Fewer points than may be redeemed at once. Params: `minimum` (points)."""

    code: ClassVar[str] = "below_minimum_redemption"
    status: ClassVar[int] = 409


class RewardNotFound(AppError):
    """No such reward in the merchant's catalogue, or it is no longer given."""

    code: ClassVar[str] = "reward_not_found"
    status: ClassVar[int] = 404


class OrderReferenceRequired(AppError):
    """The merchant's purchases earn only under their order's reference."""

    code: ClassVar[str] = "order_reference_required"
    status: ClassVar[int] = 422


class OrderAlreadyEarned(AppError):
    """The order's reference has earned for another card or another purchase."""

    code: ClassVar[str] = "order_already_earned"
    status: ClassVar[int] = 409


class OrderNotFound(AppError):
    """No order of this store earned under that reference."""

    code: ClassVar[str] = "order_not_found"
    status: ClassVar[int] = 409


class RefundExceedsOrder(AppError):
    """More is to be refunded than is left of the order. Params: `left` (minor units)."""

    code: ClassVar[str] = "refund_exceeds_order"
    status: ClassVar[int] = 409


class NothingToReinstate(AppError):
    """No expired points of the last 30 days can be given back. Params: `days`."""

    code: ClassVar[str] = "nothing_to_reinstate"
    status: ClassVar[int] = 409


class ImageRejected(AppError):
    """No picture that we draw, or too large. Params: `maximum_bytes`, `maximum_pixels`."""

    code: ClassVar[str] = "image_rejected"
    status: ClassVar[int] = 422


class AlreadyVoided(AppError):
    """The entry has been undone before."""

    code: ClassVar[str] = "already_voided"
    status: ClassVar[int] = 409


class NotVoidable(AppError):
    """Entries of this kind can't be undone by a void."""

    code: ClassVar[str] = "not_voidable"
    status: ClassVar[int] = 409


class VoidWindowPassed(AppError):
    """The entry is too old to be undone. Params: `days`, the window."""

    code: ClassVar[str] = "void_window_passed"
    status: ClassVar[int] = 409


class PinInUse(AppError):
    """Another active member of staff has this PIN."""

    code: ClassVar[str] = "pin_in_use"
    status: ClassVar[int] = 409


class QuotaExceeded(AppError):
    """The merchant's plan is full. Params: `quota` (name), `limit`."""

    code: ClassVar[str] = "quota_exceeded"
    status: ClassVar[int] = 409


class IdempotencyKeyReused(AppError):
    """The idempotency key already stands for another request."""

    code: ClassVar[str] = "idempotency_key_reused"
    status: ClassVar[int] = 422


class WeakPin(AppError):
    """The PIN is too easy to guess."""

    code: ClassVar[str] = "weak_pin"
    status: ClassVar[int] = 422


class AmountTooLarge(AppError):
    """A number, or the sum it leads to, is beyond the documented maximum. Params: `maximum`."""

    code: ClassVar[str] = "amount_too_large"
    status: ClassVar[int] = 422


class WalletNotConfigured(AppError):
    """This wallet is not offered, or its setup is not in order at the moment."""

    code: ClassVar[str] = "wallet_not_configured"
    status: ClassVar[int] = 503
