"""The demo's facts: enough for the demo, true to their publishers' files, small."""

from importlib.resources import files
from pathlib import Path

from service.adapters.referentials import read_communes, read_rome, read_tension
from service.demo.content import EMPLOYERS, PLACES, TERRITORIES, TRADES
from service.demo.referentials.facts import commune_release, rome_release, tension_releases


def _silent(_: str) -> None:
    """Say nothing."""


def test_every_trade_has_what_postings_and_candidates_are_made_of() -> None:
    release = rome_release()
    codes = {row.code for row in release.occupations}
    assert set(TRADES) <= codes
    for trade in TRADES:
        own_label = next(row.label for row in release.occupations if row.code == trade)
        titles = [row.label for row in release.titles if row.occupation_code == trade]
        assert own_label in titles
        assert len(titles) <= 8
        skills = [row for row in release.occupation_skills if row.occupation_code == trade]
        assert 12 <= len(skills) <= 14
        assert any(row.importance for row in skills)
        moves = [row for row in release.mobilities if row.from_code == trade]
        assert 1 <= len(moves) <= 6
        assert {row.to_code for row in moves} <= codes - {trade}
        assert any(row.occupation_code == trade for row in release.occupation_sectors)
    divisions = {employer.naf_code[:2] for employer in EMPLOYERS}
    assert divisions <= {row.code for row in release.sectors}


def test_no_code_is_told_twice_or_of_nothing() -> None:
    release = rome_release()
    for rows in (release.sectors, release.occupations, release.titles, release.skills):
        codes = [row[0] for row in rows]
        assert len(codes) == len(set(codes))
    for pairs in (release.occupation_skills, release.mobilities, release.occupation_sectors):
        keys = [row[:2] for row in pairs]
        assert len(keys) == len(set(keys))
    assert {row.skill_code for row in release.occupation_skills} == {row.code for row in release.skills}
    assert {row.sector_code for row in release.occupation_sectors} <= {row.code for row in release.sectors}


def test_every_place_of_the_demo_is_a_commune_of_its_epci() -> None:
    communes = commune_release().communes
    (epci,) = next(
        territory["coverage"]["epcis"] for territory in TERRITORIES if "epcis" in territory["coverage"]
    )
    assert {row.epci_code for row in communes} == {epci}
    assert len({row.code for row in communes}) == len(communes) == 28
    assert {*PLACES, *(employer.commune_code for employer in EMPLOYERS)} <= {row.code for row in communes}


def test_every_trade_has_a_family_whose_tension_is_told() -> None:
    told = tension_releases()
    assert told.families is not None
    levels, listed = told.releases
    parents = {row.code: row.parent_code for row in rome_release().occupations}
    for trade in TRADES:
        families = {
            row.family_code
            for row in told.families.crosswalk
            if row.rome_code == parents[trade] and "0" in (row.qualifications or ())
        }
        assert len(families) == 1
        areas = {row.area_kind for row in levels.rows if row.family_code in families}
        assert {"country", "region"} <= areas
    labelled = {row.code for row in told.families.labels}
    assert {row.family_code for row in (*levels.rows, *listed.rows)} <= labelled
    assert {row.level for row in levels.rows} <= {1, 2, 3, 4, 5}


def test_the_files_are_small() -> None:
    folder = files("service.demo.referentials")
    assert sum(len(item.read_bytes()) for item in folder.iterdir() if item.is_file()) < 60_000


def test_published_and_read_again_the_facts_are_the_same(published: Path) -> None:
    rome = read_rome([published / "rome"], progress=_silent)
    assert set(rome.occupation_skills) == set(rome_release().occupation_skills)
    assert rome.titles == rome_release().titles
    communes = read_communes([published / "communes"], version="2025", progress=_silent)
    assert communes.communes == commune_release().communes
    told, known = read_tension([published / "tension"], progress=_silent), tension_releases()
    assert told.families is not None
    assert known.families is not None
    assert sorted(told.families.labels) == sorted(known.families.labels)
    assert told.families.crosswalk == known.families.crosswalk
    for found, expected in zip(told.releases, known.releases, strict=True):
        assert (found.source, found.year) == (expected.source, expected.year)
        assert set(found.rows) == set(expected.rows)
