"""The application: the core and the modules, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from zoneinfo import ZoneInfo

from anyio import to_thread
from fastapi import FastAPI

from app.core.config import Settings, get_settings
from app.core.db import build_engine, build_sessionmaker
from app.core.jobs import Job
from app.core.jobs.loop import background
from app.core.jobs.platform import platform_jobs, warn_without_mail_server
from app.core.logs import configure_logging
from app.core.module import Module
from app.core.security import Keyring
from app.core.web.setup import set_up_web
from app.modules.customers import module as customers
from app.modules.loyalty import module as loyalty
from app.modules.loyalty.config import get_loyalty_settings
from app.modules.tenancy import module as tenancy

# As many as the pool keeps connections. More would only wait, for those and for Python's lock:
# 16 clients were served more slowly, and their slowest answers took twice as long.
_THREADS = 8
VERSION = "0.1.0"
MODULES: tuple[Module, ...] = (tenancy.MODULE, customers.MODULE, loyalty.MODULE)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; without `settings` they are read from the environment.

    Raises:
        ConfigError: the settings do not allow a start.
    """
    settings = settings or get_settings()
    get_loyalty_settings()  # a wrong one stops the start, not the first stamp
    keyring = Keyring(settings.secret_key.get_secret_value())
    configure_logging(level=settings.log_level, hash_key=keyring.derive("logs"))
    warn_without_mail_server(settings)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = build_engine(settings.database_url, sqlite_synchronous=settings.sqlite_synchronous)
    sessions = build_sessionmaker(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        jobs = all_jobs(settings) if settings.jobs == "embedded" else ()
        with background(sessions, jobs, tz=ZoneInfo(settings.timezone)) if jobs else nullcontext():
            yield
        engine.dispose()

    application = FastAPI(
        title=settings.brand_name,
        version=VERSION,
        description="Loyalty cards for shops.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        servers=[{"url": settings.base_url}],
    )
    application.state.settings = settings
    application.state.engine = engine
    application.state.sessionmaker = sessions
    set_up_web(application, settings, MODULES)
    return application


def all_jobs(settings: Settings) -> tuple[Job, ...]:
    """The jobs of the platform and of its modules."""
    return (*platform_jobs(settings), *(job for module in MODULES for job in module.jobs))
