"""Signing in by e-mail, for a website that offers it with two calls; signing out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.api.dependencies import Configuration, Keys, Permitted, PreferredLanguage, Session
from service.api.idempotency import Idempotent, IdempotentRoute
from service.api.problems import problem_response, problems
from service.core.clock import now
from service.core.errors import SignInRefused
from service.domain import sign_in, sign_out as signing_out
from service.domain.access import Actor
from service.schemas.persons import PersonRead
from service.schemas.sign_in import (
    SignedOut,
    SignInCodeCreate,
    SignInCodeRead,
    TokenCreate,
    TokensRead,
)

router = APIRouter(prefix="/v1", tags=["Sign-in"], route_class=IdempotentRoute)
_NO_STORE = {"Cache-Control": "no-store"}


@router.post("/sign-in/codes", status_code=202, dependencies=[Idempotent], responses=problems(404, 409, 429))
async def create_sign_in_code(
    session: Session,
    keyring: Keys,
    actor: Annotated[Actor, Depends(Permitted("sign_in.create"))],
    language: PreferredLanguage,
    data: SignInCodeCreate,
) -> SignInCodeRead:
    """Have a code of eight digits and a link mailed to an address: the first of two calls to sign in.

    Example: `{"email": "camille.exemple@example.org"}`, from a page with `Ancrage-Key: ancrage_pk_…`, from a
    server with `Authorization: Bearer ancrage_sk_…` (scope `sign-in:write`). With a `return_url` the link
    opens that page of your site, of one of the publishable key's origins; a secret key has none and takes no
    `return_url`.

    The answer is the same whether or not the address is known: whoever reads mail there may sign in. Code
    and link count for ten minutes, once, for your API client alone; five wrong codes end the attempt. Asking
    again leaves the earlier mails good until they expire.

    At most five mails an hour go to one address, and thirty from one network: 429 then, with `Retry-After`.
    Called with a secret key, the network is your server's and not counted: limit your visitors yourself, to
    600 mails an hour in all.
    """
    started = await sign_in.start_through(session, keyring, actor, data, language=language)
    return SignInCodeRead.model_validate(started)


@router.post("/sign-in/tokens", response_model=TokensRead, responses=problems(422, 429))
async def create_sign_in_tokens(
    request: Request,
    response: Response,
    session: Session,
    keyring: Keys,
    actor: Annotated[Actor, Depends(Permitted("sign_in.create"))],
    data: TokenCreate,
) -> TokensRead | Response:
    """Exchange a code, a link or a refresh token for tokens of the person.

    Example: `{"sign_in_id": "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071", "code": "4807 2915"}`

    * **The access token** goes with calls for the person, as `Authorization: Bearer …`, for 15 minutes.
    * **The refresh token** is exchanged here for the next pair, once, within 30 days. The session ends after
      90 days whatever happens.
    * **A refresh token that comes twice ends the whole session at once**, for it may have been stolen. Let
      one tab refresh at a time: hold a lock (`navigator.locks.request("ancrage-refresh", …)`), read the
      stored token again once you have it, and use the pair another tab stored meanwhile. After an answer
      that was lost on the way, sign in again.
    * **Anything wrong**, used, expired or started by another API client is answered alike: 422 with the type
      `urn:ancrage:problem:sign-in-refused`.

    This answer is never kept for an `Idempotency-Key`: it holds secrets.
    """
    opened = await sign_in.exchange(session, keyring, actor, data)
    if opened is None:
        # An answer, not an error: a wrong code counts, and a token used twice ends its session.
        refused = SignInRefused(
            "This code, link or refresh token is wrong, used, expired or another client's. "
            "Check what was typed, or start again at `POST /v1/sign-in/codes`."
        )
        document = refused.as_dict() | {"instance": f"urn:ancrage:request:{request.state.request_id}"}
        return problem_response(document, _NO_STORE)
    response.headers.update(_NO_STORE)
    moment = now()
    assert opened.access_expires_at is not None  # noqa: S101 - an API session has both
    assert opened.refresh_expires_at is not None  # noqa: S101 - as above
    return TokensRead(
        access_token=opened.access_token or "",
        expires_in=round((opened.access_expires_at - moment).total_seconds()),
        refresh_token=opened.refresh_token or "",
        refresh_expires_in=round((opened.refresh_expires_at - moment).total_seconds()),
        person=PersonRead.model_validate(opened.person),
    )


@router.post("/sign-out")
async def sign_out(
    session: Session,
    keyring: Keys,
    configuration: Configuration,
    actor: Annotated[Actor, Depends(Permitted("session.revoke"))],
) -> SignedOut:
    """End the session whose access token you send; its tokens are refused from this answer on.

    When an OpenID provider vouched for the person, send their browser to `provider_logout_url`.
    """
    here = configuration.public_address
    return SignedOut(provider_logout_url=await signing_out.sign_out(session, keyring, actor, here=here))
