"""Two shops to try the platform with: believable, repeatable, made through the services."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.core import clock
from app.modules.customers.rules.names import search_text
from app.modules.loyalty.schemas.pins import PinCreate
from app.modules.loyalty.schemas.program import ProgramCreate, StampIcon
from app.modules.loyalty.schemas.rewards import RewardCreate
from app.modules.loyalty.services import (
    card_service,
    pin_service,
    points_service,
    program_service,
    reward_service,
    stamp_service,
)
from app.modules.loyalty.services.counter_request import CounterOptions
from app.modules.loyalty.types import Caller
from app.modules.tenancy.errors import StoreNotFound, StoreRequired
from app.modules.tenancy.services import store_service, user_service

PASSWORD = "orion-demo-2026"  # noqa: S105 - printed at the start, for the demo alone
CASHIER_PIN = "4826"
MANAGER_PIN = "715093"

_ZONE = ZoneInfo("Europe/Luxembourg")
_DAYS = 75
_HABITS = (0.08, 0.2, 0.35, 0.6)  # how likely somebody comes on a day
_PEOPLE = (
    "Anna Weber", "Tom Kieffer", "Zoé Muller", "Luc Strasser", "Marie Hoffmann", "Paul Schmitz",
    "Léa Thill", "Ben Wagner", "Sophie Klein", "Jang Reuter", "Claire Dupont", "Max Becker",
    "Inês Ferreira", "João da Silva", "Nora Steffen", "Pit Faber", "Julie Martin", "Yann Lefèvre",
    "Elena Rossi", "Marco Bianchi", "Sarah O'Brien", "Noah Meyer", "Emma Fischer",
    "Liam Schneider", "Mia Braun", "Charel Wolff", "Fabienne Gillen", "Karim Haddad",
    "Olga Novak", "Hanna Lindqvist", "Tiago Santos", "Anouk Peters", "Gilles Mersch",
    "Martine Biver", "Steve Hansen", "Carole Welter", "Dan Kremer", "Lynn Schiltz", "Ravi Patel",
    "Chiara Conti", "Jos Engel", "Eva Horn",
)  # fmt: skip


# What points buy at the bakery: name, cost in points, worth in cents.
_BREADS = (
    ("Baguette", 250, 160), ("Loaf of bread", 600, 420), ("Box of six croissants", 1200, 990),
)  # fmt: skip


# Who stopped coming, so that their points run out soon, and who spent points of a cancelled order.
_LAPSED = frozenset({"Carole Welter", "Ravi Patel"})
_INDEBTED = "Eva Horn"


@dataclass
class _Balance:
    """A card and what is on it."""

    card_id: int
    stamps: int = 0
    points: int = 0


@dataclass(frozen=True)
class _Shop:
    """`rewards` are costs by id of what points buy; none where only stamps are collected."""

    merchant_id: int
    store_ids: tuple[int, ...]
    people: tuple[str, ...]
    target: int
    rewards: dict[int, int]


def is_loaded(db: Session) -> bool:
    """True where the database holds any store: the demo only goes into an empty one."""
    try:
        store_service.find_store(db)
    except StoreNotFound:
        return False
    except StoreRequired:
        return True
    return True


def load(db: Session, *, now: datetime | None = None) -> None:
    """Make both shops with about two months of history before `now`. The same every time."""
    now = now or clock.utc_now()
    opened = now - timedelta(days=_DAYS)
    user_service.create_admin(
        db, email="admin@orion.example", name="Orion Admin", password=PASSWORD, now=opened
    )
    chance = random.Random(2026)  # noqa: S311 - the same demo every time
    shops = (_cafe_bleu(db, opened), _boulangerie_schmit(db, opened))
    for shop in shops:
        # Proved once, so that bcrypt does not run for every day of the past.
        till = Caller(shop.merchant_id, store_id=shop.store_ids[0])
        pin_service.verify_pin(db, caller=till, staff_pin=CASHIER_PIN, now=now)
        for name in shop.people:
            _live_through(db, shop, name, chance, opened=opened, now=now)


def welcome(base_url: str) -> str:
    """What the person who started the demo needs to know."""
    return f"""
Orion Loyalty is ready.

  Counter    {base_url}/store/loyalty/terminal
  Join       {base_url}/loyalty/enroll?store=cafe-bleu
  API        {base_url}/api/docs

  Café Bleu            owner@cafe-bleu.example, cashier@cafe-bleu.example
  Boulangerie Schmit   owner@schmit.example
  Platform             admin@orion.example
  Password for all     {PASSWORD}
  Staff PINs           {CASHIER_PIN} (cashier), {MANAGER_PIN} (manager)
