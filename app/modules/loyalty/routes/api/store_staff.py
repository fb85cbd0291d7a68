"""/store/loyalty/pins and /terminals: who works where."""

from __future__ import annotations

from fastapi import APIRouter

from app.core.web.db import Db
from app.core.web.headers import Id
from app.core.web.problem import answers
from app.modules.loyalty.errors import (
    CardNotFound,
    InvalidStaffPin,
    PinInUse,
    PinNotFound,
    StaffPinLocked,
    TerminalLocked,
    WeakPin,
)
from app.modules.loyalty.routes.api.answers import AT_A_STORE, READS, WRITES
from app.modules.loyalty.routes.deps import CounterCaller, ManagerCaller, UnlockCaller
from app.modules.loyalty.schemas.pins import (
    PinCreate,
    PinList,
    PinResponse,
    PinUpdate,
    PinVerifiedResponse,
    PinVerifyRequest,
    TerminalList,
)
from app.modules.loyalty.services import pin_service, staff_scope
from app.modules.loyalty.services.staff_scope import TerminalLine
from app.modules.loyalty.types import PinVerified, PinView
from app.modules.tenancy.errors import TerminalNotFound
from app.modules.tenancy.routes.deps import CurrentManager
from app.modules.tenancy.services import terminal_service

router = APIRouter(prefix="/store/loyalty", tags=["Staff"])
_CHANGES = answers(*WRITES, PinNotFound, WeakPin, PinInUse, CardNotFound)


@router.get("/pins", response_model=PinList, responses=answers(*READS))
def list_pins(db: Db, caller: ManagerCaller) -> dict[str, list[PinView]]:
    """The members of staff. A store's manager sees those who serve there."""
    return {"items": staff_scope.pins_in_reach(db, caller)}


@router.post(
    "/pins",
    status_code=201,
    response_model=PinResponse,
    responses=answers(*WRITES, WeakPin, PinInUse, CardNotFound),
)
def create_pin(db: Db, caller: ManagerCaller, body: PinCreate) -> PinView:
    """Give a member of staff a PIN."""
    staff_scope.check_place_in_reach(caller, store_id=body.store_id)
    return pin_service.create_pin(db, merchant_id=caller.merchant_id, data=body, caller=caller)


@router.post(
    "/pins/verify",
    response_model=PinVerifiedResponse,
    responses=answers(*AT_A_STORE, InvalidStaffPin, StaffPinLocked, TerminalLocked),
)
def verify_pin(db: Db, caller: CounterCaller, body: PinVerifyRequest) -> PinVerified:
    """Check a PIN; wrong tries count. Opens a PIN session where the program allows them."""
    return pin_service.verify_pin(db, caller=caller, **body.model_dump())


@router.patch("/pins/{pin_id}", response_model=PinResponse, responses=_CHANGES)
def update_pin(db: Db, caller: ManagerCaller, pin_id: Id, body: PinUpdate) -> PinView:
    """Change a member of staff; their open PIN sessions end."""
    staff_scope.check_pin_in_reach(db, caller, pin_id=pin_id)
    if "store_id" in body.model_fields_set:
        staff_scope.check_place_in_reach(caller, store_id=body.store_id)
    return pin_service.update_pin(
        db, merchant_id=caller.merchant_id, pin_id=pin_id, data=body, caller=caller
    )


@router.delete("/pins/{pin_id}", status_code=204, responses=answers(*WRITES, PinNotFound))
def delete_pin(db: Db, caller: ManagerCaller, pin_id: Id) -> None:
    """Take a PIN out of use for good; the name stays in the ledger."""
    staff_scope.check_pin_in_reach(db, caller, pin_id=pin_id)
    pin_service.delete_pin(db, merchant_id=caller.merchant_id, pin_id=pin_id, caller=caller)


@router.post(
    "/pins/{pin_id}/unlock", response_model=PinResponse, responses=answers(*WRITES, PinNotFound)
)
def unlock_pin(db: Db, caller: UnlockCaller, pin_id: Id) -> PinView:
    """End the lock that too many wrong tries brought."""
    staff_scope.check_pin_in_reach(db, caller, pin_id=pin_id)
    return pin_service.unlock_pin(db, merchant_id=caller.merchant_id, pin_id=pin_id, caller=caller)


@router.get("/terminals", response_model=TerminalList, responses=answers(*READS))
def list_terminals(db: Db, caller: ManagerCaller) -> dict[str, list[TerminalLine]]:
    """The devices at the counters, the last used first."""
    return {"items": staff_scope.terminals_in_reach(db, caller)}


@router.delete(
    "/terminals/{terminal_id}", status_code=204, responses=answers(*WRITES, TerminalNotFound)
)
def revoke_terminal(
    db: Db, caller: ManagerCaller, principal: CurrentManager, terminal_id: Id
) -> None:
    """Make a device a stranger: whoever holds it has to sign in again."""
    staff_scope.check_terminal_in_reach(db, caller, terminal_id=terminal_id)
    terminal_service.revoke_terminal(
        db,
        merchant_id=caller.merchant_id,
        terminal_id=terminal_id,
        principal=principal,
        ip_address=caller.ip_address,
        request_id=caller.request_id,
    )


@router.post(
    "/terminals/{terminal_id}/unlock",
    status_code=204,
    responses=answers(*WRITES, TerminalNotFound),
)
def unlock_terminal(db: Db, caller: UnlockCaller, terminal_id: Id) -> None:
    """Let PINs be typed on a device again after too many wrong ones."""
    staff_scope.check_terminal_in_reach(db, caller, terminal_id=terminal_id)
    pin_service.unlock_terminal(
        db, merchant_id=caller.merchant_id, terminal_id=terminal_id, caller=caller
    )
