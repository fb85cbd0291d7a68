"""/store/loyalty/transactions: the merchant's whole ledger."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.core.errors import ValidationFailed
from app.core.web.db import Db
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.modules.loyalty.routes.api.answers import READS
from app.modules.loyalty.routes.deps import ManagerCaller
from app.modules.loyalty.schemas.fields import LARGEST_INTEGER, day_text
from app.modules.loyalty.schemas.transactions import StaffEntryList
from app.modules.loyalty.services import ledger_csv, ledger_lists
from app.modules.loyalty.services.ledger_lists import EntryPage
from app.modules.loyalty.services.ledger_selects import LedgerFilter
from app.modules.loyalty.types import EntryType
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.services import store_service

router = APIRouter(prefix="/store/loyalty", tags=["Ledger"])
_CSV: Final = "text/csv"
_AS_FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page; with `Accept: text/csv` the whole as a file (UTF-8 with a byte "
        "order mark), in which texts that a spreadsheet would calculate begin with `'`.",
        "content": {_CSV: {"schema": {"type": "string"}}},
    }
}
Day = Annotated[date | None, BeforeValidator(day_text)]
QueryId = Annotated[int | None, Query(ge=1, le=LARGEST_INTEGER)]


def ledger_filter(  # noqa: PLR0913 - one for each filter
    db: Db,
    caller: ManagerCaller,
    type: Annotated[EntryType | None, Query()] = None,
    store: Annotated[
        str | None, Query(min_length=1, max_length=63, description="Its code.")
    ] = None,
    card_id: QueryId = None,
    staff_pin_id: QueryId = None,
    first_day: Annotated[Day, Query(alias="from", description="A business day, included.")] = None,
    last_day: Annotated[Day, Query(alias="to", description="A business day, included.")] = None,
    order_reference: Annotated[str | None, Query(min_length=1, max_length=64)] = None,
) -> LedgerFilter:
    """Which entries are wanted. Who is bound to one store sees that store's."""
    store_id = caller.store_id
    if store is not None:
        named = store_service.get_store_by_code(db, merchant_id=caller.merchant_id, code=store)
        if store_id not in (None, named.id):
            raise StoreNotFound
        store_id = named.id
    return LedgerFilter(type, store_id, card_id, staff_pin_id, first_day, last_day, order_reference)


Wanted = Annotated[LedgerFilter, Depends(ledger_filter)]


@router.get(
    "/transactions",
    response_model=StaffEntryList,
    responses={**_AS_FILE, **answers(*READS, ValidationFailed)},
)
def list_ledger(
    request: Request, db: Db, caller: ManagerCaller, wanted: Wanted, page: PageQuery
) -> EntryPage | Response:
    """The merchant's ledger, the entry recorded last first; `Accept: text/csv` for all as a file.

    Names of members of staff who have left included. Taking the file stands in the audit log.
    """
    if _CSV in request.headers.get("accept", ""):
        lines = ledger_csv.export_ledger(db, caller=caller, wanted=wanted)
        name = {"Content-Disposition": 'attachment; filename="transactions.csv"'}
        return StreamingResponse(lines, media_type=f"{_CSV}; charset=utf-8", headers=name)
    return ledger_lists.list_ledger(
        db,
        merchant_id=caller.merchant_id,
        wanted=wanted,
        limit=page.limit,
        cursor=page.cursor,
        include_total=page.include_total,
    )
