"""Commands that look after the platform, run as a person runs them, in this process."""

import asyncio
from collections.abc import Callable

import orjson
import pytest
from typer.testing import CliRunner

from service import __version__
from service.cli import app
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import get_settings
from service.demo import load_demo
from service.domain import access


@pytest.fixture(scope="module")
def demo_url(new_database: Callable[..., str]) -> str:
    url = new_database("commands")

    async def prepare() -> None:
        engine = create_engine(url)
        await migrate(engine)
        await load_demo(Database(engine), lambda _: None)
        await engine.dispose()

    asyncio.run(prepare())
    return url


@pytest.fixture
def ancrage(demo_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("DATABASE_URL", demo_url)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")

    def run(*words: str) -> tuple[int, str, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stdout, result.stderr

    return run


Ancrage = Callable[..., tuple[int, str, str]]


def test_a_client_is_made_listed_and_revoked(ancrage: Ancrage) -> None:
    code, key, said = ancrage("client", "create", "--name", "Site", "--territory", "pays-des-sources")
    assert code == 0
    assert key.startswith("ancrage_sk_")
    client_id = said.split()[1]
    _, listed, _ = ancrage("client", "list")
    assert f"{client_id}  active   Site  [pays-des-sources]" in listed
    assert ancrage("client", "revoke", client_id)[0] == 0
    assert f"{client_id}  revoked" in ancrage("client", "list")[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["client", "create", "--name", "x", "--territory", "nulle-part"],
            "There is no territory `nulle-part`",
        ),
        (
            ["client", "create", "--name", "x", "--territory", "pays-des-sources", "--scope", "all"],
            "Unknown scope all. Known: " + ", ".join(sorted(access.SCOPES)),
        ),
        (["client", "revoke", "01a20140-0000-7000-8000-000000000000"], "There is no API client"),
    ],
)
def test_a_mistake_is_one_clear_sentence(ancrage: Ancrage, words: list[str], sentence: str) -> None:
    code, _, said = ancrage(*words)
    assert code == 1
    assert sentence in said
    assert "Traceback" not in said


def test_reindex_and_doctor_find_all_well(ancrage: Ancrage) -> None:
    code, _, said = ancrage("reindex")
    assert (code, "72 postings indexed" in said) == (0, True)
    code, told, said = ancrage("doctor")
    assert code == 0, said
    assert "3 territories, 80 postings" in told
    assert "Search: PostgreSQL\n" in told


def test_doctor_tells_of_an_engine_outside_that_does_not_answer(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEILISEARCH_URL", "http://127.0.0.1:9")
    code, told, said = ancrage("doctor")
    assert code == 1
    assert "Search: PostgreSQL, in the place of Meilisearch" in told
    assert "Meilisearch does not answer" in said
    assert "the index of postings is not ready" in said


def test_the_document_and_the_version_need_no_database(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, document, _ = ancrage("openapi")
    assert (code, orjson.loads(document)["info"]["version"]) == (0, __version__)
    assert ancrage("--version")[1].strip() == __version__


def test_an_unreachable_database_is_one_clear_sentence(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    code, _, said = ancrage("doctor")
    assert code == 1
    assert said.startswith("ancrage: ")
    assert "Traceback" not in said


def test_a_database_that_was_never_migrated_says_what_to_do(
    ancrage: Ancrage, new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", new_database("empty"))
    code, _, said = ancrage("client", "list")
    assert code == 1
    assert "run `ancrage migrate` first" in said
    assert ancrage("migrate")[0] == 0
    assert ancrage("client", "list")[0] == 0


def test_a_platform_begins_with_its_first_territory(ancrage: Ancrage) -> None:
    made = ("territory", "create", "ardeche", "--name", "Ardèche", "--kind", "departement")
    code, _, said = ancrage(*made, "--departement", "07")
    assert (code, "Ardèche (departement) covers 28 communes" in said) == (0, True), said
    code, _, said = ancrage(*made, "--departement", "07")
    assert (code, "The slug `ardeche` is taken" in said) == (1, True)
    inside = ("territory", "create", "ucel", "--name", "Ucel", "--kind", "commune", "--inside", "ardeche")
    assert ancrage(*inside, "--commune", "07325")[0] == 0
    _, listed, _ = ancrage("territory", "list")
    assert "ucel  commune  in ardeche  1 communes" in listed


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "name at least one region"),
        (("--departement", "99"), "Some codes of the coverage are unknown."),
        (("--inside", "nulle-part", "--departement", "07"), "There is no territory `nulle-part`"),
    ],
)
def test_a_territory_that_cannot_be_made_is_one_clear_sentence(
    ancrage: Ancrage, options: tuple[str, ...], sentence: str
) -> None:
    code, _, said = ancrage("territory", "create", "x", "--name", "X", "--kind", "epci", *options)
    assert (code, sentence in said) == (1, True), said
    assert "Traceback" not in said
