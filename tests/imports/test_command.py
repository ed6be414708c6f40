"""``ancrage import postings``, as an operator runs it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from typer.testing import CliRunner, Result

from service.cli import app
from service.core.database import Database, create_engine
from service.core.settings import get_settings
from tests.factories import create_territory
from tests.imports.invented import create_world, item, items, save

Run = Callable[..., Result]


@pytest.fixture
def ancrage(new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yield ``run(*words)``, which runs the command on a database of its own."""
    url = new_database("imports")
    monkeypatch.setenv("DATABASE_URL", url)
    get_settings.cache_clear()

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    assert run("migrate").exit_code == 0
    yield run
    get_settings.cache_clear()


@pytest.fixture
def ardeche(ancrage: Run) -> Run:
    """Return ``run(file, *options)``, which imports a file into the territory ``ardeche``."""
    in_database(create_world)

    def run(file: Path, *options: object) -> Result:
        return ancrage(
            "import", "postings", "--source", "france-travail", "--territory", "ardeche", *options, file
        )

    return run


def in_database(step: Callable[[AsyncSession], Awaitable[object]]) -> None:
    """Run a step on the database of the commands, and commit."""
    url = get_settings().database_url
    assert url is not None

    async def run() -> None:
        database = Database(create_engine(url))
        async with database.transaction() as session:
            await step(session)
        await database.close()

    asyncio.run(run())


def counts(result: Result) -> dict[str, int]:
    """Return the account that was printed."""
    lines = [line.split() for line in result.stdout.splitlines()[1:]]
    return {name: int(count.replace(",", "")) for count, name, *_ in lines if count != "rejected"}


def test_a_file_comes_in_is_recognised_and_what_it_lost_is_withdrawn(ardeche: Run, tmp_path: Path) -> None:
    raw = [*items(*range(1, 301)), item(7), {"id": "BROKEN"}]
    first = ardeche(save(tmp_path / "ardèche cdi.json", raw))
    assert first.exit_code == 0, first.output
    assert "“ardèche cdi” of ardeche: done" in first.stdout
    assert counts(first) == {
        "read": 302,
        "imported": 300,
        "updated": 0,
        "unchanged": 0,
        "repeated": 1,
        "rejected": 1,
        "distinct": 300,
        "grouped": 0,
        "withdrawn": 0,
    }
    assert "no title (/intitule)" in first.stdout
    assert "200 of 300 postings" in first.stderr
    second = ardeche(tmp_path / "ardèche cdi.json")
    assert counts(second) | {"repeated": 1} == counts(first) | {"imported": 0, "unchanged": 300}
    reduced = ardeche(save(tmp_path / "other name.json", raw[90:300]))
    assert "recognised: it lists 210 of the 210 postings" in reduced.stderr
    assert (counts(reduced)["withdrawn"], counts(reduced)["unchanged"]) == (90, 210)


def test_a_doubtful_file_is_a_warning_and_withdraws_nothing(ardeche: Run, tmp_path: Path) -> None:
    file = save(tmp_path / "feed.json", items(*range(1, 11)))
    ardeche(file)
    few = ardeche(save(file, items(1, 2)))
    assert (few.exit_code, counts(few)["withdrawn"], counts(few)["kept_by_floor"]) == (0, 0, 8)
    assert few.stderr.splitlines()[-1].startswith("Warning: Feed “feed”, recognised")
    assert "Only 2 of the 10" in few.stderr
    empty = ardeche(save(file, []))
    assert (empty.exit_code, counts(empty)["kept_by_floor"]) == (0, 10)
    confirmed = ardeche(save(file, items(1, 2)), "--floor", 0)
    assert (confirmed.exit_code, counts(confirmed)["withdrawn"]) == (0, 8)


def test_a_truncated_file_fails_with_one_sentence_and_a_report(ardeche: Run, tmp_path: Path) -> None:
    file = save(tmp_path / "feed.json", items(*range(1, 11)))
    ardeche(file)
    file.write_bytes(file.read_bytes()[:-40])
    cut = ardeche(file)
    assert cut.exit_code == 1
    assert "“feed” of ardeche: failed" in cut.stdout
    assert cut.stderr.splitlines()[-1] == (
        "ancrage: feed.json was not imported: the file stops in the middle: it was not downloaded whole."
    )
    file.write_text(json.dumps({"error": "Too many requests"}))
    assert "an error reply, not a feed: Too many requests." in ardeche(file).stderr
    assert counts(ardeche(save(file, items(*range(1, 11)))))["unchanged"] == 10


def test_the_feed_may_be_named(ardeche: Run, tmp_path: Path) -> None:
    file = save(tmp_path / "feed.json", items(1, 2, 3))
    named = ardeche(file, "--feed", "Ardèche entière")
    assert "“Ardèche entière” of ardeche: done" in named.stdout


def test_what_cannot_be_done_is_one_sentence(ardeche: Run, ancrage: Run, tmp_path: Path) -> None:
    file = save(tmp_path / "feed.json", items(1))
    missing = ardeche(tmp_path / "nowhere.json")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.splitlines()[-1].endswith("nowhere.json: No such file or directory.")
    unknown = ancrage("import", "postings", "--source", "france-travail", "--territory", "atlantis", file)
    assert unknown.exit_code == 1
    assert "There is no territory `atlantis`" in unknown.stderr
    source = ancrage("import", "postings", "--source", "monster", "--territory", "ardeche", file)
    assert source.exit_code == 1
    assert "the source monster is not known" in source.stderr


def test_without_communes_the_command_says_what_to_run(ancrage: Run, tmp_path: Path) -> None:
    in_database(partial(create_territory, slug="ardeche"))
    file = save(tmp_path / "feed.json", items(1))
    result = ancrage("import", "postings", "--source", "france-travail", "--territory", "ardeche", file)
    assert result.exit_code == 1
    assert "`ancrage import communes FILE`" in result.stderr.splitlines()[-1]
