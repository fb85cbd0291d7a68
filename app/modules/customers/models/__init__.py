"""Tables of the customers module."""

from app.modules.customers.models.customer import Consent, Customer

__all__ = ["Consent", "Customer"]
