"""What the wallets cost: ten thousand passes sent, a new design, and a stamp beside all that.

Google is simulated in a process of its own. Passes are sent at the configured pace with flat
memory; while a new design is sent to all of them, those of cards that are stamped overtake; and
a stamp takes as long with a vendor that never answers as with one that does. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import atomic, build_engine, build_sessionmaker
from app.fakes.google_keys import ISSUER_ID
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.loyalty.models import LoyaltyCard, LoyaltyProgram, WalletPass
from app.modules.loyalty.services import stamp_service, wallet_passes
from app.modules.loyalty.types import Caller
from bench import processes, shop
from bench.load import Sample, percentile
from bench.processes import Child
from bench.stamp import isolate
from tests import databases

_CLIENTS = 4
_SETTLED_S = 11.0  # a call that hangs ends after ten
_STAMP_EVERY_S = 0.5
_MOST_A_SECOND = 20
_RATE_WITHIN = 0.05
_MEMORY_WITHIN = 0.05
_WARM = 500  # passes, until connections, threads and pictures are there
_SLOWER_WITHIN = 0.10
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Sent:
    """Passes that were sent: how many, at what pace, and the worker's memory at 10, 50, 100 %."""

    passes: int
    rate: float
    most_in_a_second: int
    memory_mb: tuple[float, float, float]


@dataclass(frozen=True)
class Setting:
    """What all parts are measured on."""

    url: str
    shop: shop.Shop
    program_id: int
    google: Child
    folder: Path


