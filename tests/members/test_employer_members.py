"""A baker's own people, from the invitation on: all of their own bakery, nothing of the one next door."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.app import openapi_document
from service.core.clock import in_days
from service.core.database import Database
from service.core.reach import Reach
from service.core.settings import Settings
from service.domain import postings
from service.domain.access import system
from service.jobs.matching import match_everything
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import (
    CandidateProfile,
    Employer,
    Person,
    Posting,
    PostingChange,
    PostingDocument,
    RoleGrant,
)
from service.models.enums import ContractKind, PostingState
from tests.client import ApiClient
from tests.factories import create_candidate, create_commune, create_occupation, create_posting, create_skill
from tests.members.office import Office

DRAFT: dict[str, Any] = {
    "title": "Boulanger / Boulangère",
    "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries dans un fournil lumineux.",
    "occupation_code": "D1102",
    "contract": {"kind": "permanent", "working_time": "full_time"},
    "place": {"commune_code": "07019"},
    "skills": [{"code": "104385", "required": True}],
    "apply": {"email": "emploi@fournil.example.org"},
}
MARK = "neighbour"
"""Of every text of the other employer of the same territory."""


class Bakery:
    """The bakery ``same``, for whose member the client speaks, beside another one in the same bassin."""

    def __init__(self, office: Office, work: Work) -> None:
        self.office = office
        self.work = work
        self.client: ApiClient = office.client
        self.session: AsyncSession = office.session
        self.own: Employer = office.world.employers["same"]
        self.other: Employer = office.world.employers[MARK]
        self.theirs: dict[str, UUID] = {}
        self.member_id: UUID

    async def open(self) -> None:
        """Give the other bakery postings, then invite somebody into this one, who accepts."""
        await create_commune(self.session)
        await create_occupation(self.session)
        await create_skill(self.session)
        place = self.office.world.territories["same"]
        for state in (PostingState.DRAFT, PostingState.PUBLISHED, PostingState.PAUSED):
            posting = await create_posting(
                self.session,
                place,
                employer_id=self.other.id,
                employer_name=self.other.name,
                title=f"Boulanger {MARK}",
                occupation_code="D1102",
                state=state,
                apply_email=f"{MARK}@example.org",
            )
            self.theirs[state] = posting.id
        await self.session.commit()
        offered = (
            await self.client.post(
                "/v1/invitations",
                json={
                    "email": "boulangere@example.org",
                    "role": "employer_member",
                    "employer_id": str(self.own.id),
                },
            )
        ).json()
        person = await self.office.become("boulangere@example.org")
        self.member_id = person.id
        status, _ = await self.office.accept(offered)
        assert status == 201

    async def publish(self) -> str:
        """Make and publish a posting; return its id."""
        body = DRAFT | {"employer_id": str(self.own.id), "valid_through": in_days(60).isoformat()}
        created = await self.client.post("/v1/postings", json=body)
        assert created.status_code == 201, created.text
        posting_id: str = created.json()["id"]
        published = await self.client.post(f"/v1/postings/{posting_id}/publish")
        assert published.status_code == 200, published.text
        return posting_id

    @property
    def reach(self) -> Reach:
        """Return how far the member's transactions reach."""
        return Reach(
            employers=frozenset({self.own.id}), person=self.member_id, email="boulangere@example.org"
        )


@pytest.fixture
async def bakery(office: Office, database: Database, settings: Settings) -> Bakery:
    """Return the bakery, open."""
    found = Bakery(office, Work(database, settings))
    await found.open()
    return found


async def test_a_member_keeps_their_own_employer(bakery: Bakery) -> None:
    client = bakery.client
    assert [item["id"] for item in (await client.get("/v1/employers")).json()["items"]] == [
        str(bakery.own.id)
    ]
    path = f"/v1/employers/{bakery.own.id}"
    changed = await client.patch(path, json={"description": "Au levain."}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["description"]) == (200, "Au levain.")
    new = {"territory": "same", "siret": "73282932000074", "name": "Un autre"}
    assert (await client.post("/v1/employers", json=new)).status_code == 403


async def test_a_member_leads_their_postings_from_draft_to_filled(bakery: Bakery) -> None:
    client = bakery.client
    posting_id = await bakery.publish()
    path = f"/v1/postings/{posting_id}"
    public = f"/v1/territories/same/postings/{posting_id}"
    assert (await client.get(public)).json()["employer"]["name"] == "Fournil same"
    found = await client.get("/v1/territories/same/postings", params={"q": "boulanger"})
    assert posting_id in [item["id"] for item in found.json()["items"]]
    changed = await client.patch(path, json={"title": "Pâtissier"}, headers={"If-Match": '"2"'})
    assert changed.status_code == 200, changed.text
    assert (await client.get(public)).json()["title"] == "Pâtissier"
    for verb, state in (("pause", "paused"), ("publish", "published"), ("fill", "filled")):
        assert (await client.post(f"{path}/{verb}")).json()["state"] == state
    assert (await client.get(public)).status_code == 410
    changes = (await client.get(f"{path}/changes")).json()["items"]
    assert len(changes) >= 6


async def test_the_employer_s_new_name_reaches_its_postings(bakery: Bakery) -> None:
    posting_id = await bakery.publish()
    path = f"/v1/employers/{bakery.own.id}"
    await bakery.client.patch(path, json={"name": "Le Levain"}, headers={"If-Match": '"1"'})
    await drain(bakery.work)
    public = await bakery.client.get(f"/v1/territories/same/postings/{posting_id}")
    assert public.json()["employer"]["name"] == "Le Levain"
    assert (await bakery.client.get(f"/v1/postings/{posting_id}")).json()["employer_name"] == "Le Levain"


