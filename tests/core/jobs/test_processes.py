"""T10: real processes on one database, some of which are killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.core.jobs import racer
from tests.databases import ROOT

WAIT_S = 16.0
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Start a racer; all are gone at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(slots: int, *options: str) -> subprocess.Popen[bytes]:
        arguments = [database_url, str(tmp_path), str(slots), *options]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.core.jobs.racer", *arguments], cwd=ROOT
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def go(folder: Path, *racers: subprocess.Popen[bytes]) -> None:
    """Begin simulated time once all are ready."""
    for process in racers:
        wait_for((folder / f"ready-{process.pid}").exists, 60)
    draft = folder / "draft"
    draft.write_text(str(time.time()))
    draft.rename(folder / "go")  # never half a file


def slots_of(folder: Path) -> list[str]:
    """The hours that were run, in order."""
    firings = folder / "firings"
    lines = firings.read_text().splitlines() if firings.exists() else []
    return [f"{datetime.fromisoformat(line.split()[0]):%Y-%m-%dT%H}" for line in lines]


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def test_given_processes_when_sixty_slots_pass_then_each_slot_fires_once(
    start: Start, tmp_path: Path
) -> None:
    running = [start(60) for _ in range(3)]
    go(tmp_path, *running)
    assert [process.wait(60) for process in running] == [0, 0, 0]
    fired = slots_of(tmp_path)
    assert fired == sorted(set(fired))
    # A slot may be missed for good where this machine is busy: the next one folds it in.
    assert len(fired) > 10
    assert fired[-1] == "2026-10-27T09"


def test_given_a_holder_that_is_killed_when_its_lease_ends_then_another_goes_on(
    start: Start, tmp_path: Path
) -> None:
    holder = start(10**9, "endless")
    go(tmp_path, holder)
    wait_for(lambda: len(slots_of(tmp_path)) == 1, WAIT_S)
    successor = start(10**9)
    wait_for((tmp_path / f"ready-{successor.pid}").exists, 60)
    time.sleep(3 * racer.LEASE_S)  # the successor looks on for longer than a lease
    assert len(slots_of(tmp_path)) == 1
    holder.kill()
    holder.wait()
    killed = time.monotonic()
    wait_for(lambda: len(slots_of(tmp_path)) > 1, WAIT_S)
    assert time.monotonic() - killed > racer.LEASE_S / 2
    fired = slots_of(tmp_path)
    assert fired == sorted(set(fired))