"""


def _cafe_bleu(db: Session, opened: datetime) -> _Shop:
    merchant = store_service.create_merchant(db, name="Café Bleu", locale="fr", now=opened)
    stores = [
        store_service.create_store(
            db,
            merchant_id=merchant.id,
            code=code,
            name=name,
            city="Luxembourg",
            locale="fr",
            latitude_e6=latitude_e6,
            longitude_e6=longitude_e6,
            now=opened,
        )
        for code, name, latitude_e6, longitude_e6 in (
            ("cafe-bleu", "Café Bleu", 49_611_600, 6_131_900),
            ("cafe-bleu-gare", "Café Bleu Gare", 49_600_300, 6_133_200),
        )
    ]
    program_service.create_program(
        db,
        store_id=stores[0].id,
        data=ProgramCreate(
            loyalty_type="stamps",
            stamps_target=10,
            stamps_reward_description="Free coffee",
            stamps_reward_value_cents=350,
            card_name="Café Bleu",
            card_color="#1D4ED8",
            stamp_icon=StampIcon.COFFEE,
            terms_text="One stamp for each coffee. Ten stamps are worth one coffee of your choice.",
        ),
    )
    _user(db, merchant.id, "owner@cafe-bleu.example", "Claire Bleu", "owner", opened)
    _user(
        db, merchant.id, "cashier@cafe-bleu.example", "Anna Café", "cashier", opened, stores[0].id
    )
    _staff(db, merchant.id, cashier="Anna", manager="Claire", opened=opened)
    return _Shop(
        merchant.id, tuple(store.id for store in stores), _PEOPLE[:30], target=10, rewards={}
    )


def _boulangerie_schmit(db: Session, opened: datetime) -> _Shop:
    merchant = store_service.create_merchant(db, name="Boulangerie Schmit", locale="lb", now=opened)
    store = store_service.create_store(
        db,
        merchant_id=merchant.id,
        code="schmit",
        name="Boulangerie Schmit",
        city="Esch-sur-Alzette",
        locale="lb",
        latitude_e6=49_495_800,
        longitude_e6=5_980_600,
        now=opened,
    )
    program_service.create_program(
        db,
        store_id=store.id,
        data=ProgramCreate(
            loyalty_type="hybrid",
            stamps_target=8,
            stamps_reward_description="Loaf of bread",
            stamps_reward_value_cents=420,
            points_per_euro=10,
            points_expiration_days=90,
            card_name="Boulangerie Schmit",
            card_color="#B45309",
            stamp_icon=StampIcon.CROISSANT,
            terms_text="One stamp for each loaf of bread, 10 points for each euro. "
            "Points run out 90 days after your last visit.",
        ),
        now=opened,
    )
    _user(db, merchant.id, "owner@schmit.example", "Jos Schmit", "owner", opened)
    _staff(db, merchant.id, cashier="Lynn", manager="Jos", opened=opened)
    rewards = _bakery_catalogue(db, merchant.id, opened)
    return _Shop(merchant.id, (store.id,), _PEOPLE[30:], target=8, rewards=rewards)


def _bakery_catalogue(db: Session, merchant_id: int, opened: datetime) -> dict[int, int]:
    rewards = [
        reward_service.create_reward(
            db,
            merchant_id=merchant_id,
            data=RewardCreate(name=name, cost_points=cost, value_cents=worth),
            now=opened,
        )
        for name, cost, worth in _BREADS
    ]
    return {reward.id: reward.cost_points for reward in rewards}


def _user(
    db: Session,
    merchant_id: int,
    email: str,
    name: str,
    role: str,
    opened: datetime,
    store_id: int | None = None,
) -> None:
    user = user_service.create_user(db, email=email, name=name, password=PASSWORD, now=opened)
    user_service.add_membership(
        db, merchant_id=merchant_id, user_id=user.id, role=role, store_id=store_id
    )


def _staff(db: Session, merchant_id: int, *, cashier: str, manager: str, opened: datetime) -> None:
    pin_service.create_pin(
        db, merchant_id=merchant_id, data=PinCreate(name=cashier, pin=CASHIER_PIN), now=opened
    )
    pin_service.create_pin(
        db,
        merchant_id=merchant_id,
        data=PinCreate(name=manager, pin=MANAGER_PIN, role="manager"),
        now=opened,
    )


def _live_through(
    db: Session,
    shop: _Shop,
    name: str,
    chance: random.Random,
    *,
    opened: datetime,
    now: datetime,
) -> None:
    """One customer's weeks: joins, comes back as often as they like coffee, takes rewards."""
    home = chance.choice(shop.store_ids)
    joined = opened + timedelta(days=chance.randint(0, _DAYS - 10), hours=chance.randint(0, 9))
    habit, last_day = chance.choice(_HABITS), now.astimezone(_ZONE).date() - timedelta(days=1)
    if name in _LAPSED:
        joined, habit = opened, max(_HABITS)
        last_day = opened.astimezone(_ZONE).date() + timedelta(days=12)
    first, _, last = name.partition(" ")
    enrolment = card_service.enroll(
        db,
        store_id=home,
        caller=Caller(shop.merchant_id, store_id=home),
        email=f"{_plain(first)}.{_plain(last)}@example.com",
        first_name=first,
        last_name=last,
        now=joined,
    )
    balance, day = _Balance(enrolment["card_id"]), joined.astimezone(_ZONE).date()
    while (day := day + timedelta(days=1)) <= last_day:
        if day.weekday() == 6 or chance.random() > habit:
            continue
        at = datetime.combine(day, time(7, 30), _ZONE) + timedelta(minutes=chance.randint(0, 600))
        caller = Caller(shop.merchant_id, store_id=chance.choice((home, *shop.store_ids)))
        _visit(db, shop, balance, chance, caller=caller, at=at)
    if name == _INDEBTED:
        _bring_back_after_spending(db, balance, Caller(shop.merchant_id, store_id=home), now=now)


