"""Wallets in words: for staff what became of a card, for admins what is wrong with the set-up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request

from app.core.i18n import Translator
from app.core.web.context import translator_of
from app.modules.loyalty.schemas.cards import StaffCardResponse
from app.modules.loyalty.schemas.wallet import CardWallet, SetupFault, WalletStatusResponse
from app.modules.loyalty.services.staff_card import StaffCard
from app.modules.loyalty.services.wallet_report import Fault
from app.modules.loyalty.services.wallet_status import WalletStatus
from app.modules.loyalty.services.wallet_views import PassStanding
from app.modules.loyalty.types import PassState


def card_wallets(request: Request, standings: Iterable[PassStanding]) -> list[CardWallet]:
    """A card in each wallet, with a sentence for staff; the vendor's own words are for admins."""
    translator = translator_of(request)
    return [CardWallet(**one, message=_sentence(translator, one)) for one in standings]


def staff_card_answer(request: Request, card: StaffCard) -> StaffCardResponse:
    """The card as the API shows it to staff."""
    wallets = card_wallets(request, card["wallets"])
    return StaffCardResponse.model_validate({**card, "wallets": wallets})


def wallet_status_answer(request: Request, status: WalletStatus) -> WalletStatusResponse:
    """The wallets' health, with causes and cures in words."""
    translator = translator_of(request)
    vendors: list[dict[str, Any]] = []
    for vendor in status["vendors"]:
        setup = vendor["setup"]
        problem = setup["problem"]
        worded = {
            **setup,
            "problem": problem and _fault(translator, problem),
            "warnings": [_fault(translator, warning) for warning in setup["warnings"]],
        }
        vendors.append({**vendor, "setup": worded})
    return WalletStatusResponse.model_validate({**status, "vendors": vendors})


def _sentence(translator: Translator, standing: PassStanding) -> str:
    word = standing["state"].value
    if standing["state"] is PassState.WAITING and standing["last_error"]:
        word = "failing"
    elif standing["state"] is PassState.CURRENT and standing["held"]:
        word = "held"
    return translator.t(f"loyalty.wallet.state.{word}")


def _fault(translator: Translator, fault: Fault) -> SetupFault:
    text = translator.t(f"loyalty.wallet.setup.{fault['cause']}", **fault["params"])
    return SetupFault(cause=fault["cause"], message=text)
