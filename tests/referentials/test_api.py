"""Referentials over the API: found while typing, listed by pages, told with their tension."""

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.demo.referentials import load_demo_referentials
from service.domain.referentials import import_communes, import_rome
from service.models import TerritoryCommune
from tests.client import ApiClient
from tests.factories import create_occupation, create_territory
from tests.referentials.releases import ACTOR, commune, communes, occupation, rome


@pytest.fixture
async def demo(client: ApiClient, database: Database) -> ApiClient:
    """Return a client of an application that holds the demo's referentials."""
    await load_demo_referentials(database)
    return client


async def _codes(client: ApiClient, path: str, **query: str | int) -> list[str]:
    response = await client.get(f"/v1/{path}", params=query)
    assert response.status_code == 200, response.text
    return [item["code"] for item in response.json()["items"]]


async def _names(client: ApiClient, **query: str | int) -> list[str]:
    response = await client.get("/v1/communes", params=query)
    assert response.status_code == 200, response.text
    return [item["name"] for item in response.json()["items"]]


async def test_an_occupation_is_suggested_as_people_type_it(demo: ApiClient) -> None:
    expected = {
        "boulang": "D1102",
        "Boulangère": "D1102",
        "boulenger": "D1102",
        "aides soignants": "J1501",
        "l'aide-soignante": "J1501",
        "MACON": "F1703",
        "maçonne": "F1703",
        "plombier zing": "F1603",
        "infirmier": "J1506",
        "soudeuse": "H2913",
        "conducteur de poids lour": "N4101",
    }
    found = {}
    for typed in expected:
        response = await demo.get("/v1/occupations", params={"q": typed, "limit": 5})
        first = response.json()["items"][0]
        found[typed] = first["code"]
        assert first["title"]["code"].isdigit()
        assert first["tension"] is None
    assert found == expected


async def test_an_occupation_known_by_its_label_alone_is_suggested_too(demo: ApiClient) -> None:
    response = await demo.get("/v1/occupations", params={"q": "patissiere", "limit": 5})
    items = response.json()["items"]
    assert {"code": "D1104", "label": "Pâtissier / Pâtissière", "title": None, "tension": None} in items


async def test_what_nobody_means_suggests_nothing(demo: ApiClient) -> None:
    assert await _codes(demo, "occupations", q="zzzzzz") == []
    assert await _codes(demo, "occupations", q="???") == []


async def test_suggestions_follow_a_new_release_at_once(client: ApiClient, database: Database) -> None:
    async with database.transaction() as session:
        await import_rome(session, ACTOR, rome())
    assert await _codes(client, "occupations", q="maconne") == ["F1703"]
    whole = rome()
    renamed = [
        row._replace(label="Bâtisseur") if row.occupation_code == "F1703" else row for row in whole.titles
    ]
    async with database.transaction() as session:
        await import_rome(session, ACTOR, rome(version="61", titles=renamed))
    assert await _codes(client, "occupations", q="batisseur") == ["F1703"]
    assert await _codes(client, "occupations", q="maconne") == []


async def test_occupations_that_no_release_brought_are_found_too(
    client: ApiClient, session: AsyncSession
) -> None:
    assert await _codes(client, "occupations", q="boulanger") == []
    await create_occupation(session)
    await session.commit()
    assert await _codes(client, "occupations") == ["D1102"]


