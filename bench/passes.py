"""How many Apple passes one core makes, beside npm's passkit-generator with the same files.

Both take turns within a round, each on one thread, and only ratios of one round count. What is
timed is building and signing, texts included; pictures were drawn before. Run by `make bench`.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, Final
from zipfile import ZipFile

from sqlalchemy.orm import Session

from app.core.db import build_engine, build_sessionmaker
from app.fakes.google_keys import ISSUER_ID, make_google_keys
from app.fakes.keys import AppleChain, make_apple_chain
from app.modules.loyalty.services import (
    apple_wallet_service,
    google_wallet_service,
    pass_reading,
)
from app.modules.loyalty.services.apple_wallet_service import authentication_token, download_url
from app.modules.loyalty.services.pass_reading import pass_row
from app.modules.loyalty.wallets.apple import package, setup
from bench.processes import ROOT
from bench.stamp import isolate
from tests import databases, factories

LEAST_A_SECOND: Final = 300
LEAST_OF_PEER: Final = 8
MOST_MS_A_LINK: Final = 5
_PASS_TYPE, _TEAM = "pass.com.example.bench", "A1B2C3D4E5"


@dataclass(frozen=True)
class Sample:
    """What was made in one turn. `cpu_s` tells what a core that is ours alone would need."""

    passes: int
    wall_s: float
    cpu_s: float
    bytes: int

    @property
    def a_second(self) -> float:
        return self.passes / self.wall_s

    @property
    def a_core_second(self) -> float:
        return self.passes / self.cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orion-bench-") as name:
        folder = Path(name)
        isolate(folder)
        chain = _configure(folder)
        with _shop(folder) as db:
            build, download = _ours(db)
            with _peer(build(0), chain) as peer:
                turns = [
                    (_measure(build, options.seconds), peer(options.seconds),
                     _measure(download, options.seconds))
                    for _ in range(options.rounds)
                ]  # fmt: skip
            links = [_measure(_save_link(), options.seconds / 4) for _ in range(options.rounds)]
    sys.exit(_report(turns) | _report_links(links))


def _configure(folder: Path) -> AppleChain:
    chain = make_apple_chain(folder / "keys", pass_type_id=_PASS_TYPE, team_id=_TEAM)
    os.environ |= {
        "ORION_BASE_URL": "https://cards.example.com",
        "LOYALTY_APPLE_PASS_TYPE_ID": _PASS_TYPE,
        "LOYALTY_APPLE_TEAM_ID": _TEAM,
        "LOYALTY_APPLE_WWDR_CERT_PATH": str(chain.wwdr),
        "LOYALTY_APPLE_SIGNER_CERT_PATH": str(chain.signer),
        "LOYALTY_APPLE_SIGNER_KEY_PATH": str(chain.key),
    }
    google = make_google_keys(folder / "google", token_url="https://oauth2.googleapis.com/token")
    os.environ |= {
        "LOYALTY_GOOGLE_ISSUER_ID": ISSUER_ID,
        "LOYALTY_GOOGLE_SERVICE_ACCOUNT_JSON": str(google.service_account),
    }
    return chain


def _save_link() -> Callable[[int], bytes]:
    """What makes Google's link of the n-th pass: a signed JWT."""
    google = google_wallet_service.sender()
    assert google is not None
    now = datetime.now(UTC)
    return lambda number: google.save_url(f"{number:032x}", 1, 1, now=now).encode()


@contextmanager
def _shop(folder: Path) -> Iterator[Session]:
    engine = build_engine(databases.SqliteFiles.prepare(folder).copy_to(folder / "orion.db"))
    with build_sessionmaker(engine)() as db:
        yield db
    engine.dispose()


