"""What is particular to the engine inside PostgreSQL: transactions, its vocabulary, its rebuild."""

import uuid
from collections.abc import Sequence

import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.database import Database
from service.models import Posting, PostingIndex, PostingWords, SearchWord
from service.models.enums import PostingState
from service.schemas.search import PostingFacet, PostingFacts, Rebuilt, SearchKind, SearchQuery
from service.search.postgresql import PostgresqlEngine, vocabulary
from tests.factories import create_territory
from tests.search.world import World, build_world


@pytest.fixture
def search_engine() -> PostgresqlEngine:
    return PostgresqlEngine()


async def test_two_transactions_that_meet_the_same_new_words_never_wait(fresh_database: Database) -> None:
    engine = PostgresqlEngine()
    async with fresh_database.transaction() as session:
        territory = await create_territory(session)
    async with fresh_database.sessions() as one, fresh_database.sessions() as other:
        here, there = World(one, engine, territory), World(other, engine, territory)
        for session in (one, other):
            await session.execute(text("SET LOCAL lock_timeout = '1s'"))
        # Each has added the word that the other meets next: with a unique index, a deadlock.
        await here.add("Zingueur")
        await there.add("Abatteur")
        await here.add("Abatteur")
        await there.add("Zingueur")
        await one.commit()
        await other.commit()
    async with fresh_database.transaction() as session:
        twice = select(func.count()).where(SearchWord.word == "zingueur")
        assert await session.scalar(twice) == 2
        world = World(session, engine, territory)
        assert (await world.search("zingueur")).total == 2
        await engine.maintain(session)
        assert await session.scalar(twice) == 1
        assert (await world.search("zingueur")).total == 2


async def test_the_index_changes_with_the_transaction(world: World, database: Database) -> None:
    async with database.sessions() as session:
        inside = World(session, world.engine, world.territory)
        await inside.add("Zingueur")
        assert await inside.found("zingueur") == ["Zingueur"]
        await session.rollback()
    assert (await world.search("zingueur")).total == 0


async def test_deleting_a_posting_takes_it_out_of_the_index(world: World) -> None:
    posting = await world.add("Zingueur")
    await world.session.execute(text("DELETE FROM posting WHERE id = :id"), {"id": posting})
    assert (await world.search("zingueur")).total == 0


async def test_rebuilding_restores_what_was_lost_and_removes_what_must_not_show(
    world: World, database: Database
) -> None:
    documents = {}
    for number in range(250):
        facts = world._facts(f"Maçon {number}", "Aubenas")
        documents[facts.id] = facts
        world.session.add(world._posting(facts))
    hidden = await world.add("Maçon caché")
    paused = await world.add("Maçon en pause")
    for posting, change in ((hidden, {"shown": False}), (paused, {"state": PostingState.PAUSED})):
        await world.session.execute(update(Posting).where(Posting.id == posting).values(change))
    await world.session.commit()

    async def read(session: AsyncSession, after: uuid.UUID | None, limit: int) -> Sequence[PostingFacts]:
        assert session.in_transaction() is False, "each batch is a transaction of its own"
        await session.execute(text("SELECT 1"))
        ids = [posting for posting in sorted(documents) if after is None or posting > after]
        return [documents[posting] for posting in ids[:limit]]

    done: list[int] = []
    rebuilt = await world.engine.rebuild(database, SearchKind.POSTINGS, read, done.append)
    assert rebuilt == Rebuilt(indexed=250, removed=2)
    assert done == [200, 250]
    assert (await world.search("macon")).total == 250
    again = await world.engine.rebuild(database, SearchKind.POSTINGS, read, done.append)
    assert again == Rebuilt(indexed=250, removed=0)


async def test_indexing_the_same_again_writes_nothing(world: World) -> None:
    facts = world._facts("Maçon", "Aubenas")
    world.session.add(world._posting(facts))
    places = []
    for _ in range(2):
        await world.engine.index(world.session, [facts])
        rows = await world.session.execute(
            text("SELECT x.ctid, w.ctid FROM posting_index x JOIN posting_words w USING (posting_id)")
        )
        places.append(rows.all())
    assert places[0] == places[1]


async def test_a_rare_misspelling_in_a_posting_also_finds_what_was_meant(world: World) -> None:
    await world.add_all([{"title": "Infirmier"} for _ in range(10)])
    await world.add("Infrimier de nuit")
    await world.engine.maintain(world.session)
    page = await world.search("infrimier ")
    assert page.total == 11
    assert page.corrections == (), "the word exists"
    assert world.titles[page.hits[0].id] == "Infrimier de nuit"


