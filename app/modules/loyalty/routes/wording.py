"""What an operation did, in a sentence or two for the people at the counter."""

from __future__ import annotations

from app.core.i18n import Translator
from app.modules.loyalty.services.refund_service import RefundResult
from app.modules.loyalty.types import EntryType, PointsResult, StampResult


def stamp_message(translator: Translator, result: StampResult) -> str:
    """The result of a stamp operation in the translator's language."""
    if result["duplicate"]:
        return f"{translator.t('loyalty.result.duplicate')} {_next(translator, result)}"
    return f"{_done(translator, result)} {_next(translator, result)}"


def points_message(translator: Translator, result: PointsResult) -> str:
    """The result of a points operation in the translator's language."""
    is_duplicate = result["duplicate"]
    done = translator.t("loyalty.result.duplicate") if is_duplicate else _paid(translator, result)
    return f"{done} {_balance(translator, result['points_balance'])}"


def refund_message(translator: Translator, result: RefundResult) -> str:
    """What a refund took back, and whether a card owes something now."""
    amount, taken = result["refunded_cents"], []
    if result["points_taken_back"]:
        points = result["points_taken_back"]
        taken.append(translator.t("loyalty.result.points_refunded", points=points))
    if result["stamps_taken_back"]:
        stamps = result["stamps_taken_back"]
        taken.append(translator.t("loyalty.result.stamps_refunded", stamps=stamps))
    if not taken:
        taken.append(translator.t("loyalty.result.nothing_refunded"))
    if any(card["points_balance"] < 0 or card["stamp_count"] < 0 for card in result["cards"]):
        taken.append(translator.t("loyalty.result.refund_owes"))
    if amount is not None:
        money = translator.money(amount, result["currency"])
        taken.insert(0, translator.t("loyalty.result.refund_of", amount=money))
    return " ".join(taken)


def _paid(translator: Translator, result: PointsResult) -> str:
    points, reward = abs(result["points_delta"]), result["reward_description"]
    match result["type"]:
        case EntryType.POINTS_EARNED:
            key = "points_earned"
        case EntryType.POINTS_REDEEMED if reward:
            return translator.t("loyalty.result.stamp_redeemed", reward=reward)
        case EntryType.POINTS_REDEEMED:
            key = "points_redeemed"
        case EntryType.POINTS_VOIDED if result["points_delta"] < 0:
            key = "points_taken_back"
        case EntryType.POINTS_VOIDED | EntryType.POINTS_REINSTATED:
            key = "points_given_back"
        case _:
            key = "points_added" if result["points_delta"] > 0 else "points_taken"
    return translator.t(f"loyalty.result.{key}", points=points)


def _balance(translator: Translator, points: int) -> str:
    if points < 0:
        return translator.t("loyalty.result.points_owed", points=-points)
    return translator.t("loyalty.result.points_balance", points=points)


def _done(translator: Translator, result: StampResult) -> str:
    stamps, reward = abs(result["quantity"]), result["reward_description"]
    is_plus = result["quantity"] > 0
    match result["type"]:
        case EntryType.STAMP_EARNED:
            return translator.t("loyalty.result.stamp_earned", stamps=stamps)
        case EntryType.STAMP_REDEEMED if reward:
            return translator.t("loyalty.result.stamp_redeemed", reward=reward)
        case EntryType.STAMP_REDEEMED:
            return translator.t("loyalty.result.reward_given")
        case EntryType.STAMP_VOIDED:
            key = "given_back" if is_plus else "taken_back"
        case _:
            key = "added" if is_plus else "taken"
    return translator.t(f"loyalty.result.{key}", stamps=stamps)


def _next(translator: Translator, result: StampResult) -> str:
    if not result["rewards_available"] or result["type"] == EntryType.STAMP_REDEEMED:
        return translator.t("loyalty.result.until_reward", missing=result["stamps_until_reward"])
    if result["reward_description"]:
        return translator.t("loyalty.result.reward_ready", reward=result["reward_description"])
    return translator.t("loyalty.result.reward_ready_unnamed")
