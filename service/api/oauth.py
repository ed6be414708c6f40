"""``/oauth/token``: an access token for a secret key, as standard OAuth 2.0 clients ask for it (RFC 6749)."""

import base64
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import unquote_plus

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.api.dependencies import WriteSession
from service.domain import clients
from service.domain.clients import OAuthRefusal
from service.schemas.oauth import AccessTokenRead, OAuthErrorDocument

router = APIRouter(tags=["API clients"])
_FORM: Final = "application/x-www-form-urlencoded"
_NOT_STORED: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MOST_FIELDS: Final = 100
_LONGEST_FIELD: Final = 10_000
_READ: Final = ("grant_type", "client_id", "client_secret", "scope")
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {
                            "type": "string",
                            "description": "The client's id, unless it is in the header.",
                        },
                        "client_secret": {
                            "type": "string",
                            "description": "A secret key of the client, unless it is in the header.",
                        },
                        "scope": {
                            "type": "string",
                            "description": "Scopes, separated by spaces; all of the client's when left out.",
                            "examples": ["postings:read postings:write"],
                        },
                    },
                }
            }
        },
    }
}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    described = {
        400: "The request is malformed, or asks for what is not there",
        401: "The client's id or key is wrong; `WWW-Authenticate` names the scheme",
    }
    return {status: {"model": OAuthErrorDocument, "description": described[status]} for status in statuses}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for a token says."""

    client_id: str
    client_secret: str
    scope: str | None


def _invalid(description: str) -> OAuthRefusal:
    return OAuthRefusal("invalid_request", description)


def _basic(header: str) -> tuple[str, str]:
    """Return the id and the secret of an ``Authorization: Basic …`` header, each form-decoded."""
    scheme, _, encoded = header.partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        pair = ""
    name, separator, secret = pair.partition(":")
    if scheme.lower() != "basic" or not separator:
        raise OAuthRefusal(
            "invalid_client", "Send Authorization: Basic, with base64 of client_id:client_secret."
        )
    return unquote_plus(name), unquote_plus(secret)


async def read_request(request: Request) -> Asked:
    """Return what is asked, from the form and the header. Raises :class:`OAuthRefusal`."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM:
        raise _invalid(f"Send the parameters as a form, with the header Content-Type: {_FORM}.")
    try:
        form = await request.form(max_fields=_MOST_FIELDS, max_part_size=_LONGEST_FIELD)
    except HTTPException as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise _invalid(
            f"Send at most {_MOST_FIELDS} parameters of {_LONGEST_FIELD} bytes; four are read."
        ) from None
    if repeated := [name for name in _READ if len(form.getlist(name)) > 1]:
        raise _invalid(f"Send {' and '.join(repeated)} once.")
    # A parameter without a value counts as left out.
    sent = {name: str(form[name]) for name in _READ if form.get(name)}
    if "grant_type" not in sent:
        raise _invalid("Send grant_type=client_credentials.")
    if sent["grant_type"] != "client_credentials":
        raise OAuthRefusal("unsupported_grant_type", "Only grant_type=client_credentials is answered here.")
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in sent or "client_secret" not in sent:
            raise OAuthRefusal(
                "invalid_client", "Send client_id and client_secret, in the header (Basic) or in the form."
            )
        return Asked(sent["client_id"], sent["client_secret"], sent.get("scope"))
    client_id, client_secret = _basic(header)
    if "client_secret" in sent or sent.get("client_id", client_id) != client_id:
        raise _invalid("Send client_id and client_secret once: in the header or in the form, not in both.")
    return Asked(client_id, client_secret, sent.get("scope"))


@router.post("/oauth/token", responses=_errors(400, 401), openapi_extra=_BODY)
async def issue_access_token(
    # Read before the session opens: a slow sender holds no connection to the database.
    asked: Annotated[Asked, Depends(read_request)],
    response: Response,
    session: WriteSession,
) -> AccessTokenRead:
    """Exchange a secret key for an access token of one hour (OAuth 2.0, grant `client_credentials`).

    For libraries that speak OAuth; sending the secret key itself as `Authorization: Bearer …` works as well.
    The id and the key go in `Authorization: Basic` or in the form, `scope` narrows what the token allows:
    `curl -u "$CLIENT_ID:$KEY" -d grant_type=client_credentials -d scope=postings:read …/oauth/token`

    Errors have the shape of RFC 6749: `{"error": "invalid_scope", "error_description": "…"}`. The token dies
    with its key or client, at once. Ask for a new one when it ends; there is no refresh token.
    """
    response.headers.update(_NOT_STORED)
    return await clients.exchange(
        session, client_id=asked.client_id, client_secret=asked.client_secret, scope=asked.scope
    )


async def _on_refusal(_request: Request, error: Exception) -> Response:
    assert isinstance(error, OAuthRefusal)  # noqa: S101 - Starlette dispatches by class
    refused = error.error == "invalid_client"
    return JSONResponse(
        {"error": error.error, "error_description": error.description},
        status_code=401 if refused else 400,
        headers=_NOT_STORED | ({"WWW-Authenticate": 'Basic realm="ancrage"'} if refused else {}),
    )


def install(app: FastAPI) -> None:
    """Let refusals leave as OAuth shapes them."""
    app.add_exception_handler(OAuthRefusal, _on_refusal)
