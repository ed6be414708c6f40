"""Signing in by e-mail, and the tokens it gives."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from service.schemas.base import Language, ReadModel, Slug, WebAddress, WriteModel
from service.schemas.persons import PersonEmail, PersonRead

Proof = Annotated[str, StringConstraints(max_length=200)]


class SignInCodeCreate(WriteModel):
    """Whom to send a code and a link."""

    email: PersonEmail
    language: Language | None = Field(
        None, description="Of the mail. Left out: the best of `Accept-Language`.", examples=["en"]
    )
    territory: Slug | None = Field(
        None, description="Whose brand the mail wears: one of your key's, or inside it. Left out: its first."
    )
    return_url: WebAddress | None = Field(
        None,
        description="Page of your site that takes the link: it is opened with `?sign_in=<token>`. "
        "One of your publishable key's origins. Left out, as with a secret key: the link opens Ancrage's own "
        "page.",
        examples=["https://www.pays-des-sources.example/bienvenue"],
    )


class SignInCodeRead(ReadModel):
    """A code and a link are on their way, if somebody reads mail at that address."""

    sign_in_id: UUID = Field(description="Send it back with the code.")
    expires_at: datetime = Field(description="Code and link count until then, once.")
    resend_after: datetime = Field(description="Offer to send another mail from then on, not before.")


class TokenCreate(WriteModel):
    """One proof: `sign_in_id` and `code`, or `link`, or `refresh_token`."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["sign_in_id", "code"]},
                {"required": ["link"]},
                {"required": ["refresh_token"]},
            ],
            "examples": [
                {"sign_in_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "code": "4807 2915"},
                {"link": "ancrage_lk_…"},
                {"refresh_token": "ancrage_rt_…"},
            ],
        }
    )

    sign_in_id: UUID | None = None
    code: Proof | None = Field(None, description="The eight digits of the mail; spaces do not count.")
    link: Proof | None = Field(None, description="What your page received as `sign_in`.")
    refresh_token: Proof | None = Field(None, description="The newest one of the session. It counts once.")


class TokensRead(ReadModel):
    """A person is signed in."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.", repr=False)
    token_type: Literal["Bearer"] = Field("Bearer")
    expires_in: int = Field(description="Seconds the access token counts.")
    refresh_token: str = Field(
        description="Gives the next pair, once. Keep it as you keep a password.", repr=False
    )
    refresh_expires_in: int = Field(description="Seconds the refresh token counts unless it is used.")
    person: PersonRead


class SignedOut(ReadModel):
    """The session has ended."""

    provider_logout_url: str | None = Field(
        description="When an OpenID provider vouched for the person: send the browser there to leave it too."
    )
