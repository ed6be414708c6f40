"""The judgement set of benchmarks.relevance: its form, and what its rules say of a posting."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.relevance.judging import FIELDS, Misjudged, Seen, fold, read, rule
from service.models.enums import ContractKind
from service.schemas.search import PostingFacts

LEAST = 200
CLASSES = {"accents", "elision", "typo1", "plural", "gender", "place", "slang", "several"}


def seen(**values: Any) -> Seen:
    defaults: dict[str, Any] = {
        "id": uuid.uuid4(),
        "territory_id": uuid.uuid4(),
        "title": "Boulanger / Boulangère (H/F)",
        "source": "ancrage",
        "published_at": datetime(2026, 3, 2, tzinfo=UTC),
    }
    return Seen.of(PostingFacts(**defaults | values))


def test_the_set_is_large_and_covers_what_people_do_to_words() -> None:
    judged = read()
    assert len(judged) >= LEAST
    assert {name for one in judged for name in one.classes} >= CLASSES


def test_the_halves_are_fixed_and_about_equal() -> None:
    judged = read()
    assert 0.4 < sum(one.held_out for one in judged) / len(judged) < 0.6
    assert {one.text for one in judged if one.held_out} == {one.text for one in read() if one.held_out}


def test_folded_text_has_no_accents_nor_punctuation_but_keeps_c_plus_plus() -> None:
    assert fold("Cœur d’équipe (H/F), C++/C#") == "coeur d equipe h f c++ c#"


def test_a_posting_has_every_field_that_rules_may_name() -> None:
    assert set(seen().fields) == FIELDS


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("title:boulanger", True),
        ("title:^boulangere", False),
        ("title:boulanger & place:saint etienne", True),
        ("title:boulanger & !place:annonay", True),
        ("!title:boulanger", False),
        ("contract:fixed_term", True),
        ("rome:D1102|D1104", True),
        ("text:levain", True),
        ("postal:07200", True),
    ],
)
def test_a_rule_holds_when_all_its_conditions_do(written: str, holds: bool) -> None:
    posting = seen(
        places=("Saint-Étienne-de-Fontbellon", "Ardèche"),
        postal_codes=("07200",),
        contract_kind=ContractKind.FIXED_TERM,
        occupation_code="D1102",
        description="Pain au levain.",
    )
    assert rule(written)(posting) is holds


@pytest.mark.parametrize("written", ["boulanger", "trade:boulanger", "title:", "title:(boulanger"])
def test_a_rule_that_means_nothing_is_refused(written: str) -> None:
    with pytest.raises(Misjudged):
        rule(written)


TWICE = ",\n".join(['{ text = "b", class = "place", trade = "boulanger" }'] * 2)
BAKER = "[boulanger]\n3 = ['title:boulanger']\n1 = ['title:patissier']\n"


def written(folder: Path, queries: str, trades: str = BAKER) -> Path:
    (folder / "trades.toml").write_text(trades, encoding="utf-8")
    (folder / "it_trades.toml").write_text("", encoding="utf-8")
    (folder / "queries.toml").write_text(f"queries = [\n{queries}\n]\n", encoding="utf-8")
    return folder


def test_where_must_hold_and_near_is_worth_one(tmp_path: Path) -> None:
    line = (
        '{ text = "boulanger aubenas", class = "place", trade = "boulanger", '
        "where = 'place:aubenas', near = 'dept:07' }"
    )
    [query] = read(written(tmp_path, line))
    assert query.grade(seen(places=("Aubenas",))) == 3
    assert query.grade(seen(places=("Privas",), departement_code="07")) == 1
    assert query.grade(seen(places=("Lyon",), departement_code="69")) == 0
    assert query.grade(seen(title="Pâtissier", places=("Aubenas",))) == 1


@pytest.mark.parametrize(
    ("queries", "trades"),
    [
        ('{ text = "boulanger", class = "place", trade = "horloger" }', BAKER),
        ('{ text = "boulanger", class = "unknown", trade = "boulanger" }', BAKER),
        ('{ text = "boulanger", class = "", trade = "boulanger" }', BAKER),
        ('{ text = "boulanger", class = "place", trade = "boulanger", 3 = ["title:boulanger"] }', BAKER),
        ('{ text = "boulanger", class = "place" }', BAKER),
        ('{ text = "boulanger", class = "place", trade = "boulanger", around = "x" }', BAKER),
        ('{ text = "b", class = "place", 1 = ["title:b"] }', BAKER),
        ('{ text = "b", class = "place", 3 = ["title:b"] }', BAKER),
        (TWICE, BAKER),
        ('{ text = "boulanger", class = "place", trade = "boulanger" }', BAKER + "[b]\n1 = ['title:b']\n"),
    ],
    ids=[
        "no such trade",
        "no such class",
        "no class",
        "a trade and grades",
        "neither",
        "no such key",
        "nothing relevant",
        "a trade nobody asks for",
        "asked twice",
        "a trade without anything relevant",
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, queries: str, trades: str) -> None:
    with pytest.raises(Misjudged):
        read(written(tmp_path, queries, trades))
