"""OpenID providers a person may sign in with."""

from pydantic import Field

from service.schemas.base import ReadModel


class ProviderRead(ReadModel):
    """A provider that may vouch for a person."""

    name: str = Field(examples=["proconnect"])
    label: str = Field(description="For the button.", examples=["ProConnect"])
    start_path: str = Field(
        description="Path to send the browser to, with `return_url` and `key`.",
        examples=["/v1/sign-in/providers/proconnect/start"],
    )


class ProviderList(ReadModel):
    """Every provider there is, in the order to offer them; none when `items` is empty."""

    items: list[ProviderRead]
