"""Signing in through OpenID providers such as ProConnect and FranceConnect: pages a browser is sent to."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse

from service.api.dependencies import Configuration, Keys, PreferredLanguage, get_database
from service.api.documentation import OTHERS_IGNORED
from service.api.problems import problems
from service.core.database import Database
from service.domain import providers
from service.domain.providers import Answer, Providers
from service.schemas.providers import ProviderList

router = APIRouter(prefix="/v1/sign-in/providers", tags=["Sign-in"])

_SENT_ON: dict[int | str, dict[str, Any]] = {
    302: {
        "description": "The browser is sent on.",
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
    }
}


def get_providers(request: Request) -> Providers:
    """Return the application's OpenID providers."""
    found: Providers = request.app.state.providers
    return found


Name = Annotated[str, Path(max_length=40, description="As `GET /v1/sign-in/providers` names it.")]
Known = Annotated[Providers, Depends(get_providers)]
Transactions = Annotated[Database, Depends(get_database)]


def _cookie_name(here: str) -> str:
    # The prefix makes browsers refuse one that a neighbouring host planted.
    return "__Host-ancrage_visit" if here.startswith("https://") else "ancrage_visit"


def _cookie(request: Request, here: str) -> str | None:
    value = request.cookies.get(_cookie_name(here))
    return value if value is not None and len(value) == 64 and value.isalnum() and value.isascii() else None  # noqa: PLR2004 - as new_word makes them


def _to(url: str) -> RedirectResponse:
    return RedirectResponse(url, 302, {"Cache-Control": "no-store"})


@router.get("")
async def list_sign_in_providers(known: Known) -> ProviderList:
    """List the OpenID providers to offer beside the e-mail address, for a button each.

    A button is a link to `start_path`, with the page to come back to and your publishable key:
    `/v1/sign-in/providers/franceconnect/start?return_url=https%3A%2F%2Fwww.example.fr%2F&key=…`
    """
    return ProviderList(items=providers.list_providers(known))


@router.get(
    "/{provider}/start",
    status_code=302,
    response_class=RedirectResponse,
    responses=_SENT_ON | problems(401, 403, 404, 422),
)
async def start_provider_sign_in(
    request: Request,
    database: Transactions,
    known: Known,
    configuration: Configuration,
    provider: Name,
    return_url: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="Page of your site that the person comes back to, of an origin of your key; or a "
            "path of the console. Left out: the console.",
            examples=["https://www.example.fr/bienvenue"],
        ),
    ] = None,
    key: Annotated[
        str | None,
        Query(max_length=200, description="Your site's publishable key.", examples=["ancrage_pk_…"]),
    ] = None,
) -> RedirectResponse:
    """Send a person's browser here, and it goes to the provider.

    Example: `GET /v1/sign-in/providers/franceconnect/start?return_url=https%3A%2F%2Fwww.example.fr%2F&key=…`

    It comes back to `return_url` within a quarter of an hour with one of these parameters added:

    * **`sign_in`**: exchange it at `POST /v1/sign-in/tokens` as `link`, within five minutes.
    * **`sign_in_id`**: the provider does not answer for the person's e-mail address, so a code was mailed
      there; ask for it and send both to `POST /v1/sign-in/tokens`. The next time this is not needed.
    * **`sign_in_error`**: `cancelled` by the person; `expired`, begun too long ago or ended before;
      `unavailable`, the provider cannot be reached; `refused`, what it said could not be verified;
      `email_needed`, it gave no usable address; `too_many` codes were mailed there. Offer to begin again.

    Several tabs may be under way at once; each must come back to the browser it left from.
    """
    here = configuration.public_address
    departure = await providers.depart(
        database, known, provider, here=here, return_url=return_url, key=key, browser=_cookie(request, here)
    )
    response = _to(departure.url)
    response.set_cookie(
        _cookie_name(here),
        departure.browser,
        max_age=int(providers.VISIT_LASTS.total_seconds()),
        secure=here.startswith("https://"),
        httponly=True,
        # The provider sends the browser back from another site, by following a link.
        samesite="lax",
    )
    return response


@router.get(
    "/{provider}/callback",
    status_code=302,
    response_class=RedirectResponse,
    responses=_SENT_ON | problems(404, 422),
    openapi_extra={OTHERS_IGNORED: True},
)
async def finish_provider_sign_in(
    request: Request,
    database: Transactions,
    keyring: Keys,
    known: Known,
    configuration: Configuration,
    language: PreferredLanguage,
    provider: Name,
    state: Annotated[str | None, Query(max_length=200)] = None,
    code: Annotated[str | None, Query(max_length=4000)] = None,
    error: Annotated[str | None, Query(max_length=200)] = None,
    iss: Annotated[str | None, Query(max_length=2000)] = None,
) -> RedirectResponse:
    """Receive a browser from the provider: register this address there. Nobody else calls it.

    Example: `GET /v1/sign-in/providers/franceconnect/callback?code=…&state=…`

    It sends the browser on to the page that `start` was given. What no visit of this browser expects is
    answered 422: begun in another browser, more than a day ago, or forged.
    """
    url = await providers.arrive(
        database,
        keyring,
        known,
        provider,
        Answer(state=state, code=code, error=error, issuer=iss),
        here=configuration.public_address,
        browser=_cookie(request, configuration.public_address),
        language=language,
    )
    return _to(url)


@router.get(
    "/{provider}/sign-out",
    status_code=302,
    response_class=RedirectResponse,
    responses=_SENT_ON | problems(400, 404, 422),
)
async def start_provider_sign_out(
    database: Transactions,
    keyring: Keys,
    known: Known,
    configuration: Configuration,
    provider: Name,
    ticket: Annotated[str, Query(max_length=60_000, description="As `POST /v1/sign-out` gave it.")],
) -> RedirectResponse:
    """Send a person's browser here after signing out, and it signs out at the provider too.

    Example: the `provider_logout_url` of `POST /v1/sign-out`, as it is, within ten minutes.

    It ends on the first page of your site: `/` of the first origin of the key that signed the person in.
    """
    url = await providers.leave(database, keyring, known, provider, ticket, here=configuration.public_address)
    return _to(url)


@router.get(
    "/{provider}/signed-out",
    status_code=302,
    response_class=RedirectResponse,
    responses=_SENT_ON | problems(404, 422),
    openapi_extra={OTHERS_IGNORED: True},
)
async def finish_provider_sign_out(
    database: Transactions,
    keyring: Keys,
    configuration: Configuration,
    provider: Name,
    state: Annotated[str | None, Query(max_length=2000)] = None,
) -> RedirectResponse:
    """Receive a browser that signed out at the provider: register this address there. Nobody else calls it.

    Example: `GET /v1/sign-in/providers/franceconnect/signed-out?state=…`
    """
    url = await providers.signed_out(database, keyring, provider, state, here=configuration.public_address)
    return _to(url)