def _ours(db: Session) -> tuple[Callable[[int], bytes], Callable[[int], bytes]]:
    """What makes the n-th pass from what is known of it, and what answers a download of it."""
    now = datetime.now(UTC)
    card = factories.make_card(db, stamps=7)
    kept = factories.make_pass(db, card=card, provider="apple")
    row = pass_row(kept)  # type: ignore[arg-type]  # the same names
    view = pass_reading.read_views(db, [row], now=now)[row.id]
    pictures = apple_wallet_service._pictures(db, view, now=now)
    keys = setup.load()
    assert keys is not None

    def build(number: int) -> bytes:
        shown = replace(view, serial=f"{number:032x}")
        token = authentication_token(shown.serial)
        return package.build_package(shown, pictures, keys, authentication_token=token)

    token = download_url(kept.serial).partition("token=")[2]

    def download(_number: int) -> bytes:
        return apple_wallet_service.open_download(db, row.serial, token=token).content

    return build, download


def _measure(make: Callable[[int], bytes], seconds: float) -> Sample:
    start, cpu, passes, made = time.perf_counter(), time.process_time(), 0, b""
    while time.perf_counter() - start < seconds:
        made = make(passes)
        passes += 1
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    return Sample(passes, wall_s, cpu_s, len(made))


@contextmanager
def _peer(made: bytes, chain: AppleChain) -> Iterator[Callable[[float], Sample]]:
    """passkit-generator with the files of a pass that we made."""
    with ZipFile(BytesIO(made)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    said = json.loads(files.pop("pass.json"))
    for ours in ("manifest.json", "signature"):
        del files[ours]
    given: dict[str, Any] = {
        "pass": said,
        "files": {path: base64.b64encode(content).decode() for path, content in files.items()},
        "certificates": {
            "wwdr": chain.wwdr.read_text(),
            "signerCert": chain.signer.read_text(),
            "signerKey": chain.key.read_text(),
        },
    }
    node = ROOT / ".venv/bin/node"
    script = ROOT / "bench/passes.mjs"
    with subprocess.Popen(
        [node, script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_peer, from_peer = process.stdin, process.stdout
        to_peer.write(json.dumps(given) + "\n")

        def measure(seconds: float) -> Sample:
            to_peer.write(f"{seconds}\n")
            to_peer.flush()
            return Sample(**json.loads(from_peer.readline()))

        yield measure
        to_peer.close()


def _report_links(links: list[Sample]) -> int:
    milliseconds = [1000 / sample.a_second for sample in links]
    met = median(milliseconds) < MOST_MS_A_LINK
    print(
        f"\nA save link of Google: {median(milliseconds):.2f} ms "
        f"({min(milliseconds):.2f} to {max(milliseconds):.2f}), {links[0].bytes} characters "
        f"(wanted below {MOST_MS_A_LINK} ms): {'met' if met else '**missed**'}."
    )
    return 0 if met else 1


def _report(turns: list[tuple[Sample, Sample, Sample]]) -> int:
    names = ("Orion, built and signed", "passkit-generator, same files", "Orion, whole download")
    print("| Apple passes, one thread | a second (min to max) | a CPU second | KB |")
    print("|---|--:|--:|--:|")
    for name, samples in zip(names, zip(*turns, strict=True), strict=True):
        rates = [sample.a_second for sample in samples]
        print(
            f"| {name} | {median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) "
            f"| {median(sample.a_core_second for sample in samples):.0f} "
            f"| {samples[0].bytes / 1000:.0f} |"
        )
    ratio = median(ours.a_second / peer.a_second for ours, peer, _ in turns)
    rate = median(ours.a_core_second for ours, _, _ in turns)
    met = ratio >= LEAST_OF_PEER and rate >= LEAST_A_SECOND
    print(
        f"\nOf the peer's rate: {ratio:.1f} times (wanted {LEAST_OF_PEER}); "
        f"{rate:.0f} passes for a second of one core (wanted {LEAST_A_SECOND}): "
        f"{'met' if met else '**missed**'}."
    )
    return 0 if met else 1


if __name__ == "__main__":
    main()
