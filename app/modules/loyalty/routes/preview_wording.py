"""Whom a change of the program touches, in sentences for its owner."""

from __future__ import annotations

from app.core.i18n import Translator
from app.modules.loyalty.services.program_preview import ProgramPreview


def preview_sentences(translator: Translator, preview: ProgramPreview) -> list[str]:
    """What is worth knowing before the change is saved; always at least one sentence."""
    says, on = translator.t, preview["earliest_expiry_on"]
    said: list[str] = []
    if preview["cards_changed"] or preview["cards_keeping_target"]:
        said.append(says("loyalty.preview.open", count=preview["open_cards"]))
    if count := preview["cards_changed"]:
        said.append(says("loyalty.preview.changed", count=count))
    if count := preview["rewards_ready"]:
        said.append(says("loyalty.preview.reward_ready", count=count))
    if count := preview["cards_keeping_target"]:
        said.append(says("loyalty.preview.keeping", count=count))
    if on is not None:
        count, date = preview["cards_expiring_sooner"], translator.date(on)
        said.append(says("loyalty.preview.expiring", count=count, date=date))
    if count := preview["cards_stop_earning"]:
        said += [
            says(f"loyalty.preview.stop_{unit}", count=count) for unit in preview["stops_earning"]
        ]
    return said or [says("loyalty.preview.untouched")]
