"""``ancrage client``, run as an operator runs it, in this process."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from service.cli import app
from service.core.database import Database, create_engine
from service.core.errors import Unauthenticated
from service.core.migrations import migrate
from service.core.settings import get_settings
from service.domain.access import Presented, authenticate
from service.models import Event
from tests.factories import create_territory

Ancrage = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url(new_database: Callable[..., str]) -> str:
    url = new_database("client_commands")

    async def prepare() -> None:
        engine = create_engine(url)
        await migrate(engine)
        async with Database(engine).transaction() as session:
            await create_territory(session, slug="bassin")
        await engine.dispose()

    asyncio.run(prepare())
    return url


@pytest.fixture
def ancrage(url: str, monkeypatch: pytest.MonkeyPatch) -> Ancrage:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def run(*words: str) -> tuple[int, str, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stdout, result.stderr

    return run


def _works(url: str, key: str, origin: str | None = None) -> bool:
    async def ask() -> bool:
        engine = create_engine(url)
        try:
            async with Database(engine).transaction() as session:
                await authenticate(session, Presented(f"Bearer {key.strip()}", origin=origin))
        except Unauthenticated:
            return False
        finally:
            await engine.dispose()
        return True

    return asyncio.run(ask())


def _kinds(url: str) -> list[tuple[str, str]]:
    async def ask() -> list[tuple[str, str]]:
        engine = create_engine(url)
        async with Database(engine).transaction() as session:
            rows = [(row.kind, row.actor) for row in await session.execute(select(Event.kind, Event.actor))]
        await engine.dispose()
        return rows

    return asyncio.run(ask())


def test_a_secret_key_is_made_turned_over_and_revoked(ancrage: Ancrage, url: str) -> None:
    made = ("client", "create", "--name", "Site", "--territory", "bassin", "--days", "30")
    code, first, said = ancrage(*made, "--scope", "postings:read")
    assert (code, first[:11]) == (0, "ancrage_sk_"), said
    assert "may: postings:read" in said
    client_id = said.split()[1]
    code, second, said = ancrage("client", "rotate", client_id)
    assert (code, "still work for 24 hours" in said) == (0, True), said
    assert _works(url, first)
    assert _works(url, second)
    code, third, said = ancrage("client", "rotate", client_id, "--overlap-hours", "0", "--days", "7")
    assert (code, "have ended" in said) == (0, True), said
    assert [_works(url, key) for key in (first, second, third)] == [False, False, True]
    assert ancrage("client", "revoke", client_id)[0] == 0
    assert not _works(url, third)
    code, _, said = ancrage("client", "rotate", client_id)
    assert (code, "is revoked, for good" in said) == (1, True)
    assert f"{client_id}  revoked  Site  [bassin]  secret: postings:read" in ancrage("client", "list")[1]
    assert ("client.revoked", "system:client") in _kinds(url)


def test_an_origin_makes_a_page_s_key(ancrage: Ancrage, url: str) -> None:
    origins = ("--origin", "https://www.bassin.example", "--origin", "http://localhost:5173")
    made = ("client", "create", "--name", "Page", "--territory", "bassin")
    code, key, said = ancrage(*made, *origins)
    assert (code, key[:11]) == (0, "ancrage_pk_"), said
    assert "is for the pages of http://localhost:5173, https://www.bassin.example" in said
    assert _works(url, key, "http://localhost:5173")
    assert not _works(url, key, "https://evil.example")
    assert "[bassin]  publishable: http://localhost:5173," in ancrage("client", "list")[1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--origin", "https://www.bassin.example/"),
            "written as browsers send it: https://www.bassin.example.",
        ),
        (("--origin", "https://www.bassin.example", "--scope", "postings:read"), "has no scopes"),
        (("--scope", "postings"), "Unknown scope postings."),
    ],
)
def test_what_cannot_be_is_one_clear_sentence(
    ancrage: Ancrage, options: tuple[str, ...], sentence: str
) -> None:
    code, _, said = ancrage("client", "create", "--name", "Site", "--territory", "bassin", *options)
    assert (code, sentence in said) == (1, True), said
    assert "Traceback" not in said
