"""Tables of the tenancy module."""

from app.modules.tenancy.models.access import AccessToken, Terminal
from app.modules.tenancy.models.audit import AuditEntry
from app.modules.tenancy.models.merchant import Merchant, Store
from app.modules.tenancy.models.user import Membership, User

__all__ = ["AccessToken", "AuditEntry", "Membership", "Merchant", "Store", "Terminal", "User"]
