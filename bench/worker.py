"""A process that gives stamps in one way, a run for each line it is sent.

`python -m bench.worker '{"kind": …}'`; lines in: {"clients": 4, "seconds": 1.0}; lines out: the
sample. It stays alive between runs, so connections, caches and prepared statements are warm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from app.core.db import build_engine, build_sessionmaker
from app.modules.loyalty.services import stamp_service
from bench import shop
from bench.floors import PsycopgFloor, SqliteFloor
from bench.http_load import HttpClients
from bench.load import Call, Sample, run_threads

Run = Callable[[int, float], Sample]
Calls = Callable[[int], list[Call]]
Following = Callable[[], tuple[str, str]]


def main() -> None:
    run = _run_of(json.loads(sys.argv[1]))
    for line in sys.stdin:
        order = json.loads(line)
        sample = run(order["clients"], order["seconds"])
        print(json.dumps(sample.as_json()), flush=True)


def _run_of(config: dict[str, Any]) -> Run:
    known = shop.Shop(**config["shop"])
    following = shop.stamps(known.cards, config["seed"])
    if config["kind"] == "http":
        http = HttpClients(config["port"], _requests(known, following))
        return lambda clients, seconds: http.run(clients=clients, seconds=seconds)
    calls = _calls_of(config, known, following)
    return lambda clients, seconds: run_threads(calls(clients), seconds=seconds)


def _calls_of(config: dict[str, Any], known: shop.Shop, following: Following) -> Calls:
    match config["kind"]:
        case "psycopg":
            return PsycopgFloor(config["url"], following).calls
        case "sqlite3":
            return SqliteFloor(config["url"], following).calls
    return _service(config["url"], known, following)


def _service(url: str, known: shop.Shop, following: Following) -> Calls:
    sessions = build_sessionmaker(build_engine(url))

    def call() -> None:
        qr_code, key = following()
        with sessions() as db:
            stamp_service.add_stamp(
                db,
                qr_code=qr_code,
                staff_pin=known.staff_pin,
                ip_address="127.0.0.1",
                idempotency_key=key,
            )

    return lambda clients: [call] * clients


def _requests(known: shop.Shop, following: Following) -> Callable[[], bytes]:
    def request() -> bytes:
        qr_code, key = following()
        body = json.dumps({"qr_code": qr_code, "quantity": 1, "staff_pin": known.staff_pin})
        return (
            "POST /api/v1/store/loyalty/stamp HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Authorization: Bearer {known.api_key}\r\nIdempotency-Key: {key}\r\n"
            "Content-Type: application/json\r\nAccept-Language: en\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    return request


if __name__ == "__main__":
    main()
