"""Jobs: what runs apart from requests, once per slot over all processes.

A module declares its jobs in its `module.py`; after a commit that makes work, `wake()`.
"""

from app.core.jobs.job import Job, JobReport, KeepAlive
from app.core.jobs.leases import LeaseLost
from app.core.jobs.schedule import Daily, Hourly, WhenDue
from app.core.jobs.waking import wake

__all__ = ["Daily", "Hourly", "Job", "JobReport", "KeepAlive", "LeaseLost", "WhenDue", "wake"]
