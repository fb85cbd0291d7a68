"""`orion`: start the platform and look after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from app import demo as demo_data
from app.core import schema
from app.core.config import ConfigError, Settings, get_settings
from app.core.db import build_engine, build_sessionmaker
from app.core.errors import AppError
from app.modules.loyalty.services import ledger_verify
from app.modules.tenancy.services import user_service

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Orion Loyalty")
ledger_cli = typer.Typer(no_args_is_help=True, help="The ledger of stamps.")
cli.add_typer(ledger_cli, name="ledger")


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
) -> None:
    """Serve the platform on ORION_HOST and ORION_PORT."""
    settings = get_settings()
    with _engine(settings) as engine:
        if demo:
            schema.upgrade(engine)
            _load_demo(engine, settings)
        elif not schema.is_current(engine):
            _fail("The database is not up to date. Run `orion migrate` first.")
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
    )


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


def _fail(sentence: str) -> None:
    typer.echo(sentence, err=True)
    sys.exit(1)
