"""Merchants and their stores: made, found, and remembered for a few seconds."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, read_connection
from app.core.errors import FieldError, ValidationFailed
from app.modules.tenancy.errors import MerchantNotFound, StoreNotFound, StoreRequired
from app.modules.tenancy.models import Merchant, Store
from app.modules.tenancy.rules import places
from app.modules.tenancy.rules.positions import check_position
from app.modules.tenancy.services.short_cache import ShortCache
from app.modules.tenancy.types import MerchantContext, MerchantStatus, StoreContext

_STORES: ShortCache[StoreContext] = ShortCache()
_MERCHANTS: ShortCache[MerchantContext] = ShortCache()


def create_merchant(
    db: Session,
    *,
    name: str,
    currency: str = "EUR",
    locale: str = "en",
    status: MerchantStatus = MerchantStatus.ACTIVE,
    now: datetime | None = None,
) -> Merchant:
    """Make a merchant.

    Raises:
        ValidationFailed: name, currency (ISO 4217) or language.
    """
    merchant = Merchant(
        name=places.check_name(name),
        currency=places.check_currency(currency),
        locale=places.check_language(locale),
        status=status.value,
        created_at=now or utc_now(),
    )
    with atomic(db):
        db.add(merchant)
        db.flush()
    return merchant


def create_store(  # noqa: PLR0913 - a store has that many facts, most with a default
    db: Session,
    *,
    merchant_id: int,
    code: str,
    name: str,
    city: str = "",
    timezone: str = "Europe/Luxembourg",
    day_starts_at: time = time(0),
    country: str = "LU",
    locale: str = "en",
    latitude_e6: int | None = None,
    longitude_e6: int | None = None,
    now: datetime | None = None,
) -> Store:
    """Make a store of a merchant. `day_starts_at` is local, 12:00 at the latest.

    Latitude and longitude are millionths of a degree: phones show the pass nearby.

    Raises:
        ValidationFailed: a field makes no sense, or another store has the code.
        MerchantNotFound.
    """
    check_position(latitude_e6, longitude_e6)
    store = Store(
        merchant_id=merchant_id,
        code=places.check_store_code(code),
        name=places.check_name(name),
        city=places.check_name(city, field="city") if city else "",
        timezone=places.check_timezone(timezone),
        day_starts_at=places.check_day_start(day_starts_at),
        country=places.check_country(country),
        locale=places.check_language(locale),
        latitude_e6=latitude_e6,
        longitude_e6=longitude_e6,
        created_at=now or utc_now(),
    )
    get_merchant(db, merchant_id=merchant_id)
    try:
        with atomic(db):
            db.add(store)
            db.flush()
    except IntegrityError:  # the merchant exists and nothing else is unique
        raise ValidationFailed(FieldError(("code",), "store_code_taken")) from None
    return store


def get_merchant(db: Session, *, merchant_id: int) -> Merchant:
    """One merchant.

    Raises:
        MerchantNotFound.
    """
    merchant = db.execute(select(Merchant).where(Merchant.id == merchant_id)).scalar_one_or_none()
    if merchant is None:
        raise MerchantNotFound
    return merchant


def get_store(db: Session, *, merchant_id: int, store_id: int) -> Store:
    """One store of a merchant.

    Raises:
        StoreNotFound: also where another merchant has it.
    """
    return _one(db, select(Store).where(Store.merchant_id == merchant_id, Store.id == store_id))


def get_store_by_code(db: Session, *, merchant_id: int, code: str) -> Store:
    """One store of a merchant by its code; letters count without case.

    Raises:
        StoreNotFound: as `get_store`.
    """
    wanted = select(Store).where(Store.merchant_id == merchant_id, Store.code == code.lower())
    return _one(db, wanted)


def list_stores(db: Session, *, merchant_id: int) -> list[Store]:
    """All stores of a merchant, by name."""
    wanted = select(Store).where(Store.merchant_id == merchant_id)
    return list(db.execute(wanted.order_by(Store.name, Store.id)).scalars())


def remembered_store(
    db: Session,
    *,
    merchant_id: int | None = None,
    store_id: int | None = None,
    code: str | None = None,
    now: datetime,
) -> StoreContext | None:
    """As `find_store`, from memory only: no I/O; None where it must be looked up."""
    return _STORES.get(db, (merchant_id, store_id, code), now=now)


def find_store(
    db: Session,
    *,
    merchant_id: int | None = None,
    store_id: int | None = None,
    code: str | None = None,
    now: datetime | None = None,
) -> StoreContext:
    """The store meant by what is known of it; remembered for 5 seconds.

    Without `store_id` and `code`: the only one there is. Without `merchant_id` the whole
    platform is searched, as a storefront does.

    Raises:
        StoreNotFound: there is none, or it is another merchant's.
        StoreRequired: there are several.
    """
    now = now or utc_now()
    known = remembered_store(db, merchant_id=merchant_id, store_id=store_id, code=code, now=now)
    if known is not None:
        return known
    with read_connection(db) as connection:
        rows = connection.execute(_matching(merchant_id, store_id, code)).all()
    if len(rows) > 1:
        raise StoreRequired
    if not rows:
        raise StoreNotFound
    store = _context_of(rows[0])
    _STORES.put(db, (merchant_id, store_id, code), store, now=now)
    return store


def remembered_merchant(db: Session, *, merchant_id: int, now: datetime) -> MerchantContext | None:
    """As `find_merchant`, from memory only: no I/O."""
    return _MERCHANTS.get(db, merchant_id, now=now)


def find_merchant(db: Session, *, merchant_id: int, now: datetime | None = None) -> MerchantContext:
    """What requests need of a merchant; remembered for 5 seconds.

    Raises:
        MerchantNotFound.
    """
    now = now or utc_now()
    known = remembered_merchant(db, merchant_id=merchant_id, now=now)
    if known is not None:
        return known
    columns = (Merchant.id, Merchant.name, Merchant.status, Merchant.currency, Merchant.locale)
    with read_connection(db) as connection:
        row = connection.execute(select(*columns).where(Merchant.id == merchant_id)).one_or_none()
    if row is None:
        raise MerchantNotFound
    merchant = MerchantContext(
        row.id, row.name, MerchantStatus(row.status), row.currency, row.locale
    )
    _MERCHANTS.put(db, merchant_id, merchant, now=now)
    return merchant


def _one(db: Session, wanted: Select[Store]) -> Store:
    store = db.execute(wanted).scalar_one_or_none()
    if store is None:
        raise StoreNotFound
    return store


def _matching(
    merchant_id: int | None, store_id: int | None, code: str | None
) -> Select[*tuple[Any, ...]]:
    wanted: Select[*tuple[Any, ...]] = select(
        Store,
        Merchant.name.label("merchant_name"),
        Merchant.status.label("merchant_status"),
        Merchant.currency.label("currency"),
    ).join(Merchant, Merchant.id == Store.merchant_id)
    if merchant_id is None:
        wanted = wanted.execution_options(tenant_exempt="a storefront is found by code alone")
    else:
        wanted = wanted.where(Store.merchant_id == merchant_id)
    if store_id is not None:
        wanted = wanted.where(Store.id == store_id)
    if code is not None:
        wanted = wanted.where(Store.code == code.lower())
    return wanted.limit(2)


def _context_of(row: Row[*tuple[Any, ...]]) -> StoreContext:
    return StoreContext(
        merchant_id=row.merchant_id,
        store_id=row.id,
        code=row.code,
        name=row.name,
        city=row.city,
        timezone=row.timezone,
        day_starts_at=row.day_starts_at,
        country=row.country,
        locale=row.locale,
        merchant_name=row.merchant_name,
        merchant_status=MerchantStatus(row.merchant_status),
        currency=row.currency,
    )