def _visit(
    db: Session,
    shop: _Shop,
    balance: _Balance,
    chance: random.Random,
    *,
    caller: Caller,
    at: datetime,
) -> None:
    """What somebody does at the counter: takes what is ready, buys, collects."""
    counter: CounterOptions = {
        "card_id": balance.card_id, "staff_pin": CASHIER_PIN, "caller": caller,
    }  # fmt: skip
    if balance.stamps >= shop.target and chance.random() < 0.7:
        stamp_service.redeem_stamps(db, **counter, now=at)
        at += timedelta(minutes=1)
    if shop.rewards:
        _collect_points(db, shop, balance, chance, counter=counter, at=at)
    quantity = chance.choice((1, 1, 1, 1, 2))
    stamped = stamp_service.add_stamp(db, **counter, quantity=quantity, now=at)
    balance.stamps = stamped["stamp_count"]


def _collect_points(
    db: Session,
    shop: _Shop,
    balance: _Balance,
    chance: random.Random,
    *,
    counter: CounterOptions,
    at: datetime,
) -> None:
    within_reach = [key for key, cost in shop.rewards.items() if cost <= balance.points]
    if within_reach and chance.random() < 0.4:
        points_service.redeem_points(db, reward_id=chance.choice(within_reach), **counter, now=at)
    earned = points_service.earn_points(
        db,
        purchase_amount_cents=chance.randint(28, 240) * 10,
        order_reference=f"{at:%y%m%d}-{balance.card_id}",
        **counter,
        now=at,
    )
    balance.points = earned["points_balance"]


def _bring_back_after_spending(
    db: Session, balance: _Balance, caller: Caller, *, now: datetime
) -> None:
    """A large order, its points spent at once, and the order cancelled: the card owes points."""
    cashier: CounterOptions = {
        "card_id": balance.card_id, "staff_pin": CASHIER_PIN, "caller": caller,
    }  # fmt: skip
    earned = points_service.earn_points(
        db,
        purchase_amount_cents=4800,
        order_reference="CAKE-1",
        **cashier,
        now=now - timedelta(hours=3),
    )
    points_service.redeem_points(
        db,
        points_to_redeem=earned["points_balance"],
        **cashier,
        now=now - timedelta(hours=2),
    )
    manager: CounterOptions = cashier | {"staff_pin": MANAGER_PIN}
    points_service.void_points(
        db,
        transaction_id=earned["transaction_id"],
        reason="order_cancelled",
        **manager,
        now=now - timedelta(hours=1),
    )


def _plain(name: str) -> str:
    return search_text([name]).replace(" ", "-").replace("'", "")
