"""What ``/oauth/token`` answers, as RFC 6749 shapes it."""

from typing import Literal

from pydantic import Field

from service.schemas.base import ReadModel

OAuthErrorCode = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
]


class AccessTokenRead(ReadModel):
    """An access token, as RFC 6749 section 5.1 shapes it."""

    access_token: str = Field(examples=["ancrage_at_000000000000000000000000000000002wjyrI"])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a word of RFC 6750
    expires_in: int = Field(description="Seconds until it ends: an hour, or less if the key ends before.")
    scope: str = Field(description="What it allows: scopes, separated by spaces.")


class OAuthErrorDocument(ReadModel):
    """A refusal, as RFC 6749 section 5.2 shapes it."""

    error: OAuthErrorCode
    error_description: str
