"""What Meilisearch is told of a thing, and that none of it can be taken for anything else."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import orjson
import pytest
from hypothesis import given, strategies as st

from service.core.errors import BadCursor
from service.models.enums import ContractKind
from service.schemas.search import DocumentFacts, PostingFacts, SearchKind, SortValues
from service.search.meilisearch import places, values, wording
from service.search.meilisearch.documents import digest, document
from service.search.meilisearch.places import DatePlace, RankPlace, Window
from service.search.meilisearch.settings import settings, settings_digest, shown_digest
from service.search.query import parse
from service.search.words import stem
from tests.search.world import NOON

ONE = uuid.UUID(int=1)
FACTS = PostingFacts(
    id=ONE,
    territory_id=uuid.UUID(int=2),
    title="Serveur / Serveuse de restaurant (H/F)",
    published_at=NOON,
    source="ancrage",
    description="Service du soir, CDI possible",
    contract_kind=ContractKind.FIXED_TERM,
    occupation_code="G1803",
    occupation_label="Serveur / Serveuse en restauration",
    places=("Aubenas", "Ardèche"),
    yearly_salary_min=Decimal("20000.50"),
    latitude=44.62,
    longitude=4.39,
)


def test_a_document_holds_stems_and_codes_and_no_text_as_it_was_written() -> None:
    told = document(FACTS)
    assert told["title"] == "serveur restaurant"
    assert "serveuse" in told["title_forms"].split()
    assert {"serveur", "serveuse", "aubenas", "ardeche"} <= set(told["beginnings"])
    assert {"soir", "cdd"} <= set(told["words"])
    assert "cdi" not in told["words"], "the contract decides"
    assert told["occupation_domains"] == ["G", "G18"]
    assert (told["contract"], told["salary"], told["_geo"]) == (
        "fixed_term",
        20000,
        {"lat": 44.62, "lng": 4.39},
    )
    assert told["newest"] == f"2026-03-02T12:00:00.000000/{ONE}"
    assert "Serveur" not in orjson.dumps(told).decode()


def test_the_same_facts_make_the_same_digest_and_others_another() -> None:
    told = document(FACTS)
    assert told["digest"] == digest(told) == document(replace(FACTS))["digest"]
    for change in (
        {"title": "Serveur"},
        {"description": None},
        {"territory_id": ONE},
        {"valid_through": NOON},
        {"published_at": NOON + timedelta(microseconds=1)},
        {"in_tension": True},
        {"latitude": None},
        {"source": "Ancrage"},
    ):
        assert document(replace(FACTS, **change))["digest"] != told["digest"], change


def test_other_kinds_are_told_by_their_words() -> None:
    told = document(
        DocumentFacts(
            kind=SearchKind.TERRITORIES,
            id=ONE,
            territory_id=ONE,
            title="Pays d'Aubenas",
            published_at=NOON,
            names=("Bassin d'Aubenas",),
        )
    )
    assert told["title"] == "pay aubena"
    assert "contract" not in told
    assert told["valid_through"] == values.ENDLESS


@given(st.text(max_size=300), st.text(max_size=300), st.sampled_from([values.CODE, values.NAME]))
def test_no_two_values_stand_for_one_another_nor_end_a_quotation(one: str, other: str, shape: object) -> None:
    assert shape is values.CODE or shape is values.NAME
    pattern = values.CODE if shape is values.CODE else values.NAME
    kept, also = values.kept(one, pattern), values.kept(other, pattern)
    assert (one == other) == (kept.lower() == also.lower())
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_~") for letter in kept)
    assert values.read(kept) in {one, None}


@given(st.text(max_size=400))
def test_no_text_gets_into_a_filter_or_a_query_but_as_stems(typed: str) -> None:
    parsed = parse(typed)
    if not parsed.words:
        return
    level = wording.spelt(parsed)
    allowed = set('abcdefghijklmnopqrstuvwxyz0123456789+# "')
    assert set(level.queries[0].q) <= allowed
    bare = level.filter
    for known in ("beginnings STARTS WITH ", "words = ", " AND ", " OR ", "(", ")"):
        bare = bare.replace(known, "")
    assert set(bare) <= allowed


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_dates_sort_in_letters_as_in_time(one: datetime, other: datetime) -> None:
    assert (one < other) == (values.instant(one) < values.instant(other))
    assert values.read_newest(values.newest(one, ONE)) == (one, ONE)


@pytest.mark.parametrize(
    ("moment", "microseconds"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC), 1_772_452_800_000_001),
        (datetime(2026, 3, 2, 13, tzinfo=timezone(timedelta(hours=1))), 1_772_452_800_000_000),
        (datetime(9999, 12, 31, tzinfo=UTC), values.ENDLESS),
    ],
)
def test_ends_are_whole_microseconds(moment: datetime, microseconds: int) -> None:
    assert values.microseconds(moment) == microseconds
    assert int(float(microseconds)) == microseconds


@pytest.mark.parametrize(
    "place",
    [DatePlace(2, 1, NOON, ONE), RankPlace(0, 0, 20, ONE, spelt=True), RankPlace(4, 3, 1, ONE, spelt=False)],
)
def test_a_place_is_read_as_it_was_written(place: DatePlace | RankPlace) -> None:
    assert places.read(place.values()) == place


@pytest.mark.parametrize(
    "after",
    [
        ("m",),
        ("m", 0, 0, 20),
        ("m", 0, 0, 20, "nobody", 1),
        ("m", 0, 0, 20, str(ONE)),
        ("m", 0, 0, 20, str(ONE), 2),
        ("m", 0, 0, -1, str(ONE), 1),
        ("m", 0, 0, 1 << 40, str(ONE), 1),
        ("m", 9, 0, 20, str(ONE), 1),
        ("m", 0, 1 << 12, 20, str(ONE), 1),
        ("m", 0, 0, "yesterday", str(ONE)),
        ("m", 0, 0, "2026-03-02T12:00:00", str(ONE)),
        ("m", 0, 0, NOON.isoformat(), str(ONE), 1),
        ("n", 0, 0, NOON.isoformat(), str(ONE)),
        (0, 0, 1, NOON.isoformat(), str(ONE)),
    ],
)
def test_a_place_nobody_wrote_is_refused(after: SortValues) -> None:
    with pytest.raises(BadCursor):
        places.read(after)


def test_a_page_is_found_where_hits_have_moved() -> None:
    ids = [uuid.UUID(int=number) for number in range(1, 1_000)]

    def page(after: int, shown: int, listed: list[uuid.UUID], *, wide: bool = False) -> list[int] | None:
        place = RankPlace(0, 0, shown, uuid.UUID(int=after), spelt=True)
        window = Window.over(place, 3, 5_000, wide=wide)
        part = listed[window.offset : window.offset + window.count]
        found = window.page(part)
        return None if found is None else [one.int for one in part[slice(*found)]]

    assert page(3, 3, ids) == [4, 5, 6]
    assert page(2, 3, ids) is None, "the last hit shown has moved: look around"
    assert page(2, 3, ids, wide=True) == [3, 4, 5]
    assert page(99, 3, ids, wide=True) == [100, 101, 102], "many have gone to stand after it"
    assert page(5_000, 3, ids, wide=True) == [3, 4, 5], "it is gone itself"
    assert page(999, 999, ids) == []
    assert page(999, 0, ids) == [1, 2, 3]
    assert page(1, 1 << 30, ids, wide=True) == [], "no page gave so deep a place"


def test_settings_are_data_and_what_changes_them_changes_their_digest() -> None:
    told = settings()
    assert orjson.loads(orjson.dumps(told)) == told
    assert settings_digest() == settings_digest()
    assert settings_digest({"rh": (("ressourc", "humain"),)}) != settings_digest()
    assert settings({"rh": (("ressourc", "humain"),)})["synonyms"] == {"rh": ["ressourc humain"]}
    assert told["faceting"]["maxValuesPerFacet"] == 100
    assert all(stem(word) == word for word in told["stopWords"]), "no stem is lost as a stop word"


def test_settings_are_known_again_in_whatever_order_a_server_lists_them() -> None:
    told = settings()
    turned = {
        name: value[::-1] if name in {"stopWords", "filterableAttributes", "displayedAttributes"} else value
        for name, value in reversed(told.items())
    }
    assert turned != told
    assert shown_digest(turned) == shown_digest(told)
    for name in ("rankingRules", "searchableAttributes"):
        assert shown_digest(told | {name: told[name][::-1]}) != shown_digest(told), name
    changes: list[dict[str, object]] = [
        {"stopWords": []},
        {"distinctAttribute": "territory"},
        {"synonyms": {}},
    ]
    for change in changes:
        assert shown_digest(told | change) != shown_digest(told)
