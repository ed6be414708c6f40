"""Importing releases: idempotent, versioned, nothing deleted that something may name."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.errors import Conflict
from service.demo.referentials import load_demo_referentials
from service.demo.referentials.facts import rome_release
from service.domain.referentials import import_communes, import_families, import_rome, import_tension
from service.domain.referentials.loading import Effect
from service.domain.referentials.releases import ImportOutcome, latest_release
from service.models import (
    Commune,
    Event,
    FamilyOccupation,
    Occupation,
    OccupationMobility,
    OccupationSkill,
    OccupationTitle,
    ProfessionalFamily,
    ReferentialRelease,
    Tension,
)
from service.schemas.referential_files import CrosswalkRow, MobilityRow, OccupationSkillRow, TensionRow
from tests.referentials.releases import (
    ACTOR,
    commune,
    communes,
    dares,
    families,
    level,
    occupation,
    official_list,
    rome,
)


async def _count(session: AsyncSession, model: type) -> int:
    return await session.scalar(select(func.count()).select_from(model)) or 0


def _total(outcome: ImportOutcome) -> Effect:
    dicts = [effect.as_dict() for effect in outcome.effects.values()]
    return Effect(**{name: sum(counts[name] for counts in dicts) for name in dicts[0]})


async def test_a_second_import_of_the_same_release_writes_nothing(session: AsyncSession) -> None:
    first = await import_rome(session, ACTOR, rome())
    assert not first.unchanged
    assert _total(first).added == _total(first).read
    written = {
        model: await _count(session, model) for model in (Occupation, OccupationTitle, OccupationSkill, Event)
    }
    second = await import_rome(session, ACTOR, rome())
    assert second.unchanged
    assert second.release_id == first.release_id
    assert _total(second) == Effect(read=_total(first).read, unchanged=_total(first).read)
    assert written == {model: await _count(session, model) for model in written}
    assert await _count(session, ReferentialRelease) == 1


async def test_an_import_stores_its_release_and_records_what_happened(session: AsyncSession) -> None:
    outcome = await import_rome(session, ACTOR, rome())
    release = await latest_release(session, "rome")
    assert release is not None
    assert (release.version, release.checksum) == ("60", "a" * 64)
    assert release.counts["occupations"]["added"] == 6
    assert release.counts["links"] == {"titles": 6}
    event = await session.scalar(select(Event).where(Event.kind == "referential.imported"))
    assert event is not None
    assert (event.actor, event.subject_id) == ("system:test", outcome.release_id)
    assert event.data["referential"] == "rome"


async def test_a_code_that_vanishes_becomes_obsolete_and_lives_again_when_it_returns(
    session: AsyncSession,
) -> None:
    whole = rome()
    await import_rome(session, ACTOR, whole)
    # One of six is less than a fifth.
    less = replace(
        whole,
        version="61",
        checksum="f" * 64,
        occupations=[row for row in whole.occupations if row.code != "K1302"],
        titles=[row for row in whole.titles if row.occupation_code != "K1302"],
        occupation_skills=[row for row in whole.occupation_skills if row.occupation_code != "K1302"],
    )
    outcome = await import_rome(session, ACTOR, less)
    assert outcome.effects["occupations"].obsoleted == 1
    assert outcome.effects["titles"].obsoleted == 1
    assert outcome.effects["skills of occupations"].removed == 1
    gone = await session.get(Occupation, "K1302", populate_existing=True)
    assert gone is not None
    assert gone.obsolete_since is not None
    since = gone.obsolete_since
    again = await import_rome(session, ACTOR, less)
    assert again.unchanged
    await session.refresh(gone)
    assert gone.obsolete_since == since
    back = await import_rome(session, ACTOR, replace(whole, version="62"))
    assert (back.effects["occupations"].revived, back.effects["occupations"].changed) == (1, 0)
    await session.refresh(gone)
    assert gone.obsolete_since is None


async def test_only_what_differs_is_changed(session: AsyncSession) -> None:
    whole = rome()
    await import_rome(session, ACTOR, whole)
    outcome = await import_rome(
        session,
        ACTOR,
        replace(
            whole,
            version="61",
            occupations=[
                occupation("D1102", label="Boulangère / Boulanger", definition="Pétrit."),
                *whole.occupations[1:],
            ],
            mobilities=[MobilityRow("D1102", "D1104", 2), MobilityRow("D1104", "D1102", 1)],
            occupation_skills=[OccupationSkillRow("D1102", "20", "principale"), *whole.occupation_skills[1:]],
        ),
    )
    changed = {name: (effect.added, effect.changed) for name, effect in outcome.effects.items()}
    assert changed["occupations"] == (0, 1)
    assert changed["mobilities"] == (1, 1)
    assert changed["skills of occupations"] == (0, 1)
    assert changed["titles"] == (0, 0)
    baker = await session.get(Occupation, "D1102", populate_existing=True)
    assert baker is not None
    assert (baker.folded_label, baker.definition) == ("boulangere boulanger", "Pétrit.")
    rank = select(OccupationMobility.rank).where(OccupationMobility.from_code == "D1102")
    assert await session.scalar(rank) == 2


async def test_a_release_that_lacks_more_than_a_fifth_is_refused_unless_forced(session: AsyncSession) -> None:
    whole = [commune(f"070{number:02d}", f"Commune {number}") for number in range(1, 11)]
    await import_communes(session, ACTOR, communes(*whole))
    with pytest.raises(Conflict, match=r"lack 3 of the 10 communes in force \(30%\)"):
        await import_communes(session, ACTOR, communes(*whole[:7], version="2026", checksum="2" * 64))
    assert await session.scalar(select(func.count(Commune.obsolete_since))) == 0
    assert (await import_communes(session, ACTOR, communes(*whole[:8], version="2026"))).effects[
        "communes"
    ].obsoleted == 2
    forced = await import_communes(session, ACTOR, communes(*whole[:2], version="2027"), force=True)
    assert forced.effects["communes"].obsoleted == 6


async def test_search_names_drop_the_article_and_write_saints_out(session: AsyncSession) -> None:
    rows = [
        commune("07001", "L'Abergement-Ste-Colombe"),
        commune("07002", "Le Havre"),
        commune("07003", "Les Vans"),
        commune("07004", "St-Étienne-de-Boulogne"),
        commune("07005", "Lestrade"),
    ]
    await import_communes(session, ACTOR, communes(*rows))
    assert list(await session.scalars(select(Commune.search_name).order_by(Commune.code))) == [
        "abergement sainte colombe",
        "havre",
        "vans",
        "saint etienne de boulogne",
        "lestrade",
    ]


async def test_each_year_of_a_source_stands_alone(session: AsyncSession) -> None:
    old = [level("B2Z40", "country", "FR", 3), level("S0Z42", "country", "FR", 4)]
    await import_tension(session, ACTOR, dares(*old))
    await import_tension(session, ACTOR, dares(level("B2Z40", "country", "FR", 5), year=2023))
    assert await _count(session, Tension) == 2 + 1
    assert await session.scalar(select(func.count(Tension.obsolete_since))) == 0
    again = await import_tension(session, ACTOR, dares(*old))
    assert _total(again).unchanged == 2


async def test_a_bassin_on_a_border_has_a_row_in_each_departement(session: AsyncSession) -> None:
    rows = [
        TensionRow("A0X40", "bmo-area", "1117", "MASSY", code, planned_hirings=figure)
        for code, figure in (("77", 10), ("91", None))
    ]
    bmo = replace(dares(*rows), source="bmo", year=2024, nomenclature="fap2021", labels={"A0X40": "Éleveurs"})
    await import_tension(session, ACTOR, bmo)
    again = await import_tension(session, ACTOR, bmo)
    assert again.unchanged
    stored = await session.execute(
        select(Tension.departement_code, Tension.planned_hirings).order_by(Tension.departement_code)
    )
    assert [tuple(row) for row in stored] == [("77", 10), ("91", None)]


async def test_a_crosswalk_without_qualifications_keeps_those_known(session: AsyncSession) -> None:
    told = families(CrosswalkRow("S0Z42", "D1102", ["0", "6"]), CrosswalkRow("S0Z20", "D1102", ["1"]))
    await import_families(session, ACTOR, told)
    bare = families(CrosswalkRow("S0Z42", "D1102", None), CrosswalkRow("S0Z20", "D1102", None))
    outcome = await import_families(session, ACTOR, bare)
    assert outcome.unchanged
    stored = await session.scalars(
        select(FamilyOccupation.qualifications).order_by(FamilyOccupation.family_code)
    )
    assert list(stored) == [["1"], ["0", "6"]]


async def test_labels_alone_leave_the_crosswalk_and_a_survey_only_fills_gaps(session: AsyncSession) -> None:
    await import_families(session, ACTOR, families(CrosswalkRow("B2Z40", "F1703", None)))
    await import_families(session, ACTOR, families(labels={"B2Z40": "Maçons"}))
    assert await _count(session, FamilyOccupation) == 1
    survey = replace(official_list(), labels={"B2Z40": "MACONS", "S0Z42": "Boulangers"})
    await import_tension(session, ACTOR, survey)
    rows = await session.execute(
        select(ProfessionalFamily.code, ProfessionalFamily.label).order_by(ProfessionalFamily.code)
    )
    assert [tuple(row) for row in rows] == [("B2Z40", "Maçons"), ("S0Z42", "Boulangers")]


async def test_the_demo_is_loaded_once_and_a_whole_release_goes_over_it(database: Database) -> None:
    loaded = await load_demo_referentials(database)
    assert [outcome.referential for outcome in loaded] == [
        "rome",
        "communes",
        "families",
        "tension-dares",
        "tension-official",
    ]
    assert await load_demo_referentials(database) == []
    async with database.transaction() as session:
        occupations = await _count(session, Occupation)
        with pytest.raises(Conflict, match="looks like a partial file"):
            await import_rome(session, ACTOR, rome())
    async with database.transaction() as session:
        assert await _count(session, Occupation) == occupations
        demo = rome_release()
        whole = replace(
            demo,
            version="60",
            checksum="f" * 64,
            occupations=[*demo.occupations, occupation("A9999")],
            mobilities=[*demo.mobilities, MobilityRow("A9999", "D1102", 1)],
        )
        outcome = await import_rome(session, ACTOR, whole)
        assert _total(outcome) == Effect(
            read=_total(outcome).read, added=2, unchanged=_total(outcome).read - 2
        )
        release = await latest_release(session, "rome")
        assert release is not None
        assert release.version == "60"


async def test_the_demo_leaves_a_referential_that_was_imported_alone(database: Database) -> None:
    async with database.transaction() as session:
        await import_rome(session, ACTOR, rome())
    loaded = await load_demo_referentials(database)
    assert "rome" not in {outcome.referential for outcome in loaded}
    async with database.transaction() as session:
        assert await _count(session, Occupation) == 6
        assert await session.scalar(select(func.count(Occupation.obsolete_since))) == 0
