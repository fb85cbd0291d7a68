"""Processes of a benchmark: started here, known by their handles, and stopped by them alone."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.floors import pgbench_for_update, pgbench_one_statement
from bench.load import Sample, Tally
from bench.shop import Shop
from tests.databases import Cluster

ROOT = Path(__file__).parents[1]
_ANSWER_S = 60.0
_START_S = 30.0
_STOP_S = 10.0


class Child:
    """A Python process that answers each line with a line of JSON."""

    def __init__(self, module: str, *arguments: str, log: Path, **options: Any) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                **options,
            )

    def ask(self, order: dict[str, Any], *, within_s: float = _ANSWER_S) -> dict[str, Any]:
        """Its answer.

        Raises:
            RuntimeError: it has ended or says nothing; with the end of its log.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], within_s)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise RuntimeError(f"no answer from a process of ours:\n{self.end_of_log()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end_of_log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def worker(config: dict[str, Any], *, folder: Path, name: str) -> Iterator[Child]:
    """A `bench.worker` as long as the block."""
    child = Child("bench.worker", json.dumps(config), log=folder / f"{name}.log", cwd=folder)
    try:
        yield child
    finally:
        child.stop()


@contextmanager
def server(url: str, *, folder: Path, name: str) -> Iterator[tuple[Child, int]]:
    """The platform on a free port; yields the process and its port.

    Raises:
        RuntimeError: it does not start, or somebody else answers on the port.
    """
    nonce = secrets.token_hex(16)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        port: int = listener.getsockname()[1]
        handle = listener.fileno()
        child = Child(
            "bench.server",
            str(handle),
            log=folder / f"{name}.log",
            cwd=folder,
            pass_fds=(handle,),
            env=os.environ | {"ORION_DATABASE_URL": url, "ORION_NONCE": nonce},
        )
    try:
        _wait_for(child, port, nonce)
        yield child, port
    finally:
        child.stop()


def run_worker(child: Child, *, clients: int, seconds: float) -> Sample:
    return Sample(**child.ask({"clients": clients, "seconds": seconds}))


def run_http(load: Child, platform: Child, *, clients: int, seconds: float) -> Sample:
    """As `run_worker`, with the CPU that the server has used meanwhile."""
    before = platform.ask({})["cpu_s"]
    sample = run_worker(load, clients=clients, seconds=seconds)
    used_s = platform.ask({})["cpu_s"] - before
    return replace(sample, cpu_us=used_s / sample.requests * 1e6 if sample.requests else None)


class Pgbench:
    """PostgreSQL's own load generator with the floor's statements."""

    def __init__(self, cluster: Cluster, database: str, shop: Shop, *, folder: Path) -> None:
        self._cluster = cluster
        self._database = database
        self._folder = folder
        (folder / "one.sql").write_text(pgbench_one_statement(shop.cards))
        (folder / "for_update.sql").write_text(pgbench_for_update(shop.cards))

    @staticmethod
    def is_there(cluster: Cluster) -> bool:
        return (cluster.home / "pgbench").exists()

    def run(self, script: str, *, clients: int, seconds: float) -> Sample:
        """Whole seconds only: pgbench knows no others."""
        done = subprocess.run(
            [
                str(self._cluster.home / "pgbench"), "-n", "-M", "prepared",
                "-c", str(clients), "-j", str(min(2, clients)), "-T", str(max(1, round(seconds))),
                "-f", str(self._folder / f"{script}.sql"),
                "-h", str(self._cluster.folder), "-U", "postgres", "-l",
                "--log-prefix", str(self._folder / "pgbench"), self._database,
            ],
            capture_output=True, text=True, check=False, timeout=_ANSWER_S, cwd="/",
        )  # fmt: skip
        return self._sample(done)

    def _sample(self, done: subprocess.CompletedProcess[str]) -> Sample:
        tally = Tally()
        for log in self._folder.glob("pgbench.*"):
            # client, transaction, microseconds, …
            tally.latencies += [int(line.split()[2]) / 1e6 for line in _lines(log)]
            log.unlink()
        rate = re.search(r"tps = ([0-9.]+)", done.stdout)
        if done.returncode or rate is None or not tally.latencies:
            tally.errors.append((done.stderr or done.stdout)[-300:])
            return Sample.of(tally, seconds=1.0, cpu_s=None)
        return Sample.of(tally, seconds=len(tally.latencies) / float(rate[1]), cpu_s=None)


def _lines(log: Path) -> Sequence[str]:
    return log.read_text().splitlines()


def _wait_for(child: Child, port: int, nonce: str) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and not child.has_ended:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
        except OSError:
            time.sleep(0.1)
            continue
        finally:
            connection.close()
        if answer.status != 200 or answer.headers.get("X-Orion-Nonce") != nonce:
            raise RuntimeError(f"somebody else answers on port {port}")
        return
    raise RuntimeError(f"the server did not start:\n{child.end_of_log()}")
