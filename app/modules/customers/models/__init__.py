"""Tables of the customers module."""

from app.modules.customers.models.customer import Consent, Customer
from app.modules.customers.models.sign_in_code import SignInCode

__all__ = ["Consent", "Customer", "SignInCode"]