async def test_nothing_of_the_employer_next_door_can_be_read_or_changed(bakery: Bakery) -> None:
    client = bakery.client
    headers = {"If-Match": '"1"'}
    path = f"/v1/employers/{bakery.other.id}"
    refused = [await client.get(path), await client.patch(path, json={}, headers=headers)]
    for posting_id in bakery.theirs.values():
        path = f"/v1/postings/{posting_id}"
        refused += [await client.get(path), await client.patch(path, json={}, headers=headers)]
        refused += [await client.get(f"{path}/{what}") for what in ("matches", "changes")]
        refused += [await client.post(f"{path}/{verb}") for verb in ("publish", "pause", "fill", "withdraw")]
    sent = DRAFT | {"employer_id": str(bakery.other.id), "valid_through": in_days(60).isoformat()}
    refused.append(await client.post("/v1/postings", json=sent))
    assert {answer.status_code for answer in refused} == {404}
    assert (await client.get("/v1/postings")).json()["items"] == []
    mine = await bakery.publish()
    for query in ({}, {"employer_id": str(bakery.other.id)}, {"state": "draft"}):
        items = (await client.get("/v1/postings", params=query)).json()["items"]
        assert [item["id"] for item in items] in ([], [mine])
    # Nor is one handed over.
    moved = await client.patch(
        f"/v1/postings/{mine}", json={"employer_id": str(bakery.other.id)}, headers={"If-Match": '"2"'}
    )
    assert moved.status_code == 422


async def test_no_list_a_member_may_ask_for_names_the_employer_next_door(bakery: Bakery) -> None:
    """Every GET of the API without a path parameter, but for what the public reads."""
    await bakery.publish()
    asked = 0
    for path, item in openapi_document()["paths"].items():
        operation = item.get("get", {})
        if "{" in path or not operation.get("x-permission"):
            continue
        answer = await bakery.client.get(path, headers={"Ancrage-Reason": "To see"})
        assert answer.status_code in {200, 403}, (path, answer.text)
        assert MARK not in answer.text, path
        assert str(bakery.other.id) not in answer.text, path
        asked += 1
    assert asked >= 8


async def test_suggestions_come_without_the_people_s_names(bakery: Bakery) -> None:
    place = bakery.office.world.territories["same"]
    await bakery.session.merge(place)
    profile = await create_candidate(
        bakery.session,
        place,
        reference="crm-secret",
        occupation_codes=["D1102"],
        skill_codes=["104385"],
        contract_kinds=[ContractKind.PERMANENT],
        commune_code="07019",
        radius_km=30,
        languages=["fr"],
    )
    await bakery.session.commit()
    posting_id = await bakery.publish()
    await drain(bakery.work)
    await match_everything.run(bakery.work, None)  # type: ignore[arg-type] # the nightly run reads no task
    answer = await bakery.client.get(f"/v1/postings/{posting_id}/matches")
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    assert item["score"] == sum(line["points"] for line in item["explanation"]) > 0
    assert [skill["code"] for skill in item["candidate"]["skills_in_common"]] == ["104385"]
    told = orjson.dumps(item).decode().lower()
    for secret in (str(profile.id), "crm-secret", "07019", "aubenas", "km", "place"):
        assert secret not in told, secret
    # The person behind it stays out of reach by any other way.
    for path in ("", "/matches"):
        got = await bakery.client.get(f"/v1/candidate-profiles/{profile.id}{path}")
        assert got.status_code == 404
    assert (await bakery.client.get("/v1/candidate-profiles")).json()["items"] == []


async def test_the_walls_hold_without_any_filter(bakery: Bakery, database: Database) -> None:
    place = bakery.office.world.territories["same"]
    await create_candidate(bakery.session, place, occupation_codes=["D1102"])
    theirs = await postings.get_posting(
        bakery.session, system("test"), bakery.theirs[PostingState.DRAFT], "posting.update"
    )
    await postings.change_state(bakery.session, system("test"), theirs, postings.WITHDRAW)
    await bakery.session.commit()
    mine = UUID(await bakery.publish())
    async with database.transaction(bakery.reach) as member:
        assert (await member.scalars(select(Employer.id))).all() == [bakery.own.id]
        assert set(await member.scalars(select(PostingChange.posting_id))) == {mine}
        assert set(await member.scalars(select(Posting.id))) == {mine}
        assert (await member.scalars(select(CandidateProfile.id))).all() == []
        assert (await member.scalars(select(Person.id))).all() == [bakery.member_id]
        assert (await member.scalars(select(RoleGrant.person_id))).all() == [bakery.member_id]
        # What the public reads is there, and no more of it than the public reads.
        assert mine in set(await member.scalars(select(PostingDocument.posting_id)))


async def test_colleagues_invite_colleagues_and_see_who_has_left(bakery: Bakery) -> None:
    client = bakery.client
    sent = {"email": "fournil@example.org", "role": "employer_member"}
    offered = await client.post("/v1/invitations", json=sent | {"employer_id": str(bakery.own.id)})
    assert offered.status_code == 201
    next_door = await client.post("/v1/invitations", json=sent | {"employer_id": str(bakery.other.id)})
    assert next_door.status_code == 404
    first = dict(client.headers)
    await bakery.office.become("fournil@example.org")
    assert (await bakery.office.accept(offered.json()))[0] == 201
    assert len((await client.get("/v1/postings")).json()["items"]) == 0
    members = (await client.get("/v1/members")).json()["items"]
    assert {item["person"]["email"] for item in members} == {"boulangere@example.org", "fournil@example.org"}
    (earlier,) = [item for item in members if item["person"]["email"] == "boulangere@example.org"]
    assert (await client.delete(f"/v1/members/{earlier['id']}")).status_code == 204
    assert (await client.get("/v1/employers", headers=first)).status_code == 403