async def test_a_frequent_word_is_not_read_as_another(world: World) -> None:
    await world.add_all([{"title": "Facteur"} for _ in range(3)])
    await world.add_all([{"title": "Tracteur"} for _ in range(30)])
    await world.engine.maintain(world.session)
    assert (await world.search("facteur ")).total == 3


async def test_a_typed_beginning_is_looked_for_among_names_then_everywhere(world: World) -> None:
    await world.add("Informaticien")
    await world.add("Plongeur", description="Pour toute information, pétrissage compris.")
    assert await world.found("info") == ["Informaticien"]
    page = await world.search("pétri")
    assert ([world.titles[hit.id] for hit in page.hits], page.relaxed) == (["Plongeur"], False)


@pytest.mark.parametrize(
    ("typed", "statements"),
    [
        ("", 1),
        ("macon", 2),
        ("macon aubenas", 2),
        ("maçno ", 3),
        ("maçon xylophone ", 6),  # two for close words, one for its parts; then all words, then those known
    ],
)
async def test_a_search_takes_few_statements(
    world: World, connection: AsyncConnection, typed: str, statements: int
) -> None:
    await world.add_all([{"title": "Maçon", "commune": "Aubenas"} for _ in range(3)])
    await world.engine.maintain(world.session)
    seen: list[str] = []

    def listen(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(connection.sync_connection, "before_cursor_execute", listen)
    await world.search(typed, facets=tuple(PostingFacet))
    event.remove(connection.sync_connection, "before_cursor_execute", listen)
    assert len([one for one in seen if "SAVEPOINT" not in one]) == statements, seen


@pytest.mark.parametrize(
    ("word", "errors"), [("abc", 0), ("abcd", 1), ("abcdefg", 1), ("abcdefgh", 2), ("bac2", 0)]
)
def test_longer_words_may_hold_more_errors(word: str, errors: int) -> None:
    assert vocabulary.errors_allowed(word) == errors


async def test_close_words_are_found_whatever_the_error(world: World) -> None:
    await world.add("Boulanger plombier couvreur charpentier zingueur")
    misspelt = ["boulnager", "plombie", "couvreurz", "chxrpentixr", "oingueur", "ouvreur", "palombier"]
    close = await vocabulary.close_to(world.session, (SearchKind.POSTINGS,), misspelt, None)
    assert {word: [near.word for near in found] for word, found in close.items()} == {
        "boulnager": ["boulanger"],
        "plombie": ["plombier"],
        "couvreurz": ["couvreur"],
        "chxrpentixr": ["charpentier"],
        "oingueur": ["zingueur"],
        "ouvreur": ["couvreur"],
        "palombier": ["plombier"],
    }


async def test_only_words_that_texts_still_hold_are_offered(world: World) -> None:
    posting = await world.add("Zingueur")
    await world.engine.maintain(world.session)
    counted = select(SearchWord.documents).where(SearchWord.word == "zingueur")
    assert await world.session.scalar(counted) == 1
    await world.remove(posting)
    await world.engine.maintain(world.session)
    assert await world.session.scalar(counted) == 0
    assert (await world.search("zinguer ")).corrections == ()


async def test_all_filters_and_facets_together_make_one_statement(world: World) -> None:
    employer = uuid.uuid4()
    await world.add("Maçon", commune="Aubenas")
    for typed in ("", "macon"):
        page = await world.search(
            typed,
            facets=tuple(PostingFacet),
            occupations=("D1102",),
            occupation_domains=("D",),
            sectors=("10",),
            in_tension=True,
            communes=("07019",),
            departements=("07",),
            employers=(employer,),
            sources=("ancrage",),
        )
        assert page.total == 0


async def test_quotes_in_facts_are_only_punctuation(world: World) -> None:
    posting = await world.add("Maçon", employer_name="O'Brien & \"fils\" \\ 'x'", description="' & | !")
    rows = await world.session.execute(
        select(PostingWords.title_key, PostingWords.title_size, PostingIndex.territory_id).join(
            PostingIndex, PostingIndex.posting_id == PostingWords.posting_id
        )
    )
    assert rows.all() == [("macon", 1, world.territory.id)]
    assert (await world.search("brien")).hits[0].id == posting


async def test_a_session_that_has_read_nothing_can_search(
    session: AsyncSession, connection: AsyncConnection
) -> None:
    engine = PostgresqlEngine()
    world = await build_world(session, engine)
    await world.add("Maçon")
    query = SearchQuery(territory_ids=(uuid.uuid4(),), text="macon")
    assert (await engine.search(AsyncSession(connection), query)).total == 0
