"""/admin/loyalty: all programs, the platform's statistics, and each merchant's settings."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from app.core.errors import CsrfFailed, Forbidden, Unauthenticated, Unavailable, ValidationFailed
from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.pagination import PageQuery
from app.core.web.problem import answers
from app.modules.loyalty.errors import ProgramNotFound
from app.modules.loyalty.routes.api.answers import json_answer
from app.modules.loyalty.routes.api.store_stats import Days
from app.modules.loyalty.routes.deps import caller_of
from app.modules.loyalty.schemas.admin import (
    AdminProgramResponse,
    PlatformStats,
    PlatformStatsResponse,
    ProgramList,
    SettingsResponse,
    SettingsUpdate,
    SettingsView,
)
from app.modules.loyalty.schemas.stats import StatsResponse
from app.modules.loyalty.services import platform_stats, settings_service, stats_service
from app.modules.loyalty.services.platform_stats import ProgramDetail, ProgramPage, ProgramSort
from app.modules.loyalty.types import LoyaltyType
from app.modules.tenancy.errors import MerchantNotFound
from app.modules.tenancy.routes.deps import CurrentAdmin
from app.modules.tenancy.types import MerchantStatus

router = APIRouter(prefix="/admin/loyalty", tags=["Administration"])
_READS = (Unauthenticated, Forbidden, Unavailable, ValidationFailed)
Type = Annotated[LoyaltyType | None, Query(description="Only programs of this type.")]
IsActive = Annotated[bool | None, Query(description="Only programs that are (not) switched on.")]
Status = Annotated[
    MerchantStatus | None, Query(description="Only programs of merchants with this status.")
]
Sort = Annotated[
    ProgramSort,
    Query(description="`name`: A to Z; `cards`, `activity` (active cards): the largest first."),
]


@router.get("/programs", response_model=ProgramList, responses=answers(*_READS))
def list_programs(
    db: Db,
    _admin: CurrentAdmin,
    page: PageQuery,
    loyalty_type: Type = None,
    is_active: IsActive = None,
    merchant_status: Status = None,
    sort: Sort = ProgramSort.NAME,
) -> ProgramPage:
    """All programs with the figures of their last 30 days, as of the last roll-up."""
    return platform_stats.list_programs(
        db,
        loyalty_type=loyalty_type,
        is_active=is_active,
        merchant_status=merchant_status,
        sort=sort,
        page=page,
    )


@router.get(
    "/programs/{program_id}",
    response_model=AdminProgramResponse,
    responses=answers(*_READS, ProgramNotFound),
)
def get_program(db: Db, _admin: CurrentAdmin, program_id: Id) -> ProgramDetail:
    """One program with its figures and its rules."""
    return platform_stats.get_program(db, program_id=program_id)


@router.get(
    "/programs/{program_id}/stats",
    response_model=StatsResponse,
    responses=answers(*_READS, ProgramNotFound),
)
def get_program_stats(db: Db, _admin: CurrentAdmin, program_id: Id, days: Days = 30) -> Response:
    """What the program's owner sees under `/store/loyalty/stats`, all stores together."""
    program = platform_stats.get_program(db, program_id=program_id)
    view = stats_service.store_stats(db, merchant_id=program["merchant_id"], days=days)
    return json_answer(cast(dict[str, Any], view))


@router.get("/stats", response_model=PlatformStatsResponse, responses=answers(*_READS))
def get_platform_stats(db: Db, _admin: CurrentAdmin, days: Days = 30) -> PlatformStats:
    """The whole platform, as of the last roll-ups."""
    return platform_stats.platform_stats(db, days=days)


@router.get(
    "/merchants/{merchant_id}/settings",
    response_model=SettingsResponse,
    responses=answers(*_READS, MerchantNotFound),
)
def get_settings(db: Db, _admin: CurrentAdmin, merchant_id: Id) -> SettingsView:
    """What the platform decides for a merchant, above its program."""
    return settings_service.get_settings(db, merchant_id=merchant_id)


@router.patch(
    "/merchants/{merchant_id}/settings",
    response_model=SettingsResponse,
    responses=answers(*_READS, CsrfFailed, MerchantNotFound),
)
def update_settings(
    request: Request, db: Db, admin: CurrentAdmin, merchant_id: Id, body: SettingsUpdate
) -> SettingsView:
    """Change what the platform decides for a merchant; it counts at once."""
    caller = caller_of(request, admin, merchant_id=merchant_id, store_id=None)
    return settings_service.update_settings(db, merchant_id=merchant_id, data=body, caller=caller)
