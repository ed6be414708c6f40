"""Credentials that are forged, foreign, spent or of the wrong kind, wherever one is read: all refused."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen, now
from service.core.database import Database
from service.core.security import Kind, hash_secret, new_key
from service.domain import sessions
from service.domain.derived import guardian_link, invitation_link
from service.models import Person, PersonSession, SignIn, Token
from tests.client import ApiClient
from tests.factories import create_person, sign_in_as
from tests.sign_in.support import (
    ORIGIN,
    REFUSED,
    Website,
    bearer,
    code_of,
    create_program,
    from_network,
    link_of,
    sign_in,
    start,
    wrong,
)


@dataclass(frozen=True, slots=True)
class Forge:
    """What whoever forges may have in hand: true credentials of every kind, alive, spent and foreign."""

    website: Website
    access: str
    refresh: str
    expired: str
    expired_refresh: str
    revoked: str
    revoked_refresh: str
    anonymised: str
    orphaned: str
    cookie: str
    used_link: str
    used: dict[str, str]
    alive: dict[str, str]
    alive_code: str
    alive_link: str
    foreign: dict[str, str]
    foreign_code: str
    foreign_link: str
    foreign_refresh: str
    late: dict[str, str]
    late_code: str
    late_link: str
    invitation: str
    guardian: str
    expired_key: str
    revoked_key: str


@pytest.fixture
async def forge(client: ApiClient, session: AsyncSession, database: Database, website: Website) -> Forge:
    program, revoked_program_key = await create_program(
        session, website.territory, name="Ancien", revoked_at=now()
    )
    _, expired_key = await create_program(session, website.territory, name="Passé", expires_at=now())
    person = await create_person(session)
    gone = await create_person(session, email=None, anonymised_at=now())
    anonymised = await sign_in_as(session, gone)
    orphaned = await sign_in_as(session, person, client_id=program.id)
    await session.commit()
    with frozen(now() - timedelta(days=31)):
        past = await sign_in(client, website.page)
        late = await start(client, website.page)
    taken = await sign_in(client, website.page, "prise@example.org")
    assert (await client.post("/v1/sign-out", headers=bearer(taken["access_token"]))).status_code == 200
    good = await sign_in(client, website.page, "bonne@example.org")
    used = await start(client, website.page, "servie@example.org")
    proof = {"sign_in_id": used["sign_in_id"], "code": code_of(client.app, used["sign_in_id"])}
    assert (await client.post("/v1/sign-in/tokens", json=proof, headers=website.page)).status_code == 200
    alive = await start(client, website.page, "vivante@example.org")
    foreign = await start(client, website.stranger, "etrangere@example.org")
    theirs = await sign_in(client, website.stranger, "autre@example.org")
    async with database.transaction() as inner:
        opened = await sessions.open_session(inner, await inner.get_one(Person, person.id), kind="console")
    return Forge(
        website=website,
        access=good["access_token"],
        refresh=good["refresh_token"],
        expired=past["access_token"],
        expired_refresh=past["refresh_token"],
        revoked=taken["access_token"],
        revoked_refresh=taken["refresh_token"],
        anonymised=anonymised,
        orphaned=orphaned,
        cookie=opened.cookie or "",
        used_link=link_of(client.app, used["sign_in_id"]),
        used=proof,
        alive=alive,
        alive_code=code_of(client.app, alive["sign_in_id"]),
        alive_link=link_of(client.app, alive["sign_in_id"]),
        foreign=foreign,
        foreign_code=code_of(client.app, foreign["sign_in_id"]),
        foreign_link=link_of(client.app, foreign["sign_in_id"]),
        foreign_refresh=theirs["refresh_token"],
        late=late,
        late_code=code_of(client.app, late["sign_in_id"]),
        late_link=link_of(client.app, late["sign_in_id"]),
        invitation=invitation_link(client.app.state.keyring, uuid.UUID(alive["sign_in_id"])),
        guardian=guardian_link(client.app.state.keyring, uuid.UUID(alive["sign_in_id"])),
        expired_key=expired_key,
        revoked_key=revoked_program_key,
    )


def _flipped(token: str) -> str:
    return token[:-1] + ("0" if token[-1] != "0" else "1")


def _relabelled(token: str, kind: Kind) -> str:
    """Return a token under another prefix; its checksum still holds, for it covers the body alone."""
    return kind + token.rpartition("_")[2]


def _jwt(header: dict[str, Any], secret: bytes = b"") -> str:
    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    claims = {"sub": str(uuid.UUID(int=1)), "exp": 4102444800, "scope": "operator"}
    signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    signature = hmac.digest(secret, signed.encode(), "sha256") if secret else b""
    return f"{signed}.{encoded(signature)}"


def _fullwidth(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) if character.isdigit() else character for character in text)


Made = Callable[[Forge], str | bytes]
# In the header Authorization.
AUTHORIZATION: dict[str, Made] = {
    "empty": lambda _: "",
    "scheme alone": lambda _: "Bearer",
    "scheme and space": lambda _: "Bearer ",
    "token without scheme": lambda f: f.access,
    "another scheme": lambda f: f"Token {f.access}",
    "basic": lambda f: "Basic " + base64.b64encode(f"x:{f.access}".encode()).decode(),
    "basic with a secret key": lambda f: (
        "Basic " + base64.b64encode(f"{f.website.server.id}:{f.website.secret}".encode()).decode()
    ),
    "digest": lambda f: f'Digest username="x", response="{f.access}"',
    "checksum broken": lambda f: f"Bearer {_flipped(f.access)}",
    "body changed": lambda f: f"Bearer {f.access[:15]}{_flipped(f.access[:16])[15:]}{f.access[16:]}",
    "cut short": lambda f: f"Bearer {f.access[:-6]}",
    "lengthened": lambda f: f"Bearer {f.access}0",
    "upper case": lambda f: f"Bearer {f.access.upper()}",
    "quoted": lambda f: f'Bearer "{f.access}"',
    "twice in one": lambda f: f"Bearer {f.access} {f.access}",
    "listed": lambda f: f"Bearer {f.access}, Bearer {f.access}",
    "well-formed, unknown": lambda _: f"Bearer {new_key(Kind.ACCESS)}",
    "well-formed secret key, unknown": lambda _: f"Bearer {new_key(Kind.SECRET_KEY)}",
    "its own hash": lambda f: f"Bearer {hash_secret(f.access).hex()}",
    "expired": lambda f: f"Bearer {f.expired}",
    "of a session signed out": lambda f: f"Bearer {f.revoked}",
    "of somebody anonymised": lambda f: f"Bearer {f.anonymised}",
    "of a revoked website": lambda f: f"Bearer {f.orphaned}",
    "refresh token": lambda f: f"Bearer {f.refresh}",
    "refresh token called access": lambda f: f"Bearer {_relabelled(f.refresh, Kind.ACCESS)}",
    "access token called secret key": lambda f: f"Bearer {_relabelled(f.access, Kind.SECRET_KEY)}",
    "secret key called access token": lambda f: f"Bearer {_relabelled(f.website.secret, Kind.ACCESS)}",
    "console cookie": lambda f: f"Bearer {f.cookie}",
    "console cookie called access": lambda f: f"Bearer {_relabelled(f.cookie, Kind.ACCESS)}",
    "link": lambda f: f"Bearer {f.alive_link}",
    "code": lambda f: f"Bearer {f.alive_code}",
    "publishable key without a page": lambda f: f"Bearer {f.website.publishable}",
    "publishable key called secret": lambda f: (
        f"Bearer {_relabelled(f.website.publishable, Kind.SECRET_KEY)}"
    ),
    "JWT without algorithm": lambda _: f"Bearer {_jwt({'alg': 'none', 'typ': 'JWT'})}",
    "JWT, HS256 by the public prefix": lambda _: f"Bearer {_jwt({'alg': 'HS256'}, b'ancrage_at_')}",
    "JWT with its own key": lambda _: (
        f"Bearer {_jwt({'alg': 'HS256', 'jwk': {'kty': 'oct', 'k': 'eA'}, 'kid': '../../dev/null'}, b'x')}"
    ),
    "JWT with a foreign address of keys": lambda _: (
        f"Bearer {_jwt({'alg': 'RS256', 'jku': 'https://x.example/', 'x5u': 'https://x.example'}, b'x')}"
    ),
    "injected SQL": lambda _: "Bearer ancrage_at_' OR '1'='1",
    "not ASCII": lambda _: "Bearer ancrage_at_ééééé".encode(),
    "not UTF-8": lambda _: b"Bearer ancrage_at_\xff\xfe",
    "full-width digits": lambda f: f"Bearer {_fullwidth(f.access)}".encode(),
    "NUL at the end": lambda f: f"Bearer {f.access}\0".encode(),
    "zero-width space at the end": lambda f: f"Bearer {f.access}\u200b".encode(),
    "a hundred kilobytes": lambda _: "Bearer " + "A" * 100_000,
    "ten megabytes": lambda _: "Bearer ancrage_at_" + "A" * 10_000_000,
}
# In the header Ancrage-Key, from the website's page unless the second says from where.
KEY: dict[str, tuple[Callable[[Forge], str], str | None]] = {
    "empty": (lambda _: "", ORIGIN),
    "checksum broken": (lambda f: _flipped(f.website.publishable), ORIGIN),
    "well-formed, unknown": (lambda _: new_key(Kind.PUBLISHABLE_KEY), ORIGIN),
    "secret key": (lambda f: f.website.secret, ORIGIN),
    "secret key called publishable": (
        lambda f: _relabelled(f.website.secret, Kind.PUBLISHABLE_KEY),
        ORIGIN,
    ),
    "access token": (lambda f: f.access, ORIGIN),
    "scheme in front": (lambda f: f"Bearer {f.website.publishable}", ORIGIN),
    "expired": (lambda f: f.expired_key, ORIGIN),
    "revoked": (lambda f: f.revoked_key, ORIGIN),
    "no page": (lambda f: f.website.publishable, None),
    "page of nobody": (lambda f: f.website.publishable, "null"),
    "empty page": (lambda f: f.website.publishable, ""),
    "foreign page": (lambda f: f.website.publishable, "https://pirate.example"),
    "page not encrypted": (lambda f: f.website.publishable, "http://www.exemple.fr"),
    "page on another port": (lambda f: f.website.publishable, f"{ORIGIN}:8443"),
    "page of a longer name": (lambda f: f.website.publishable, f"{ORIGIN}.pirate.example"),
    "page below": (lambda f: f.website.publishable, "https://sous.www.exemple.fr"),
    "page with a path": (lambda f: f.website.publishable, f"{ORIGIN}/"),
    "two pages": (lambda f: f.website.publishable, f"{ORIGIN} https://pirate.example"),
    "ten megabytes": (lambda _: "ancrage_pk_" + "A" * 10_000_000, ORIGIN),
}
Body = Callable[[Forge], dict[str, Any]]
# At POST /v1/sign-in/tokens, from the website's page.
PROOFS: dict[str, Body] = {
    "code: wrong": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": wrong(f.alive_code)},
    "code: a digit less": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": f.alive_code[:-1]},
    "code: a digit more": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": f.alive_code + "0"},
    "code: empty": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": ""},
    "code: letters": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": "ABCDEFGH"},
    "code: full-width digits": lambda f: {
        "sign_in_id": f.alive["sign_in_id"],
        "code": _fullwidth(f.alive_code),
    },
    "code: a number": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": int(f.alive_code)},
    "code: a list": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": [f.alive_code]},
    "code: its hash": lambda f: {
        "sign_in_id": f.alive["sign_in_id"],
        "code": hashlib.sha256(f.alive_code.encode()).hexdigest(),
    },
    "code: of another sign-in": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": f.foreign_code},
    "code: for another sign-in": lambda f: {"sign_in_id": f.foreign["sign_in_id"], "code": f.alive_code},
    "code: another website's": lambda f: {
        "sign_in_id": f.foreign["sign_in_id"],
        "code": f.foreign_code,
    },
    "code: late": lambda f: {"sign_in_id": f.late["sign_in_id"], "code": f.late_code},
    "code: used": lambda f: f.used,
    "code: unknown sign-in": lambda f: {"sign_in_id": str(uuid.uuid4()), "code": f.alive_code},
    "code: no sign-in": lambda f: {"sign_in_id": str(uuid.UUID(int=0)), "code": f.alive_code},
    "code: the link": lambda f: {"sign_in_id": f.alive["sign_in_id"], "code": f.alive_link},
    "code: without sign-in": lambda f: {"code": f.alive_code},
    "code: of two kinds at once": lambda f: {
        "sign_in_id": f.alive["sign_in_id"],
        "code": f.alive_code,
        "link": f.alive_link,
    },
    "link: checksum broken": lambda f: {"link": _flipped(f.alive_link)},
    "link: well-formed, unknown": lambda _: {"link": new_key(Kind.LINK)},
    "link: late": lambda f: {"link": f.late_link},
    "link: used": lambda f: {"link": f.used_link},
    "link: another website's": lambda f: {"link": f.foreign_link},
    "link: of an invitation": lambda f: {"link": f.invitation},
    "link: of a parent": lambda f: {"link": f.guardian},
    "link: the code": lambda f: {"link": f.alive_code},
    "link: the sign-in": lambda f: {"link": f.alive["sign_in_id"]},
    "link: the refresh token": lambda f: {"link": f.refresh},
    "link: the refresh token called link": lambda f: {"link": _relabelled(f.refresh, Kind.LINK)},
    "link: with a sign-in": lambda f: {"sign_in_id": f.foreign["sign_in_id"], "link": f.alive_link},
    "link: NUL at the end": lambda f: {"link": f.alive_link + "\0"},
    "link: too long": lambda f: {"link": f.alive_link + "A" * 1000},
    "refresh: checksum broken": lambda f: {"refresh_token": _flipped(f.refresh)},
    "refresh: well-formed, unknown": lambda _: {"refresh_token": new_key(Kind.REFRESH)},
    "refresh: expired": lambda f: {"refresh_token": f.expired_refresh},
    "refresh: of a session signed out": lambda f: {"refresh_token": f.revoked_refresh},
    "refresh: another website's": lambda f: {"refresh_token": f.foreign_refresh},
    "refresh: the access token": lambda f: {"refresh_token": f.access},
    "refresh: the access token called refresh": lambda f: {
        "refresh_token": _relabelled(f.access, Kind.REFRESH)
    },
    "refresh: the console cookie called refresh": lambda f: {
        "refresh_token": _relabelled(f.cookie, Kind.REFRESH)
    },
    "refresh: the link": lambda f: {"refresh_token": f.alive_link},
    "refresh: a JWT": lambda _: {"refresh_token": _jwt({"alg": "none"})},
    "refresh: empty": lambda _: {"refresh_token": ""},
    "refresh: with the scheme": lambda f: {"refresh_token": f"Bearer {f.refresh}"},
    "refresh: null": lambda _: {"refresh_token": None},
    "nothing": lambda _: {},
}


async def _written(session: AsyncSession) -> tuple[Any, ...]:
    """Return what no forged credential may change."""
    return (
        await session.scalar(select(func.count()).select_from(Token)),
        await session.scalar(select(func.count()).where(PersonSession.revoked_at.is_(None))),
        await session.scalar(select(func.count()).where(SignIn.used_at.is_not(None))),
        await session.scalar(select(func.count()).select_from(SignIn)),
        await session.scalar(select(func.count()).select_from(Person)),
    )


def test_how_many_cases_there_are() -> None:
    cases = len(AUTHORIZATION) + len(KEY) + len(PROOFS)
    print(f"\nForged credentials: {cases} cases")  # noqa: T201 - the figure asked for
    assert cases >= 100


def _caller(client: ApiClient, number: int) -> ApiClient:
    """Return a caller from a network of its own: no case locks out the next."""
    return from_network(client, f"198.51.100.{number}")


async def test_a_forged_authorization_is_refused(
    client: ApiClient, session: AsyncSession, forge: Forge
) -> None:
    before = await _written(session)
    wrong_answers = {}
    for number, (case, made) in enumerate(AUTHORIZATION.items()):
        caller = _caller(client, number)
        value = made(forge)
        sent = value if isinstance(value, bytes) else value.encode()
        for method, path in (("GET", "/v1/me"), ("POST", "/v1/sign-out"), ("POST", "/v1/sign-in/codes")):
            body = {"email": "a@example.org"} if path.endswith("codes") else None
            answer = await caller.request(method, path, headers=[(b"authorization", sent)], json=body)
            repeated = len(sent) > len("Bearer ") and sent in answer.content
            if answer.status_code not in {401, 431} or "urn:ancrage:problem:" not in answer.text or repeated:
                wrong_answers[case, path] = answer.status_code, answer.text[:200]
    assert wrong_answers == {}
    assert await _written(session) == before
    assert (await client.get("/v1/me", headers=bearer(forge.access))).status_code == 200


async def test_a_forged_key_is_refused(client: ApiClient, session: AsyncSession, forge: Forge) -> None:
    before = await _written(session)
    wrong_answers = {}
    for number, (case, (made, origin)) in enumerate(KEY.items()):
        headers = {"Ancrage-Key": made(forge)} | ({"Origin": origin} if origin is not None else {})
        answer = await _caller(client, number).post(
            "/v1/sign-in/codes", json={"email": "a@example.org"}, headers=headers
        )
        if answer.status_code not in {401, 431}:
            wrong_answers[case] = answer.status_code, answer.text[:200]
    assert wrong_answers == {}
    assert await _written(session) == before


async def test_a_forged_proof_is_refused(client: ApiClient, session: AsyncSession, forge: Forge) -> None:
    before = await _written(session)
    wrong_answers = {}
    for number, (case, made) in enumerate(PROOFS.items()):
        # Each by itself: five wrong codes would end the attempt.
        await session.execute(update(SignIn).values(attempts=0))
        answer = await _caller(client, number).post(
            "/v1/sign-in/tokens", json=made(forge), headers=forge.website.page
        )
        told = answer.json().get("type")
        if answer.status_code != 422 or told not in {REFUSED, "urn:ancrage:problem:invalid"}:
            wrong_answers[case] = answer.status_code, answer.text[:200]
    assert wrong_answers == {}
    assert await _written(session) == before
    # What is true still counts: nothing was spoilt.
    for proof in ({"link": forge.alive_link}, {"refresh_token": forge.refresh}):
        answer = await client.post("/v1/sign-in/tokens", json=proof, headers=forge.website.page)
        assert answer.status_code == 200
