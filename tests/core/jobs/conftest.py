from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, delete

from app.core.jobs.models import JobLease
from app.core.mail.models import OutboxEmail


@pytest.fixture(autouse=True)
def _nothing_left_over(engine: Engine) -> Iterator[None]:
    """The tests of one module share a database on PostgreSQL."""
    yield
    with engine.begin() as connection:
        connection.execute(delete(JobLease))
        connection.execute(delete(OutboxEmail).execution_options(tenant_exempt="tidies up"))
