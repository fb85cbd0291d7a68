"""The two processes of the wallets' benchmark: a simulated Google, and the worker that sends.

`python -m bench.wallet_worker '{"kind": "google", …}'`; each answers every line of JSON with one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.core.db import build_engine, build_sessionmaker
from app.fakes.faults import Fault
from app.fakes.google import FakeGoogle
from app.fakes.google_keys import ISSUER_ID, make_google_keys
from app.modules.loyalty.services import wallet_service
from app.modules.loyalty.types import Provider
from app.modules.loyalty.wallets.google import content

_FROZEN = Fault(kind="slow", delay_s=60)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def main() -> None:
    config = json.loads(sys.argv[1])
    answer = _google(config) if config["kind"] == "google" else _worker(config)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


def _google(config: dict[str, Any]) -> Answer:
    """Google on a socket that the starter has bound."""
    keys = make_google_keys(Path(config["keys"]), token_url=f"{config['url']}/token")
    google = FakeGoogle(keys, url=config["url"], allow_http=True)
    listener = socket.socket(fileno=config["handle"])
    server = uvicorn.Server(uvicorn.Config(google, log_config=None, lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()

    def answer(order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "know":
            class_id = content.class_id(ISSUER_ID, order["merchant_id"], order["program_id"])
            for serial in order["serials"]:
                name = content.object_id(ISSUER_ID, serial)
                known = {"id": name, "classId": class_id, "state": "ACTIVE", "hasUsers": True}
                google.objects[name] = known
        elif order["do"] == "freeze":
            google.faults.always = [_FROZEN]
        elif order["do"] == "thaw":
            google.faults.clear()
        return {"calls": _calls(google, order)}

    return answer


def _calls(google: FakeGoogle, order: dict[str, Any]) -> list[tuple[float, str, str]]:
    """When which object was sent with which balance, since the last time this was asked."""
    if order["do"] != "report":
        return []
    calls = list(google.calls)
    google.calls.clear()
    return [(call.at, call.path.rpartition(".")[2], _balance(call.body)) for call in calls]


def _balance(body: dict[str, Any]) -> str:
    return str(body.get("loyaltyPoints", {}).get("balance", {}).get("string", ""))


def _worker(config: dict[str, Any]) -> Answer:
    """The drain, as the loop runs it, with its own memory to be looked at."""
    sessions = build_sessionmaker(build_engine(config["url"]))

    def answer(_order: dict[str, Any]) -> dict[str, Any]:
        began, memory = time.monotonic(), [(0.0, _memory_mb())]

        def keep_alive() -> None:
            memory.append((time.monotonic() - began, _memory_mb()))

        with sessions() as db:
            sent = _drain(db, keep_alive)
        seconds = time.monotonic() - began
        keep_alive()
        return {"sent": sent, "seconds": seconds, "memory": memory}

    return answer


def _drain(db: Session, keep_alive: Callable[[], None]) -> int:
    sent = 0
    while wallet_service.has_work(db, Provider.GOOGLE, utc_now()):
        report = wallet_service.reconcile(db, Provider.GOOGLE, now=utc_now(), keep_alive=keep_alive)
        sent += report["sent"]
    return sent


def _memory_mb() -> float:
    """What the process holds of the machine's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * _PAGE_BYTES / 1e6


if __name__ == "__main__":
    main()
