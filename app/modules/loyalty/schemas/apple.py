"""What iPhones send to Apple's web service: names are Apple's."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Apple's tokens are hexadecimal. Whatever they may be one day, they stand in an address.
PushToken = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]


class _Said(BaseModel):
    """What a newer phone says besides is not refused."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class RegistrationRequest(_Said):
    """Where to push."""

    push_token: PushToken = Field(alias="pushToken")


class LogRequest(_Said):
    """What went wrong on a phone, in its own words."""

    logs: list[str] = Field(default_factory=list)
