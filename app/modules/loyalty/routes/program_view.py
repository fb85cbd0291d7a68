"""The program as its owner gets it: with what became of pictures on other sites."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from app.core.i18n import Translator
from app.core.web.context import translator_of
from app.core.web.db import Db
from app.modules.loyalty.schemas.picture_fetch import PictureFetch
from app.modules.loyalty.schemas.program import ProgramResponse
from app.modules.loyalty.schemas.wallet import WalletAvailability
from app.modules.loyalty.services import image_wishes, program_service, wallet_service
from app.modules.loyalty.services.image_wishes import ImageFetch

if TYPE_CHECKING:
    from app.modules.loyalty.models import LoyaltyProgram


def program_answer(
    request: Request, db: Db, response: Response, program: LoyaltyProgram
) -> ProgramResponse:
    """The answer to whoever reads or writes the program; sets its `ETag`."""
    translator = translator_of(request)
    fetches = image_wishes.open_fetches(db, merchant_id=program.merchant_id)
    failed = [kind.value for kind, fetch in fetches.items() if fetch["state"] == "failed"]
    # That a fetch failed is no change of the program, but its answer says so, in words.
    wallet = wallet_service.available()
    facts = [*failed, translator.language] if failed else []
    facts += [name for name, offered in wallet.items() if offered]
    response.headers["ETag"] = program_service.etag(program, *facts)
    shown: dict[str, Any] = {"wallet": WalletAvailability.model_validate(wallet)}
    shown |= {f"{kind}_fetch": _shown(translator, fetch) for kind, fetch in fetches.items()}
    return ProgramResponse.model_validate(program).model_copy(update=shown)


def _shown(translator: Translator, fetch: ImageFetch) -> PictureFetch:
    reason = fetch["reason"]
    message = reason and translator.t(f"loyalty.picture_fetch.{reason}")
    return PictureFetch(**fetch, message=message)
