"""The sentences on a pass, in one language: the same in every wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.core.i18n import Translator
from app.modules.loyalty.config import texts
from app.modules.loyalty.rules.pass_view import PassView

LANGUAGES: Final = ("en", "fr", "de", "lb")


@dataclass(frozen=True, slots=True)
class PassTexts:
    """What a pass says in `language`. Empty texts are not shown.

    `labels` are short words by key (`stamps`, `points`, `ready`, `expires` …); `stamps` is the
    balance as "7/10", `points` written as the language writes numbers. `stamps_rest` and
    `points_rest` say what is left until the next reward, or that it is there. `ready` lists
    what can be had now. `notice` is what the holder should know: on hold, replaced, owed …
    """

    language: str
    labels: dict[str, str]
    description: str
    stamps: str
    points: str
    stamps_rest: str
    points_rest: str
    ready: str
    expires: str
    notice: str


_LABELS: Final = (
    "stamps", "points", "reward", "ready", "member", "card_number", "expires", "terms",
    "privacy", "online", "next", "notice",
)  # fmt: skip


def pass_texts(view: PassView, language: str) -> PassTexts:
    """The texts of `view` in one of `LANGUAGES`.

    Source: product rule "Passes", docs/rules.md.
    """
    words = texts().translator(language)
    grid, points, on = view.grid, view.points, view.points_expire_on
    return PassTexts(
        language=language,
        labels={key: words.t(f"loyalty.pass.{key}") for key in _LABELS},
        description=words.t(
            "loyalty.pass.description",
            card_name=view.design.card_name,
            merchant=view.design.merchant_name,
        ),
        stamps=f"{grid['filled']}/{grid['target']}" if grid else "",
        points=words.number(points["shown"]) if points else "",
        stamps_rest=_stamps_rest(view, words),
        points_rest=_points_rest(view, words),
        ready=_ready(view),
        expires=words.date(on, style="long") if on else "",
        notice=_notice(view, words),
    )


def near_store(view: PassView, store: str, language: str) -> str:
    """What the lock screen says near a shop."""
    words = texts().translator(language)
    return words.t("loyalty.pass.near", card_name=view.design.card_name, store=store)


def _stamps_rest(view: PassView, words: Translator) -> str:
    grid = view.grid
    if grid is None:
        return ""
    if grid["rewards_ready"]:
        return words.t("loyalty.pass.reward_ready", reward=view.card_reward)
    return words.t("loyalty.pass.stamps_left", missing=grid["missing"], reward=view.card_reward)


def _points_rest(view: PassView, words: Translator) -> str:
    points = view.points
    if points is None:
        return ""
    if points["ready"]:
        return words.t("loyalty.pass.reward_ready", reward=points["ready"][0]["name"])
    goal = points["goal"]
    if goal is None:
        return ""
    missing = goal["points_missing"]
    return words.t("loyalty.pass.points_left", missing=missing, reward=goal["name"])


def _ready(view: PassView) -> str:
    names = [line["name"] for line in view.points["ready"]] if view.points else []
    rows = view.grid["rewards_ready"] if view.grid else 0
    if rows:
        names.insert(0, view.card_reward if rows == 1 else f"{rows} x {view.card_reward}")
    return ", ".join(names)


def _notice(view: PassView, words: Translator) -> str:
    if view.ended is not None:
        return words.t(f"loyalty.pass.{view.ended.value}")
    if view.is_suspended:
        return words.t("loyalty.pass.suspended")
    said = []
    for unit, holding in (("stamps", view.grid), ("points", view.points)):
        if holding and holding["owed"]:
            said.append(words.t(f"loyalty.pass.{unit}_owed", owed=holding["owed"]))
    if not view.design.is_active:
        said.append(words.t("loyalty.pass.program_ended"))
    return " ".join(said)