def main() -> None:
    options = _options()
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        isolate(folder)
        google = stack.enter_context(_google(folder))
        setting = _seed(folder, google, cards=options.passes)
        engine = build_engine(setting.url)
        problems = list(_print_sent(options, load_before, *_send(stack, setting, engine)))
        stamped = _stamps(setting, engine, rounds=options.rounds, seconds=options.seconds)
        problems += [*_print_stamps(stamped), *shop.faults(engine)]
        engine.dispose()
    if problems:
        sys.exit("\n".join(problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.wallets", description=__doc__)
    parser.add_argument("--passes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one run of stamps")
    parser.add_argument("--quick", action="store_true", help="few passes: does it work?")
    options = parser.parse_args()
    if options.quick:
        options.passes, options.rounds, options.seconds = 300, 1, 1.0
    return options


@contextmanager
def _google(folder: Path) -> Iterator[Child]:
    """A simulated Google, to which the settings of this process and of its children point."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        url, handle = f"http://127.0.0.1:{listener.getsockname()[1]}", listener.fileno()
        config = {"kind": "google", "url": url, "handle": handle, "keys": str(folder)}
        child = Child(
            "bench.wallet_worker", json.dumps(config), log=folder / "google.log",
            cwd=folder, pass_fds=(handle,),
        )  # fmt: skip
    try:
        child.ask({"do": "thaw"})
        os.environ |= {
            "LOYALTY_GOOGLE_ISSUER_ID": ISSUER_ID,
            "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON": str(folder / "google-service-account.json"),
            "LOYALTY_GOOGLE_API_URL": url,
            "LOYALTY_GOOGLE_SAVE_URL": f"{url}/save",
            "LOYALTY_GOOGLE_KEYS_URL": f"{url}/keys",
        }
        yield child
    finally:
        child.stop()


def _seed(folder: Path, google: Child, *, cards: int) -> Setting:
    """A shop whose cards are all in Google Wallet, and have changed since Google was told."""
    _say(f"Filling {cards} cards …")
    url = databases.SqliteFiles.prepare(folder).copy_to(folder / "wallets.db")
    engine = build_engine(url, sqlite_synchronous="NORMAL")
    filled, now = shop.seed(engine, cards=cards), utc_now()
    with build_sessionmaker(engine)() as db:
        program_id = db.execute(select(LoyaltyProgram.id)).scalar_one()
        ids = db.execute(select(LoyaltyCard.id).order_by(LoyaltyCard.id)).scalars().all()
        rows = [
            {
                "merchant_id": filled.merchant_id, "card_id": card_id, "provider": "google",
                "serial": f"{card_id:032x}", "target_revision": 1, "synced_revision": 0,
                "held_since": now, "created_at": now,
            }
            for card_id in ids
        ]  # fmt: skip
        with atomic(db):
            db.execute(insert(WalletPass), rows)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    engine.dispose()
    known = {"merchant_id": filled.merchant_id, "program_id": program_id}
    google.ask({"do": "know", **known, "serials": [row["serial"] for row in rows]})
    return Setting(url, filled, program_id, google, folder)


def _send(stack: ExitStack, setting: Setting, engine: Engine) -> tuple[Sent, Sent, list[float]]:
    """All passes because they changed, then all because of a new design, amid stamps."""
    config = {"kind": "worker", "url": setting.url}
    log = setting.folder / "worker.log"
    worker = Child("bench.wallet_worker", json.dumps(config), log=log, cwd=setting.folder)
    stack.callback(worker.stop)
    _say("Sending them …")
    drained = _sent(setting, worker.ask({}, within_s=_DAY_S))[0]
    _say("Sending a new design …")
    with build_sessionmaker(engine)() as db:
        _redesign(db, setting)
        with _stamping(db, setting) as stamped:
            done = worker.ask({}, within_s=_DAY_S)
    walked, calls = _sent(setting, done)
    return drained, walked, list(_waits(stamped, calls))


def _sent(setting: Setting, done: dict[str, Any]) -> tuple[Sent, list[Any]]:
    calls = setting.google.ask({"do": "report"})["calls"]
    moments = sorted(at for at, _serial, _balance in calls)
    memory = tuple(_memory_at(done, share) for share in (0.1, 0.5, 1.0))
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    return Sent(done["sent"], rate, _most_in_a_second(moments), memory), calls  # type: ignore[arg-type]  # three


def _memory_at(done: dict[str, Any], share: float) -> float:
    """At the latest look before this share of the time was over."""
    return float([mb for at, mb in done["memory"] if at <= share * done["seconds"] + 0.001][-1])


def _most_in_a_second(moments: Sequence[float]) -> int:
    most = first = 0
    for last, at in enumerate(moments):
        while moments[first] <= at - 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def _redesign(db: Session, setting: Setting) -> None:
    merchant_id = setting.shop.merchant_id
    with atomic(db):
        revision = db.execute(
            update(LoyaltyProgram)
            .where(LoyaltyProgram.merchant_id == merchant_id)
            .values(revision=LoyaltyProgram.revision + 1, card_color="#1d4ed8")
            .returning(LoyaltyProgram.revision)
        ).scalar_one()
        wallet_passes.redesign(db, merchant_id=merchant_id, revision=revision, now=utc_now())


@contextmanager
def _stamping(db: Session, setting: Setting) -> Iterator[dict[str, float]]:
    """One stamp after the other, each on another card; when, by the passes' serials."""
    stamped: dict[str, float] = {}
    stop, draw = threading.Event(), Random(5)
    cards = db.execute(select(LoyaltyCard.id)).scalars().all()
    turns = iter(draw.sample(cards, len(cards)))

    def serve() -> None:
        while not stop.wait(_STAMP_EVERY_S * draw.uniform(0.5, 1.5)):
            card_id = next(turns)
            stamp_service.add_stamp(
                db, card_id=card_id, staff_pin=setting.shop.staff_pin,
                caller=Caller(setting.shop.merchant_id),
            )  # fmt: skip
            stamped[f"{card_id:032x}"] = time.time()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield stamped
    finally:
        stop.set()
        thread.join()


def _waits(stamped: dict[str, float], calls: list[Any]) -> Iterator[float]:
    """Seconds from each stamp to the call that brought it; without those after the worker's end."""
    brought = {serial: at for at, serial, balance in reversed(calls) if balance.startswith("1/")}
    for serial, at in stamped.items():
        if serial in brought:
            yield max(0.0, brought[serial] - at)


def _stamps(
    setting: Setting, engine: Engine, *, rounds: int, seconds: float
) -> dict[str, list[Sample]]:
    """Stamps over HTTP, the worker within the server: vendor well, vendor frozen, in turns."""
    results: dict[str, list[Sample]] = {"answers": [], "never answers": []}
    http = {"kind": "http", "url": "", "shop": setting.shop.as_json(), "seed": 7}
    with ExitStack() as stack:
        started = processes.server(setting.url, folder=setting.folder, name="server")
        server, port = stack.enter_context(started)
        load = stack.enter_context(
            processes.worker({**http, "port": port}, folder=setting.folder, name="load")
        )
        processes.run_http(load, server, clients=_CLIENTS, seconds=1.0)
        for number in range(1, rounds + 1):
            _say(f"Stamps, round {number} of {rounds} …")
            for vendor, order in (("answers", "thaw"), ("never answers", "freeze")):
                setting.google.ask({"do": order})
                if order == "thaw":
                    time.sleep(_SETTLED_S)
                    _forget_outage(engine)
                time.sleep(1.0)
                sample = processes.run_http(load, server, clients=_CLIENTS, seconds=seconds)
                results[vendor].append(sample)
        setting.google.ask({"do": "thaw"})
    return results


def _forget_outage(engine: Engine) -> None:
    """Have the worker begin at once, as long after an outage."""
    with engine.begin() as connection:
        connection.execute(text("UPDATE wallet_vendors SET health = 0, paused_until = NULL"))
        connection.execute(text("UPDATE wallet_passes SET next_attempt_at = NULL"))


def _print_sent(
    options: argparse.Namespace, load_before: float, drained: Sent, walked: Sent, waits: list[float]
) -> Iterator[str]:
    """What was sent; yields what is not as it should be."""
    wanted = get_loyalty_settings().wallet_requests_per_second
    print(
        f"{options.passes} passes, {wanted} requests/s allowed; {os.cpu_count()} cores, load "
        f"average {load_before:.1f} before and {os.getloadavg()[0]:.1f} afterwards; Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, synchronous FULL.\n"
    )
    print("| sent because of | passes | requests/s | most in a second | MB at 10, 50, 100 % |")
    print("|---|--:|--:|--:|--:|")
    for reason, sent in (("a change each", drained), ("a new design", walked)):
        memory = ", ".join(f"{mb:.0f}" for mb in sent.memory_mb)
        print(
            f"| {reason} | {sent.passes} | {sent.rate:.2f} | {sent.most_in_a_second} | {memory} |"
        )
        yield from _problems(reason, sent, wanted)
    ordered = sorted(waits)
    print(
        f"\nWhile the design was sent, {len(waits)} cards were stamped. From stamp to vendor: "
        f"p50 {percentile(ordered, 0.5):.1f} s, p95 {percentile(ordered, 0.95):.1f} s, "
        f"longest {max(ordered, default=0):.1f} s.\n",
        flush=True,
    )


def _print_stamps(stamped: dict[str, list[Sample]]) -> Iterator[str]:
    """The stamps; yields what is not as it should be."""
    print("| a stamp while the vendor | a second | p50 ms | p95 ms | p99 ms | errors |")
    print("|---|--:|--:|--:|--:|--:|")
    for vendor, samples in stamped.items():
        row = [median(getattr(s, name) for s in samples) for name in ("p50_ms", "p95_ms", "p99_ms")]
        errors = sum(sample.errors for sample in samples)
        rate = median(sample.rate for sample in samples)
        print(f"| {vendor} | {rate:.0f} | " + " | ".join(f"{ms:.1f}" for ms in row), end="")
        print(f" | {errors} |")
        if errors:
            yield f"{errors} stamps failed while the vendor {vendor}"
    pairs = zip(stamped["never answers"], stamped["answers"], strict=True)
    shares = [frozen.p95_ms / well.p95_ms for frozen, well in pairs]
    print(
        f"\np95 with a vendor that never answers, of that with one that does: "
        f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})."
    )
    if median(shares) > 1 + _SLOWER_WITHIN:
        yield f"a frozen vendor slows a stamp: {median(shares):.2f}"


def _problems(reason: str, sent: Sent, wanted: int) -> Iterator[str]:
    if abs(sent.rate / wanted - 1) > _RATE_WITHIN:
        yield f"{reason}: {sent.rate:.2f} requests/s instead of {wanted}"
    if sent.most_in_a_second > _MOST_A_SECOND:
        yield f"{reason}: {sent.most_in_a_second} requests in a second"
    first, _middle, last = sent.memory_mb
    if sent.passes > 10 * _WARM and last > first * (1 + _MEMORY_WITHIN):
        yield f"{reason}: memory grew from {first:.0f} to {last:.0f} MB"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