async def test_all_occupations_come_by_pages_in_order_and_once(demo: ApiClient) -> None:
    found: list[tuple[str, str]] = []
    query: dict[str, str | int] = {"limit": 25}
    pages = 0
    while True:
        page = (await demo.get("/v1/occupations", params=query)).json()
        found += [(item["label"], item["code"]) for item in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert pages == 3
    assert len(found) == len(set(found)) == 74
    assert found[0][0].startswith("Accompagnant")


async def test_a_cursor_belongs_to_its_list_and_filters(demo: ApiClient) -> None:
    page = (await demo.get("/v1/occupations", params={"limit": 1})).json()
    for path in ("skills?", "communes?", "occupations?q=boul&", "occupations?commune=07019&"):
        refused = await demo.get(f"/v1/{path}after={page['next']}")
        assert refused.status_code == 400
        assert refused.json()["type"] == "urn:ancrage:problem:bad-cursor"


async def test_tension_is_told_for_a_place_with_its_source_and_year(demo: ApiClient) -> None:
    for place, code in (("commune", "07019"), ("departement", "07")):
        response = await demo.get("/v1/occupations", params={"q": "boulanger", place: code})
        tension = response.json()["items"][0]["tension"]
        assert (tension["source"], tension["year"], tension["area_name"]) == ("dares", 2019, "Ardèche")
        assert tension["labels"]["fr"].startswith("Métier en tension")
    unknown = await demo.get("/v1/occupations", params={"q": "boulanger", "commune": "07999"})
    assert unknown.status_code == 422
    assert unknown.json()["errors"][0]["pointer"] == "?commune"


async def test_an_occupation_is_read_in_full(demo: ApiClient) -> None:
    response = await demo.get("/v1/occupations/D1102", params={"commune": "07019"})
    read = response.json()
    assert (read["label"], read["obsolete"]) == ("Boulanger / Boulangère", False)
    assert read["domain"] == {"code": "D11", "label": "Commerce alimentaire et métiers de bouche"}
    importance = [skill["importance"] for skill in read["skills"]]
    assert set(importance) == {"principale", None}
    assert importance == sorted(importance, key=["principale", None].index)
    assert [move["rank"] for move in read["mobilities"]] == sorted(
        move["rank"] for move in read["mobilities"]
    )
    assert "D1104" in {move["code"] for move in read["mobilities"]}
    assert {"code": "10", "label": "Industries alimentaires"} in read["sectors"]
    assert read["tension"]["in_tension"] is True
    assert read["release"]["version"] == "60 (demo)"
    again = await demo.get(
        "/v1/occupations/D1102",
        params={"commune": "07019"},
        headers={"If-None-Match": response.headers["etag"]},
    )
    assert again.status_code == 304
    assert again.headers["cache-control"] == "public, max-age=3600"


async def test_an_obsolete_occupation_stays_readable_and_is_no_longer_listed(
    client: ApiClient, database: Database
) -> None:
    async with database.transaction() as session:
        await import_rome(session, ACTOR, rome())
        fewer = [row for row in rome().occupations if row.code != "K1302"]
        await import_rome(session, ACTOR, rome(version="61", occupations=fewer))
    assert "K1302" not in await _codes(client, "occupations", limit=100)
    assert await _codes(client, "occupations", q="assistante de vie") == []
    assert (await client.get("/v1/occupations/K1302")).json()["obsolete"] is True


async def test_a_code_that_is_not_there_is_a_problem(demo: ApiClient) -> None:
    statuses = {}
    for path in ("occupations/Z9999", "occupations/N9999", "communes/99999", "communes/abc"):
        response = await demo.get(f"/v1/{path}")
        statuses[path] = response.status_code
        assert response.headers["content-type"].startswith("application/problem+json")
    assert statuses == {
        "occupations/Z9999": 422,
        "occupations/N9999": 404,
        "communes/99999": 404,
        "communes/abc": 422,
    }


async def test_skills_are_found_by_their_words(demo: ApiClient) -> None:
    items = (await demo.get("/v1/skills", params={"q": "systèmes chauff"})).json()["items"]
    assert {word in item["label"].lower() for item in items for word in ("systèmes", "chauff")} == {True}
    first = await _codes(demo, "skills", occupation="D1102", limit=3)
    page = (await demo.get("/v1/skills", params={"occupation": "D1102", "limit": 2})).json()
    following = await demo.get(
        "/v1/skills", params={"occupation": "D1102", "limit": 1, "after": page["next"]}
    )
    assert [item["code"] for item in page["items"]] + [following.json()["items"][0]["code"]] == first
    assert await _codes(demo, "skills", q="???") == []


async def test_sectors_come_whole_by_code(demo: ApiClient) -> None:
    codes = await _codes(demo, "sectors")
    assert len(codes) == 18
    assert codes[:2] == ["10", "25"]
    assert codes == sorted(codes)


async def test_a_commune_is_suggested_as_people_type_it(demo: ApiClient) -> None:
    expected = {
        "aub": "Aubenas",
        "AUBENAS": "Aubenas",
        "aubeans": "Aubenas",
        "sous aubenas": "Lachapelle-sous-Aubenas",
        "st etienne de font": "Saint-Étienne-de-Fontbellon",
        "Saint-Étienne-de-Fontbellon": "Saint-Étienne-de-Fontbellon",
        "07200": "Aubenas",
        "0720": "Aubenas",
        "072": "Aubenas",
        "0": "Aubenas",
        "07019": "Aubenas",
        "07200 ucel": "Ucel",
        "ucel 07200": "Ucel",
    }
    found = {typed: (await _names(demo, q=typed))[0] for typed in expected}
    assert found == expected


async def test_what_no_commune_is_called_suggests_none(demo: ApiClient) -> None:
    for typed in ("???", "zzzz", "99999", "x", "07200 paris"):
        assert await _names(demo, q=typed) == [], typed


async def test_articles_saints_and_arrondissements(client: ApiClient, database: Database) -> None:
    rows = [
        commune("76351", "Le Havre", population=166_000, postal_codes=["76600"]),
        commune("59287", "Haveluy", population=3_000, postal_codes=["59255"]),
        commune("01001", "L'Abergement-Clémenciat", postal_codes=["01400"]),
        commune("69123", "Lyon", population=519_000, postal_codes=["69001", "69002"]),
        commune("97418", "Sainte-Marie", postal_codes=["97438"], population=34_000),
        commune("2A004", "Ajaccio", postal_codes=["20000", "20090"], departement_code="2A"),
    ]
    async with database.transaction() as session:
        await import_communes(session, ACTOR, communes(*rows))
    assert await _names(client, q="le hav") == ["Le Havre", "Haveluy"]
    assert await _names(client, q="havre") == ["Le Havre"]
    assert await _names(client, q="abergement") == ["L'Abergement-Clémenciat"]
    assert await _names(client, q="l’abergement clem") == ["L'Abergement-Clémenciat"]
    assert await _names(client, q="Ste Marie") == ["Sainte-Marie"]
    assert await _names(client, q="Lyon 3ème") == ["Lyon"]
    assert await _names(client, q="2a004") == ["Ajaccio"]
    assert await _names(client, q="20090") == ["Ajaccio"]
    assert (await client.get("/v1/communes/69383")).json()["name"] == "Lyon"


async def test_communes_are_narrowed_to_a_departement_or_a_territory(
    demo: ApiClient, session: AsyncSession
) -> None:
    territory = await create_territory(session, slug="bassin")
    for code in ("07019", "07331"):
        session.add(TerritoryCommune(territory_id=territory.id, commune_code=code))
    await session.commit()
    assert await _names(demo, territory="bassin") == ["Aubenas", "Vals-les-Bains"]
    assert await _names(demo, territory="bassin", q="v") == ["Vals-les-Bains"]
    assert await _names(demo, departement="26") == []
    assert len(await _names(demo, departement="07", limit=100)) == 28
    unknown = await demo.get("/v1/communes", params={"territory": "ailleurs"})
    assert unknown.status_code == 404
    read = (await demo.get("/v1/communes/07019")).json()
    assert read["territories"] == ["bassin"]
    assert read["epci"] == {"code": "200073245", "label": "CC du Bassin d'Aubenas"}
    assert read["employment_area"]["label"] == "Aubenas"


async def test_all_communes_come_by_pages(demo: ApiClient) -> None:
    first = (await demo.get("/v1/communes", params={"limit": 20})).json()
    response = await demo.get("/v1/communes", params={"limit": 20, "after": first["next"]})
    second = response.json()
    codes = [item["code"] for item in first["items"] + second["items"]]
    assert len(codes) == len(set(codes)) == 28
    assert second["next"] is None
    assert "link" not in response.headers


async def test_obsolete_communes_are_read_and_not_suggested(client: ApiClient, database: Database) -> None:
    whole = [commune(f"0700{number}", f"Village {number}") for number in range(1, 10)]
    async with database.transaction() as session:
        await import_communes(session, ACTOR, communes(*whole))
        await import_communes(session, ACTOR, communes(*whole[1:], version="2026"))
    assert "Village 1" not in await _names(client, q="village", limit=100)
    assert (await client.get("/v1/communes/07001")).json()["obsolete"] is True


async def test_a_late_occupation_label_is_found_in_the_alphabet(
    client: ApiClient, database: Database
) -> None:
    async with database.transaction() as session:
        changed = [occupation("D1102", label="Écailler"), *rome().occupations[1:]]
        await import_rome(session, ACTOR, rome(occupations=changed))
    assert (await _codes(client, "occupations"))[:4] == ["J1501", "K1302", "N4101", "D1102"]
