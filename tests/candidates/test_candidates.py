"""Candidate profiles over the API: the law's allow-list, the caller's own key, erasure."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.database import Database
from service.core.settings import Settings
from service.domain.candidates import FORGOTTEN_AFTER
from service.jobs.privacy import apply_retention
from service.jobs.runner import drain
from service.jobs.work import Daily, Tick, Work
from service.models import CandidateProfile, Event, IdempotencyRecord, Match, MatchedInput, Territory
from tests.client import ApiClient
from tests.factories import (
    create_candidate,
    create_commune,
    create_key,
    create_occupation,
    create_posting,
    create_skill,
    create_territory,
)

WISHES: dict[str, Any] = {
    "territory": "bassin",
    "reference": "crm-10482",
    "occupation_codes": ["D1102"],
    "skill_codes": ["104385"],
    "contract_kinds": ["permanent", "fixed_term"],
    "working_time": "full_time",
    "salary_wish": 1900,
    "salary_unit": "month",
    "commune_code": "07019",
    "radius_km": 30,
    "available_from": "2027-01-04",
    "languages": ["fr", "uk"],
    "licences": ["B"],
    "remote": "none",
}


@pytest.fixture
async def territory(client: ApiClient, session: AsyncSession, database: Database) -> Territory:
    """Make a territory that matches, with referentials, and give the client its key."""
    await create_commune(session)
    await create_occupation(session)
    await create_skill(session)
    territory = await create_territory(session, slug="bassin")
    await session.commit()
    client.with_key(await create_key(database, territory))
    return territory


async def create(client: ApiClient, **changes: Any) -> dict[str, Any]:
    """Create a profile and return it as answered."""
    answer = await client.post("/v1/candidate-profiles", json=WISHES | changes)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.mark.usefixtures("territory")
async def test_a_profile_is_kept_read_and_listed(client: ApiClient, session: AsyncSession) -> None:
    answer = await client.post("/v1/candidate-profiles", json=WISHES)
    assert answer.status_code == 201, answer.text
    created = answer.json()
    assert {name: created[name] for name in WISHES} == WISHES
    assert (created["active"], created["version"], answer.headers["etag"]) == (True, 1, '"1"')
    read = await client.get(answer.headers["location"])
    assert read.json() == created
    other = await create(client, reference="crm-2")
    listed = await client.get("/v1/candidate-profiles", params={"territory": "bassin", "limit": 1})
    assert [item["id"] for item in listed.json()["items"]] == [created["id"]]
    rest = await client.get(
        "/v1/candidate-profiles",
        params={"territory": "bassin", "limit": 1, "after": listed.json()["next"]},
    )
    assert [item["id"] for item in rest.json()["items"]] == [other["id"]]
    found = await client.get("/v1/candidate-profiles", params={"reference": "crm-2"})
    assert [item["id"] for item in found.json()["items"]] == [other["id"]]
    kinds = list(await session.scalars(select(Event.kind).where(Event.subject_id == UUID(created["id"]))))
    assert kinds == ["candidate.created"]


@pytest.mark.usefixtures("territory")
@pytest.mark.parametrize(
    "field",
    [
        "age",
        "birth_date",
        "sex",
        "name",
        "email",
        "nationality",
        "health",
        "marital_status",
        "photo",
        "address",
    ],
)
async def test_what_the_law_forbids_is_refused_with_its_reason(
    client: ApiClient, session: AsyncSession, field: str
) -> None:
    answer = await client.post("/v1/candidate-profiles", json=WISHES | {field: "quelque-chose"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (f"/{field}", "not_on_allow_list")
    assert "L1221-6" in error["detail"]
    assert "occupation_codes" in error["detail"]
    assert "quelque-chose" not in answer.text
    assert await session.scalar(select(func.count()).select_from(CandidateProfile)) == 0


@pytest.mark.usefixtures("territory")
async def test_a_forbidden_fact_does_not_hide_the_other_errors(client: ApiClient) -> None:
    created = await create(client)
    answer = await client.patch(
        f"/v1/candidate-profiles/{created['id']}",
        json={"age": 54, "radius_km": 0, "licences": ["Z"], "salary_wish": "beaucoup"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 422
    assert {error["pointer"]: error["code"] for error in answer.json()["errors"]} == {
        "/age": "not_on_allow_list",
        "/radius_km": "greater_than_equal",
        "/licences/0": "literal_error",
        "/salary_wish": "decimal_parsing",
    }


@pytest.mark.usefixtures("territory")
@pytest.mark.parametrize("reference", ["ada.lovelace@example.org", "Ada Lovelace", "é", ""])
async def test_a_reference_is_an_opaque_key(client: ApiClient, reference: str) -> None:
    answer = await client.post("/v1/candidate-profiles", json=WISHES | {"reference": reference})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/reference"


@pytest.mark.usefixtures("territory")
async def test_codes_that_do_not_exist_are_all_named_at_once(client: ApiClient) -> None:
    answer = await client.post(
        "/v1/candidate-profiles",
        json=WISHES
        | {"occupation_codes": ["D1102", "A9999"], "skill_codes": ["999"], "commune_code": "99999"},
    )
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {
        "/occupation_codes/1",
        "/skill_codes/0",
        "/commune_code",
    }


@pytest.mark.usefixtures("territory")
@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"commune_code": None}, "/radius_km"),
        ({"salary_unit": None}, "/salary_unit"),
        ({"salary_wish": None}, "/salary_unit"),
        ({"occupation_codes": [], "skill_codes": None}, "/occupation_codes"),
    ],
)
async def test_facts_that_contradict_each_other_are_refused(
    client: ApiClient, changes: dict[str, Any], pointer: str
) -> None:
    refused = await client.post("/v1/candidate-profiles", json=WISHES | changes)
    created = await create(client)
    also_refused = await client.patch(
        f"/v1/candidate-profiles/{created['id']}", json=changes, headers={"If-Match": '"1"'}
    )
    for answer in (refused, also_refused):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.usefixtures("territory")
async def test_no_radius_around_a_commune_whose_place_is_unknown(
    client: ApiClient, session: AsyncSession
) -> None:
    await create_commune(session, code="07999", name="Nulle-Part", latitude=None, longitude=None)
    await session.commit()
    refused = await client.post("/v1/candidate-profiles", json=WISHES | {"commune_code": "07999"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "no_point"
    await create(client, commune_code="07999", radius_km=None)


@pytest.mark.usefixtures("territory")
async def test_values_are_kept_in_one_spelling_and_once(client: ApiClient) -> None:
    created = await create(
        client,
        licences=["b", "C + E", "B"],
        languages=["FR", "fr"],
        occupation_codes=["D1102", "D1102"],
        contract_kinds=["permanent", "permanent"],
    )
    assert created["licences"] == ["B", "CE"]
    assert created["languages"] == ["fr"]
    assert created["occupation_codes"] == ["D1102"]
    assert created["contract_kinds"] == ["permanent"]


@pytest.mark.usefixtures("territory")
async def test_a_reference_is_unique_in_the_territory(client: ApiClient) -> None:
    first = await create(client)
    again = await client.post("/v1/candidate-profiles", json=WISHES)
    assert again.status_code == 409
    assert again.json()["candidate_profile_id"] == first["id"]
    second = await create(client, reference="autre")
    taken = await client.patch(
        f"/v1/candidate-profiles/{second['id']}",
        json={"reference": "crm-10482"},
        headers={"If-Match": '"1"'},
    )
    assert taken.status_code == 409
    assert taken.json()["candidate_profile_id"] == first["id"]
    await create(client, reference=None)
    await create(client, reference=None)


async def test_a_territory_without_matching_keeps_no_profile(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    session.add(territory)
    territory.features = ["postings"]
    await session.commit()
    answer = await client.post("/v1/candidate-profiles", json=WISHES)
    assert answer.status_code == 409


@pytest.mark.usefixtures("territory")
async def test_a_change_needs_the_version_and_moves_it_on(client: ApiClient, session: AsyncSession) -> None:
    created = await create(client)
    path = f"/v1/candidate-profiles/{created['id']}"
    assert (await client.patch(path, json={"active": False})).status_code == 428
    paused = await client.patch(
        path, json={"active": False, "remote": None, "languages": None}, headers={"If-Match": '"1"'}
    )
    assert (paused.status_code, paused.headers["etag"]) == (200, '"2"')
    assert paused.json() == created | {
        "active": False,
        "remote": None,
        "languages": [],
        "version": 2,
        "updated_at": paused.json()["updated_at"],
        "last_contact_at": paused.json()["last_contact_at"],
    }
    stale = await client.patch(path, json={"active": True}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    assert [item["id"] for item in (await _listed(client, active="false"))] == [created["id"]]
    assert await _listed(client, active="true") == []
    changed = await session.scalar(select(Event.data).where(Event.kind == "candidate.changed"))
    assert changed == {"version": 2, "fields": ["active", "languages", "remote"]}


async def _listed(client: ApiClient, **filters: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/candidate-profiles", params=filters)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.usefixtures("territory")
async def test_an_empty_change_is_a_contact_and_nothing_more(
    client: ApiClient, session: AsyncSession
) -> None:
    created = await create(client)
    later = datetime.now(UTC) + timedelta(days=400)
    with frozen(later):
        touched = await client.patch(
            f"/v1/candidate-profiles/{created['id']}", json={}, headers={"If-Match": '"1"'}
        )
    assert touched.headers["etag"] == '"1"'
    moments = {name: touched.json()[name] for name in ("last_contact_at", "updated_at")}
    assert {datetime.fromisoformat(moment) for moment in moments.values()} == {later}
    assert touched.json() == created | moments
    assert await session.scalar(select(func.count()).where(Event.kind == "candidate.changed")) == 0


async def test_erasing_leaves_no_trace_of_the_person(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings, territory: Territory
) -> None:
    session.add(territory)
    posting = await create_posting(session, territory, occupation_code="D1102")
    await session.commit()
    answer = await client.post(
        "/v1/candidate-profiles", json=WISHES | {"radius_km": None}, headers={"Idempotency-Key": "une-fois"}
    )
    profile_id = UUID(answer.json()["id"])
    await drain(Work(database, settings))
    await client.patch(
        f"/v1/candidate-profiles/{profile_id}", json={"remote": "full"}, headers={"If-Match": '"1"'}
    )
    await drain(Work(database, settings))
    past = select(func.count()).select_from(Match).where(Match.candidate_id == profile_id)
    assert await session.scalar(past) == 2
    erased = await client.delete(f"/v1/candidate-profiles/{profile_id}")
    assert (erased.status_code, erased.content) == (204, b"")
    assert await session.scalar(past) == 0
    assert await session.get(CandidateProfile, profile_id) is None
    assert await session.get(MatchedInput, profile_id) is None
    assert await session.scalar(select(func.count()).select_from(IdempotencyRecord)) == 0
    events = list(await session.scalars(select(Event).where(Event.subject_id == profile_id)))
    assert {event.kind for event in events} == {"candidate.created", "candidate.changed", "candidate.deleted"}
    said = orjson.dumps([event.data for event in events]).decode()
    for fact in ("crm-10482", "07019", "D1102", "104385", "1900", "2027-01-04"):
        assert fact not in said
    assert (await client.delete(f"/v1/candidate-profiles/{profile_id}")).status_code == 404
    assert (await client.get(f"/v1/candidate-profiles/{profile_id}")).status_code == 404
    await drain(Work(database, settings))
    assert await session.get(MatchedInput, posting.id) is not None


async def test_profiles_of_others_do_not_exist_for_a_key(
    client: ApiClient, session: AsyncSession, territory: Territory
) -> None:
    elsewhere = await create_territory(session, slug="ailleurs")
    theirs = await create_candidate(session, elsewhere, occupation_codes=["D1102"], reference="leur")
    await session.commit()
    path = f"/v1/candidate-profiles/{theirs.id}"
    for answer in (
        await client.get(path),
        await client.patch(path, json={"active": False}, headers={"If-Match": '"1"'}),
        await client.delete(path),
        await client.get(f"{path}/matches"),
        await client.post("/v1/candidate-profiles", json=WISHES | {"territory": "ailleurs"}),
        await client.get("/v1/candidate-profiles", params={"territory": "ailleurs"}),
    ):
        assert answer.status_code == 404, answer.request.url
    assert await _listed(client, reference="leur") == []
    assert await session.get(CandidateProfile, theirs.id) is not None
    session.add(territory)
    # A key of the territory around sees what is inside.
    inside = await create_territory(session, parent=territory)
    ours = await create_candidate(session, inside, occupation_codes=["D1102"])
    await session.commit()
    assert (await client.get(f"/v1/candidate-profiles/{ours.id}")).status_code == 200


async def test_profiles_untouched_for_two_years_are_erased(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    territory = await create_territory(session)
    moment = datetime(2027, 6, 1, 12, tzinfo=UTC)
    old = await create_candidate(session, territory, last_contact_at=moment - FORGOTTEN_AFTER)
    older = await create_candidate(session, territory, last_contact_at=moment - FORGOTTEN_AFTER * 2)
    fresh = await create_candidate(session, territory, last_contact_at=moment - timedelta(days=729))
    await session.commit()
    schedule = {"retention": Tick(Daily(hour=3), apply_retention)}
    with frozen(moment):
        await drain(Work(database, settings), handlers={}, schedule=schedule)
    with frozen(moment + timedelta(hours=20)):
        await drain(Work(database, settings), handlers={}, schedule=schedule)
    kept = set(await session.scalars(select(CandidateProfile.id)))
    assert kept == {fresh.id}
    erased = await session.execute(
        select(Event.subject_id, Event.actor).where(Event.kind == "candidate.deleted")
    )
    assert {tuple(row) for row in erased} == {
        (old.id, "system:retention"),
        (older.id, "system:retention"),
    }
