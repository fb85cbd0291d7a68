"""What an operation did, in a sentence or two for the people at the counter."""

from __future__ import annotations

from app.core.i18n import Translator
from app.modules.loyalty.types import EntryType, StampResult


def stamp_message(translator: Translator, result: StampResult) -> str:
    """The result of a stamp operation in the translator's language."""
    return f"{_done(translator, result)} {_next(translator, result)}"


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
