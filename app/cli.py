"""`orion`: start the platform and look after it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
import uvicorn
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import demo as demo_data
from app.core import clock, schema
from app.core.config import ConfigError, Settings, get_settings
from app.core.db import build_engine, build_sessionmaker
from app.core.errors import AppError
from app.core.jobs import Job, WhenDue
from app.core.jobs.leases import Leases, LeaseState
from app.core.jobs.loop import background
from app.core.jobs.platform import warn_without_mail_server
from app.core.jobs.running import claim_patiently, run_leased
from app.core.jobs.schedule import due_slot, next_due
from app.core.logs import configure_logging
from app.core.security import Keyring
from app.modules.loyalty.services import ledger_verify
from app.modules.tenancy.services import user_service

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Orion Loyalty")
ledger_cli = typer.Typer(no_args_is_help=True, help="The ledger of stamps.")
cli.add_typer(ledger_cli, name="ledger")
wallet_cli = typer.Typer(no_args_is_help=True, help="The cards in phones' wallets.")
cli.add_typer(wallet_cli, name="wallet")
jobs_cli = typer.Typer(no_args_is_help=True, help="What runs apart from requests.")
cli.add_typer(jobs_cli, name="jobs")


def main() -> None:
    """Entry point: a setting that does not allow a start is one sentence, not a traceback."""
    try:
        cli()
    except ConfigError as error:
        _fail(str(error))


@cli.command()
def serve(
    demo: Annotated[
        bool, typer.Option("--demo", help="Migrate, and load the demo shops once.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Leave the jobs to `orion worker`.")
    ] = False,
    fakes: Annotated[
        bool, typer.Option(help="With --demo: start the simulated wallets beside it.")
    ] = True,
) -> None:
    """Serve the platform on ORION_HOST and ORION_PORT."""
    if no_jobs:
        os.environ["ORION_JOBS"] = "off"  # for the processes that this one starts, too
    settings = get_settings()
    with _simulated_wallets(settings) if demo and fakes else nullcontext():
        with _engine(settings) as engine:
            if demo:
                schema.upgrade(engine)
                _load_demo(engine, settings)
            elif not schema.is_current(engine):
                _fail("The database is not up to date. Run `orion migrate` first.")
        _serve(settings, workers)


def _serve(settings: Settings, workers: int) -> None:
    uvicorn.run(
        "app.main:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_graceful_shutdown=20,
        # A worker answers once it is imported, which on a busy machine takes its time.
        timeout_worker_healthcheck=60,
    )


@cli.command()
def worker() -> None:
    """Run the jobs alone, until SIGTERM. Any number may run; each slot is done once."""
    settings = _with_logs(get_settings())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _engine(settings) as engine:
        if not schema.is_current(engine):
            _fail("The database is not up to date. Run `orion migrate` first.")
        warn_without_mail_server(settings)
        zone = ZoneInfo(settings.timezone)
        with background(build_sessionmaker(engine), _all_jobs(settings), tz=zone):
            stop.wait()


@cli.command()
def migrate() -> None:
    """Bring the database up to date."""
    with _engine(get_settings()) as engine:
        schema.upgrade(engine)
    typer.echo("The database is up to date.")


@cli.command()
def demo() -> None:
    """Load the demo shops into an empty database. Never in production."""
    settings = get_settings()
    with _engine(settings) as engine:
        _load_demo(engine, settings)


@cli.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Option(prompt=True)],
    name: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True)],
) -> None:
    """Make a user who administers the whole platform."""
    with _session(get_settings()) as db:
        try:
            user_service.create_admin(db, email=email, name=name, password=password)
        except AppError as error:
            _fail(f"Refused: {error.code}.")
    typer.echo(f"{email} may sign in as an admin.")


@ledger_cli.command("verify")
def verify(
    merchant_id: Annotated[int | None, typer.Option(help="Only this merchant's cards.")] = None,
) -> None:
    """Recompute every balance and hash chain; name card and entry of each fault."""
    faults = 0
    with _session(get_settings()) as db:
        for fault in ledger_verify.verify(db, merchant_id=merchant_id):
            faults += 1
            typer.echo(str(fault), err=True)
    if faults:
        _fail(f"{faults} faults found.")
    typer.echo("Every balance is the sum of its entries, and every chain is whole.")


@wallet_cli.command("fakes")
def wallet_fakes() -> None:
    """Serve simulated wallets of Google and Apple, and an iPhone, for work on this machine."""
    from app import simulated

    simulated.serve(get_settings())


@contextmanager
def _simulated_wallets(settings: Settings) -> Iterator[None]:
    # Imported where they are wanted: no shop needs them.
    from app import simulated

    with simulated.beside_demo(settings) as welcome:
        typer.echo(welcome)
        yield


@cli.command("doctor")
def examine() -> None:
    """Look for what keeps the platform from working, and say what to do about it."""
    from app import doctor

    sys.exit(doctor.print_report(doctor.check(get_settings())))


@jobs_cli.command("list")
def list_jobs() -> None:
    """Each job: when it runs, what was done last, who runs it now, when it is due next."""
    settings = get_settings()
    jobs = _all_jobs(settings)
    with _engine(settings) as engine:
        states = Leases(build_sessionmaker(engine)).look(job.name for job in jobs)
    for job in jobs:
        typer.echo("\n".join([job.name, *_facts_of(job, states[job.name], settings)]))


@jobs_cli.command("run")
def run_job(name: Annotated[str, typer.Argument(help="As `orion jobs list` names it.")]) -> None:
    """Run a job now, whether or not it is due, unless another process runs it."""
    settings = _with_logs(get_settings())
    job = next((job for job in _all_jobs(settings) if job.name == name), None)
    if job is None:
        _fail(f"There is no job named {name}. `orion jobs list` names all.")
    now = clock.utc_now()
    slot = None
    if not isinstance(job.slot, WhenDue):
        slot = due_slot(job.slot, now, ZoneInfo(settings.timezone))
    with _engine(settings) as engine:
        sessions = build_sessionmaker(engine)
        lease = claim_patiently(Leases(sessions), name, slot)
        if lease is None:
            _fail("Another process runs this job right now.")
        report = run_leased(job, lease, slot=slot, sessions=sessions, now=now)
    counts = ", ".join(f"{key}: {count}" for key, count in report.items())
    typer.echo(f"{name} is done. {counts}")


def _all_jobs(settings: Settings) -> tuple[Job, ...]:
    # Imported here: the whole application, for which no other command should wait.
    from app.main import all_jobs

    return all_jobs(settings)


def _facts_of(job: Job, state: LeaseState, settings: Settings) -> list[str]:
    zone = ZoneInfo(settings.timezone)
    facts = [f"  runs       {job.slot}"]
    if not isinstance(job.slot, WhenDue):
        due = next_due(job.slot, clock.utc_now(), zone).astimezone(zone)
        facts += [
            f"  last done  {state.done_slot or 'never'}",
            f"  next due   {due:%Y-%m-%d %H:%M}",
        ]
    if state.holder is not None:
        facts.append(f"  held by    {state.holder}")
    return facts


def _with_logs(settings: Settings) -> Settings:
    key = Keyring(settings.secret_key.get_secret_value()).derive("logs")
    configure_logging(level=settings.log_level, hash_key=key)
    return settings


def _load_demo(engine: Engine, settings: Settings) -> None:
    if settings.is_production:
        _fail("The demo shops are never loaded in production (ORION_ENV).")
    with build_sessionmaker(engine)() as db:
        if not demo_data.is_loaded(db):
            typer.echo("Loading the demo shops …")
            demo_data.load(db)
    typer.echo(demo_data.welcome(settings.base_url))


@contextmanager
def _engine(settings: Settings) -> Iterator[Engine]:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = build_engine(settings.database_url, sqlite_synchronous=settings.sqlite_synchronous)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    with _engine(settings) as engine, build_sessionmaker(engine)() as db:
        yield db


def _fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    sys.exit(1)
