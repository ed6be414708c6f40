"""The publishers' whole files, where this machine has them: every row accounted for, twice the same."""

from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters.referentials import read_communes, read_rome, read_tension
from service.core.database import Database
from service.core.text import fold
from service.demo.referentials import load_demo_referentials
from service.demo.referentials.facts import commune_release, rome_release, tension_releases
from service.domain.referentials import (
    import_communes,
    import_families,
    import_rome,
    import_tension,
    tension_for,
)
from service.domain.referentials.releases import ImportOutcome
from service.models import Commune, Occupation, OccupationTitle, ReferentialRelease, Skill, Tension
from service.schemas.referential_files import CommuneRelease, RomeRelease, TensionFiles
from tests.referentials.releases import ACTOR


def _silent(_: str) -> None:
    """Say nothing."""


def _read(shared_data: Path) -> tuple[RomeRelease, CommuneRelease, TensionFiles]:
    return (
        read_rome([shared_data / "rome"], progress=_silent),
        read_communes([shared_data / "geo" / "communes.csv"], version="2025", progress=_silent),
        read_tension(sorted((shared_data / "tension").iterdir()), progress=_silent),
    )


async def _import_all(
    session: AsyncSession, rome: RomeRelease, communes: CommuneRelease, tension: TensionFiles
) -> list[ImportOutcome]:
    assert tension.families is not None
    return [
        await import_rome(session, ACTOR, rome),
        await import_communes(session, ACTOR, communes),
        await import_families(session, ACTOR, tension.families),
        *[await import_tension(session, ACTOR, release) for release in tension.releases],
    ]


async def test_whole_releases_are_accounted_for_and_a_second_import_changes_nothing(
    shared_data: Path, database: Database
) -> None:
    rome, communes, tension = _read(shared_data)
    for file in (*rome.files, *communes.files, *tension.files):
        assert file.rows == file.kept + sum(file.left_out.values()), file.name
    assert rome.version == "60"
    assert rome.links == {
        "the occupation itself": 1_584,
        "titles": 13_120,
        "competence": 54_695,
        "knowledge": 35_861,
        "contexts of work": 13_663,
    }
    assert sum(rome.links.values()) == 118_923
    assert {release.source: len(release.rows) for release in tension.releases} == {
        "bmo": 53_443,
        "dares": 10_226,
        "official-list": 399,
    }
    assert sum(row.planned_hirings is None for row in tension.releases[0].rows) == 10_891
    # Over the demo, as on a machine that ran it first: nothing is lost.
    await load_demo_referentials(database)
    async with database.transaction() as session:
        first = await _import_all(session, rome, communes, tension)
    assert not any(outcome.unchanged for outcome in first)
    assert not any(
        effect.obsoleted or effect.removed for outcome in first for effect in outcome.effects.values()
    )
    async with database.transaction() as session:
        counts = {
            model: await session.scalar(select(func.count()).select_from(model))
            for model in (Occupation, OccupationTitle, Skill, Commune, Tension, ReferentialRelease)
        }
        assert list(counts.values())[:4] == [1_584, 13_120, 18_317 + 15_354, 34_969]
        second = await _import_all(session, rome, communes, tension)
        assert all(outcome.unchanged for outcome in second)
        assert counts == {
            model: await session.scalar(select(func.count()).select_from(model)) for model in counts
        }
        codes = set(await session.scalars(select(Occupation.code)))
        facts = await tension_for(session, {(code, "07019") for code in codes})
    assert {code for code, _ in facts} == codes


def test_the_demo_tells_of_rome_what_its_publisher_tells(shared_data: Path) -> None:
    demo, whole = rome_release(), read_rome([shared_data / "rome"], progress=_silent)
    occupations = {row.code: row for row in whole.occupations}
    for row in demo.occupations:
        published = occupations[row.code]
        assert row.label == published.label
        if row.parent_code is not None:
            assert row == published._replace(definition=None, access=None)
    titles = {row.code: row for row in whole.titles}
    assert [row for row in demo.titles if row != titles[row.code]._replace(short_label=row.label)] == []
    skills = {row.code: row for row in whole.skills}
    assert [
        row for row in demo.skills if row != skills[row.code]._replace(category=None, macro_code=None)
    ] == []
    assert set(demo.occupation_skills) <= set(whole.occupation_skills)
    assert set(demo.mobilities) <= set(whole.mobilities)
    assert set(demo.occupation_sectors) <= set(whole.occupation_sectors)
    # The publisher writes these without accents, INSEE with.
    sectors = {(row.code, fold(row.label)) for row in whole.sectors}
    assert {(row.code, fold(row.label)) for row in demo.sectors} <= sectors


def test_the_demo_tells_of_communes_what_their_publisher_tells(shared_data: Path) -> None:
    whole = read_communes([shared_data / "geo" / "communes.csv"], version="2025", progress=_silent)
    epci = [row for row in whole.communes if row.epci_code == "200073245"]
    assert commune_release().communes == [
        row._replace(
            bmo_area_code=None,
            bmo_area_name=None,
            latitude=round(row.latitude or 0, 4),
            longitude=round(row.longitude or 0, 4),
        )
        for row in epci
    ]


def test_the_demo_tells_of_tension_what_its_publishers_tell(shared_data: Path) -> None:
    demo = tension_releases()
    whole = read_tension(sorted((shared_data / "tension").iterdir()), progress=_silent)
    assert demo.families is not None
    assert whole.families is not None
    assert set(demo.families.labels) <= set(whole.families.labels)
    codes = {row.rome_code for row in demo.families.crosswalk}
    assert demo.families.crosswalk == [
        row._replace(qualifications=sorted(row.qualifications or ()))
        for row in whole.families.crosswalk
        if row.rome_code in codes
    ]
    families = {row.code for row in demo.families.labels}
    areas = {("country", "FR"), ("region", "84"), ("departement", "07")}
    published = {release.source: release for release in whole.releases}
    for release in demo.releases:
        told = {
            row._replace(indicator=None)
            for row in published[release.source].rows
            if row.family_code in families and (row.area_kind, row.area_code) in areas
        }
        assert release.year == published[release.source].year
        assert set(release.rows) == told
