"""What the trades say for one another, and what ROME's own pairs of titles share."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import SearchWord
from service.search.postgresql import PostgresqlEngine
from service.search.synonyms import ALIKE, alternatives
from service.search.words import STOP_WORDS, words
from tests.search.world import World, build_world

ROME: Final = Path(__file__).parents[3] / "shared/data/rome/unix_referentiel_appellation_v460_utf8.csv"
SHARED_LETTERS: Final = 4
# Not two forms of one word, or one that ROME misspells.
TWO_WORDS: Final = frozenset(
    {
        ("bioinformaticienne", "bio"),
        ("contrebassiste", "contre"),
        ("sylviculteur", "sylvicutrice"),
        ("decontaminateur", "decontamineuse"),
    }
)


def stems(text: str) -> tuple[str, ...]:
    return tuple(word.stem for word in words(text))


@pytest_asyncio.fixture
async def world(session: AsyncSession) -> World:
    return await build_world(session, PostgresqlEngine())


@pytest.mark.parametrize("typed", ALIKE)
def test_each_entry_is_a_word_or_two_and_says_something_else(typed: str) -> None:
    assert 1 <= len(typed.split()) <= 2
    assert STOP_WORDS.isdisjoint(typed.split())
    for other in ALIKE[typed]:
        assert other
        assert not set(typed.split()) <= set(other), f"{typed} says no less than {' '.join(other)}"


def test_what_stands_for_two_words_stands_for_each_of_them() -> None:
    found = alternatives(stems("équipier fast food"))
    assert found["fast"] == found["food"] == (stems("restauration rapide"),)
    assert stems("employé polyvalent") in found["equipier"]


def test_words_apart_are_no_pair() -> None:
    assert alternatives(stems("fast caisse food")) == {}


def _pairs() -> Iterator[tuple[str, str]]:
    """Yield the first words in which the two genders of a ROME title differ."""
    with ROME.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            masculine, slash, feminine = row["libelle_appellation_court"].partition(" / ")
            if not slash:
                continue
            for one, other in zip(words(masculine), words(feminine), strict=False):
                if one.stem != other.stem:
                    yield one.folded, other.folded
                    break


@pytest.mark.skipif(not ROME.is_file(), reason="the shared data are not on this machine (../shared/data)")
def test_both_genders_of_a_rome_title_share_their_stems() -> None:
    apart = {pair for pair in _pairs() if pair[0][:SHARED_LETTERS] == pair[1][:SHARED_LETTERS]} - TWO_WORDS
    assert not apart


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("nounou", "Garde d'enfants à domicile"),
        ("plongeur", "Plonge du soir"),
        ("ADVF", "Assistante de vie"),
        ("équipier fast food", "Agent de restauration rapide"),
        ("baby-sitter", "Garde d'enfants"),
        ("caissière", "Hôte de caisse"),
        ("manageuse", "Manager"),
        ("barmaid", "Barman"),
        ("conducteur super poids lourd", "Chauffeur SPL, conducteur"),
    ],
)
async def test_what_the_trade_says_finds_what_the_title_says(world: World, typed: str, title: str) -> None:
    await world.add_all([{"title": title}, {"title": "Horloger"}])
    assert await world.found(typed) == [title]


async def test_the_word_itself_comes_first(world: World) -> None:
    await world.add("Agent de propreté")
    await world.add("Agent de nettoyage")
    assert await world.found("agent de nettoyage") == ["Agent de nettoyage", "Agent de propreté"]


async def test_what_stands_for_the_word_that_was_meant_stands_for_the_misspelt_one(world: World) -> None:
    await world.add("Agent de nettoyage")
    await world.add("Agent de propreté")
    assert await world.found("agent de netoyage") == ["Agent de nettoyage", "Agent de propreté"]


async def test_an_article_written_with_its_word_is_left_out(world: World) -> None:
    await world.add("Agent d'entretien")
    page = await world.search("agent dentretien")
    assert [world.titles[hit.id] for hit in page.hits] == ["Agent d'entretien"]
    assert page.corrections == ()


async def test_a_second_error_is_read_where_nothing_is_closer(world: World) -> None:
    await world.add("Vendeur")
    await world.add("Horloger")
    assert await world.found("vednuer") == ["Vendeur"]


async def test_a_whole_word_is_no_beginning_in_a_description(world: World) -> None:
    """Else "serveur extra" would be answered by who speaks of servers and of an extraction."""
    await world.add("Serveur")
    await world.add("Analyste", description="Des serveurs et une extraction de données.")
    await world.add("Traiteur", description="En extra le soir.")
    assert (await world.found("serveur extra"))[0] == "Serveur"


async def test_a_stem_that_words_had_in_an_older_version_is_given_up(world: World) -> None:
    world.session.add(
        SearchWord(
            kind="postings", word="serveuse", stem="serveus", initial="s", size=8, letters=0, documents=3
        )
    )
    await world.session.flush()
    await world.add("Serveuse")
    await world.engine.maintain(world.session)
    stems = await world.session.scalars(select(SearchWord.stem).where(SearchWord.word == "serveuse"))
    assert list(stems) == ["serveur"]
