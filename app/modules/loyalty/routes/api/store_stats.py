"""/store/loyalty/stats: what happened in the shop."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.core.errors import ValidationFailed
from app.core.web.db import Db
from app.core.web.problem import answers
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.routes.api.answers import READS, json_answer
from app.modules.loyalty.routes.deps import ManagerCaller
from app.modules.loyalty.schemas.stats import StatsResponse
from app.modules.loyalty.services import stats_service
from app.modules.tenancy.errors import StoreNotFound
from app.modules.tenancy.services import store_service

router = APIRouter(prefix="/store/loyalty", tags=["Statistics"])
Days = Annotated[
    int,
    Query(ge=1, le=stats_service.MOST_DAYS, description="How many business days, today included."),
]
StoreQuery = Annotated[
    str | None,
    Query(min_length=1, max_length=63, description="The code of one store; without it, all."),
]


@router.get(
    "/stats",
    response_model=StatsResponse,
    responses=answers(*READS, ValidationFailed, ProgramNotFound),
)
def get_stats(db: Db, caller: ManagerCaller, days: Days = 30, store: StoreQuery = None) -> Response:
    """Statistics by business day, with the same number of days before to compare.

    Who is bound to one store sees that store. Counted as of this moment.
    """
    store_id = caller.store_id
    if store is not None:
        named = store_service.get_store_by_code(db, merchant_id=caller.merchant_id, code=store)
        if store_id not in (None, named.id):
            raise StoreNotFound
        store_id = named.id
    view = stats_service.store_stats(
        db, merchant_id=caller.merchant_id, days=days, store_id=store_id
    )
    return json_answer(cast(dict[str, Any], view))
