from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete

from app.core.jobs.models import JobLease
from app.core.mail.models import OutboxEmail
from tests.core.mail.smtp_server import SmtpServer, smtp_server


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    """A mail server on this machine."""
    with smtp_server() as server:
        yield server


@pytest.fixture
def outbox_db(engine: Engine) -> Iterator[Engine]:
    """A database whose outbox is empty before and after; on PostgreSQL tests share one."""
    yield engine
    with engine.begin() as connection:
        connection.execute(delete(JobLease))
        connection.execute(delete(OutboxEmail).execution_options(tenant_exempt="tidies up"))
