"""One holder at a time, whatever processes, hosts and clocks do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.core import clock
from app.core.jobs.leases import LEASE_S, Lease, LeaseLost, Leases
from app.core.jobs.running import claim_patiently

NAME = "test.job"
Sessions = sessionmaker[Session]


class Stopwatch:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.reading = 1000.0

    def __call__(self) -> float:
        return self.reading

    def pass_(self, seconds: float) -> None:
        self.reading += seconds


def claim(leases: Leases, slot: str | None = "2026-11-25") -> Lease | None:
    return leases.claim(NAME, leases.look([NAME])[NAME], slot)


def claimed(leases: Leases, slot: str | None = "2026-11-25") -> Lease:
    lease = claim(leases, slot)
    assert lease is not None
    return lease


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def one(session_factory: Sessions, stopwatch: Stopwatch) -> Leases:
    return Leases(session_factory, stopwatch=stopwatch)


@pytest.fixture
def other(session_factory: Sessions, stopwatch: Stopwatch) -> Leases:
    return Leases(session_factory, stopwatch=stopwatch)


def test_given_a_free_job_when_claimed_then_the_row_says_by_whom(one: Leases) -> None:
    claimed(one, "2026-11-25")
    state = one.look([NAME])[NAME]
    assert (state.holder, state.slot, state.done_slot) == (one.holder, "2026-11-25", None)
    assert state.until is not None


def test_given_a_held_job_when_another_claims_then_only_after_a_silent_lease(
    one: Leases, other: Leases, stopwatch: Stopwatch
) -> None:
    claimed(one)
    assert claim(other) is None
    stopwatch.pass_(LEASE_S - 0.1)
    assert claim(other) is None
    stopwatch.pass_(0.1)
    assert claim(other) is not None
    assert other.look([NAME])[NAME].holder == other.holder


def test_given_a_silent_holder_when_seen_for_the_first_time_then_it_is_watched_before_it_is_robbed(
    one: Leases, other: Leases, stopwatch: Stopwatch
) -> None:
    claimed(one)
    stopwatch.pass_(10 * LEASE_S)
    assert claim(other) is None
    stopwatch.pass_(LEASE_S)
    assert claim(other) is not None


def test_given_a_holder_that_renews_when_another_watches_then_it_never_falls_free(
    one: Leases, other: Leases, stopwatch: Stopwatch
) -> None:
    lease = claimed(one)
    for _ in range(20):
        stopwatch.pass_(LEASE_S / 5)
        lease.renew()
        assert claim(other) is None
    lease.finish("2026-11-25")
    assert other.look([NAME])[NAME].done_slot == "2026-11-25"


def test_given_renewals_when_they_follow_closely_then_few_of_them_write(
    one: Leases, stopwatch: Stopwatch
) -> None:
    lease = claimed(one)
    before = one.look([NAME])[NAME].beat
    for _ in range(100):
        stopwatch.pass_(LEASE_S / 100)
        lease.renew()
    assert 4 <= one.look([NAME])[NAME].beat - before <= 6


def test_given_a_robbed_holder_when_it_goes_on_then_it_is_told_and_changes_nothing(
    one: Leases, other: Leases, stopwatch: Stopwatch
) -> None:
    lost = claimed(one, "2026-11-24")
    claim(other)
    stopwatch.pass_(LEASE_S)
    taken = claimed(other, "2026-11-25")
    before = other.look([NAME])[NAME]
    with pytest.raises(LeaseLost):
        lost.renew()
    with pytest.raises(LeaseLost):
        lost.finish("2026-11-24")
    lost.release()
    assert other.look([NAME])[NAME] == before
    taken.finish("2026-11-25")
    assert other.look([NAME])[NAME].done_slot == "2026-11-25"


def test_given_a_lease_given_back_unfinished_when_another_claims_then_at_once(
    one: Leases, other: Leases
) -> None:
    claimed(one).release()
    assert other.look([NAME])[NAME].done_slot is None
    assert claim(other) is not None


def test_given_done_slots_when_an_older_one_is_finished_then_they_stay_done(one: Leases) -> None:
    claimed(one, "2026-11-25").finish("2026-11-25")
    claimed(one, "2026-11-24").finish("2026-11-24")
    claimed(one, None).finish(None)
    assert one.look([NAME])[NAME].done_slot == "2026-11-25"


@pytest.mark.parametrize(
    "jump", [timedelta(hours=2), timedelta(hours=-2), timedelta(days=1), timedelta(seconds=90)]
)
def test_given_clocks_that_jump_or_differ_when_a_lease_is_held_then_by_one_only(
    one: Leases,
    other: Leases,
    stopwatch: Stopwatch,
    monkeypatch: pytest.MonkeyPatch,
    jump: timedelta,
) -> None:
    """T11: two hosts 90 s apart, and one host whose clock is set forward or back."""
    true = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "utc_now", lambda: true)
    lease = claimed(one)
    monkeypatch.setattr(clock, "utc_now", lambda: true + jump)
    for _ in range(10):
        assert claim(other) is None
        stopwatch.pass_(LEASE_S / 4)
        lease.renew()
    # ... and a holder that is gone is succeeded after its lease, not after two hours.
    claim(other)
    stopwatch.pass_(LEASE_S)
    assert claim(other) is not None


def test_given_four_threads_when_sixty_slots_pass_then_each_is_claimed_once(
    session_factory: Sessions,
) -> None:
    fired: list[str] = []
    guard = threading.Lock()
    start = threading.Barrier(4)

    def race() -> None:
        leases = Leases(session_factory)
        start.wait()
        for number in range(60):
            slot = f"2026-11-25T{number:02}"
            state = leases.look([NAME])[NAME]
            while state.done_slot is None or state.done_slot < slot:
                lease = leases.claim(NAME, state, slot)
                if lease is not None:
                    with guard:
                        fired.append(slot)
                    lease.finish(slot)
                state = leases.look([NAME])[NAME]

    with ThreadPoolExecutor(4) as pool:
        for running in [pool.submit(race) for _ in range(4)]:
            running.result(timeout=60)
    assert fired == sorted(set(fired))
    assert fired[-1] == "2026-11-25T59"


def test_given_a_state_that_is_out_of_date_when_claimed_with_then_nothing_is_taken(
    one: Leases, other: Leases
) -> None:
    """The control: both read the same free row, and only the row's beat keeps them apart."""
    seen_by_one, seen_by_other = one.look([NAME])[NAME], other.look([NAME])[NAME]
    assert seen_by_one == seen_by_other
    assert one.claim(NAME, seen_by_one, "2026-11-25") is not None
    assert other.claim(NAME, seen_by_other, "2026-11-25") is None


def test_given_many_who_make_the_row_when_they_race_then_there_is_one(
    session_factory: Sessions,
) -> None:
    start = threading.Barrier(8)

    def look() -> int:
        start.wait()
        return Leases(session_factory).look(["test.new"])["test.new"].beat

    with ThreadPoolExecutor(8) as pool:
        assert [made.result() for made in [pool.submit(look) for _ in range(8)]] == [0] * 8


def test_given_a_dead_holder_when_claimed_with_patience_then_it_is_succeeded(
    session_factory: Sessions,
) -> None:
    claimed(Leases(session_factory, lease_s=0.3))
    patient = Leases(session_factory, lease_s=0.3)
    assert claim_patiently(patient, NAME, None, poll_s=0.05) is not None


def test_given_a_living_holder_when_claimed_with_patience_then_it_is_left_alone(
    session_factory: Sessions,
) -> None:
    lease = claimed(Leases(session_factory, lease_s=0.6))
    renewing = threading.Timer(0.3, lease.renew)
    renewing.start()
    assert claim_patiently(Leases(session_factory, lease_s=0.6), NAME, None, poll_s=0.05) is None
    renewing.join()
