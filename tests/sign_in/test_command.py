"""``ancrage person operator``: the first person who may invite anybody."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from service.cli import app
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import get_settings
from service.domain.access import actor_of
from service.models import AuditEntry, Person, RoleGrant

Ancrage = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def url(new_database: Callable[..., str]) -> str:
    url = new_database("persons")

    async def prepare() -> None:
        engine = create_engine(url)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(prepare())
    return url


@pytest.fixture
def ancrage(url: str, monkeypatch: pytest.MonkeyPatch) -> Ancrage:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def run(*words: str) -> tuple[int, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stderr

    return run


def test_an_operator_is_made_once(ancrage: Ancrage, url: str) -> None:
    code, said = ancrage("person", "operator", "Directrice@Exemple.FR", "--language", "en")
    assert (code, said.startswith("directrice@exemple.fr is now an operator.")) == (0, True)
    code, said = ancrage("person", "operator", "directrice@exemple.fr")
    assert (code, said) == (0, "directrice@exemple.fr was an operator already.\n")

    async def look() -> None:
        engine = create_engine(url)
        async with Database(engine).transaction() as session:
            person = (await session.scalars(select(Person))).one()
            assert (person.email, person.language) == ("directrice@exemple.fr", "en")
            grant = (await session.scalars(select(RoleGrant))).one()
            assert (grant.given_by, grant.territory_id) == ("system:person", None)
            assert (await actor_of(session, person)).everywhere
            actions = (await session.scalars(select(AuditEntry.action))).all()
            assert "role.granted" in actions
        await engine.dispose()

    asyncio.run(look())


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["directrice"], "ancrage: the address must be one e-mail address, with one @."),
        (["a@exemple"], "ancrage: the address must end in a domain name, such as example.org."),
        (["a@exemple.fr", "--language", "it"], "ancrage: mails are written in fr and en, not in it."),
    ],
)
def test_a_mistake_is_one_clear_sentence(ancrage: Ancrage, words: list[str], sentence: str) -> None:
    assert ancrage("person", "operator", *words) == (1, f"{sentence}\n")
