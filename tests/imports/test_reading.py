"""What an item's fields become: contacts, employers, occupations, places, and values that are too long."""

import orjson
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.domain import postings
from service.models import Employer, Event, Feed, PostingChange
from tests.imports.invented import item, posting_of, take


async def test_contact_data_are_for_applying_only(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    secret = ("Camille Inventée", "camille@invention.example", "0400000000", "1 rue de l'Invention")
    contact = {"nom": secret[0], "courriel": secret[1], "telephone": secret[2], "coordonnees1": secret[3]}
    await take(database, feed, [item(1, contact=contact)])
    report = await take(
        database, feed, [item(1, contact=contact | {"nom": "Dominique Inventé", "courriel": "?"})]
    )
    posting = await posting_of(session, 1)
    assert (posting.apply_contact, posting.apply_phone) == ("Dominique Inventé", secret[2])
    assert posting.apply_email is None
    kept = [posting.source_data, report.model_dump(mode="json")]
    kept += await session.scalars(select(PostingChange.changes).where(PostingChange.posting_id == posting.id))
    kept += await session.scalars(select(Event.data).where(Event.subject_id == posting.id))
    written = orjson.dumps(kept).decode()
    for word in (*secret, "Dominique"):
        assert word not in written


async def test_an_address_is_kept_when_writing_is_the_only_way_to_apply(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(
        database, feed, [item(1, contact={"nom": "La Mairie", "coordonnees1": "1 place de l'Invention"})]
    )
    assert (await posting_of(session, 1)).apply_contact == "La Mairie, 1 place de l'Invention"


async def test_an_employer_is_made_once_from_a_valid_siret_and_then_left_alone(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    siret = "73282932000074"
    named = {"nom": "Fournil Inventé", "siret": siret, "url": "https://fournil.example"}
    await take(database, feed, [item(1, entreprise=named), item(2, entreprise=named)])
    (employer,) = await session.scalars(select(Employer))
    assert (employer.name, employer.siret, employer.url) == (
        "Fournil Inventé",
        siret,
        "https://fournil.example",
    )
    async with database.transaction() as writing:
        mine = await writing.get(Employer, employer.id)
        assert mine is not None
        mine.name = "Fournil corrigé par une personne"
    wrong = {"nom": "Autre", "siret": "73282932000075"}
    await take(
        database,
        feed,
        [
            item(1, entreprise=named | {"nom": "FOURNIL"}),
            item(2, entreprise=named),
            item(3, entreprise=wrong),
        ],
    )
    (employer,) = await session.scalars(select(Employer).execution_options(populate_existing=True))
    assert employer.name == "Fournil corrigé par une personne"
    first, third = await posting_of(session, 1), await posting_of(session, 3)
    assert (first.employer_id, first.employer_name) == (employer.id, employer.name)
    assert (third.employer_id, third.employer_name) == (None, "Autre")
    made = await session.scalar(
        select(func.count()).select_from(Event).where(Event.kind == "employer.created")
    )
    assert made == 1


@pytest.mark.parametrize(
    ("code", "kept", "doubt"),
    [
        ("H2913", "H2913", None),
        ("N1101", "N1103", "not in force; N1103 came of it"),
        ("Z9999", None, None),
        ("A9999", None, "not in ROME"),
    ],
)
async def test_the_sources_occupation_is_kept_when_rome_has_it(
    database: Database, session: AsyncSession, feed: Feed, code: str, kept: str | None, doubt: str | None
) -> None:
    await take(database, feed, [item(1, romeCode=code, romeLibelle="Un métier")])
    posting = await posting_of(session, 1)
    assert posting.occupation_code == kept
    assert posting.source_data is not None
    assert posting.source_data["occupation"].get("doubt") == doubt


async def test_without_a_code_the_title_suggests_one_kept_apart(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    told = {"description": "Au fournil, dès quatre heures du matin."}
    await take(
        database,
        feed,
        [item(1, intitule="Boulangère H/F", **told), item(2, intitule="Xylophoniste", description=None)],
    )
    suggested, unknown = await posting_of(session, 1), await posting_of(session, 2)
    assert suggested.occupation_code is None
    assert suggested.suggested_occupation_code == "D1102"
    assert suggested.effective_occupation_code == "D1102"
    assert suggested.suggestion_confidence is not None
    assert 0.34 <= suggested.suggestion_confidence <= 1
    assert (unknown.occupation_code, unknown.suggested_occupation_code) == (None, None)


async def test_a_place_is_as_narrow_as_the_source_words_it(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    await take(
        database,
        feed,
        [
            item(1, lieuTravail={"libelle": "07 - Ardèche"}),
            item(2, lieuTravail={"libelle": "07 - TOURNON SUR RHONE", "latitude": 45.1, "longitude": 4.8}),
            item(3, lieuTravail={"libelle": "France"}),
            item(4, lieuTravail="07 - PRIVAS"),
        ],
    )
    found = [await posting_of(session, number) for number in (1, 2, 3, 4)]
    assert [posting.commune_code for posting in found] == [None, "07324", None, "07186"]
    assert [posting.departement_code for posting in found] == ["07", "07", None, "07"]
    assert [posting.latitude for posting in found] == [None, 45.1, None, 44.73]


async def test_everything_the_longest_values_bring_can_be_read_back(
    database: Database, session: AsyncSession, feed: Feed
) -> None:
    long = "é" * 490
    raw = item(
        1,
        entreprise={"nom": long},
        lieuTravail={"libelle": "07 - AUBENAS " + long},
        typeContratLibelle=long,
        experienceLibelle=long,
        experienceExige="E",
        qualificationLibelle=long,
        competences=[{"code": "123456789", "libelle": long, "exigence": "E"}],
        permis=[{"libelle": long}],
        langues=[{"libelle": long}],
        formations=[{"domaineLibelle": long, "niveauLibelle": long, "exigence": "S"}],
        salaire={"libelle": "Mensuel de 9999999999.00 Euros", "complement1": long},
        deplacementLibelle=long,
        dureeTravailLibelle="99H " + long,
        contact={"nom": long, "courriel": "é" * 250 + "@invention.example", "telephone": "n'importe quoi"},
    )
    await take(database, feed, [raw])
    posting = await posting_of(session, 1)
    shown = await postings.read(session, posting)
    assert shown.employer_name is not None
    assert len(shown.employer_name) == 200
