"""Suggestions over the API: anonymous for an employer, whole postings for a candidate, in both languages."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import in_days
from service.core.database import Database
from service.core.settings import Settings
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import CandidateProfile, Match, Posting, Territory
from service.models.enums import ContractKind
from tests.client import ApiClient
from tests.factories import (
    create_candidate,
    create_commune,
    create_employer,
    create_key,
    create_occupation,
    create_skill,
    create_territory,
)

HOME = "07186"
POSTING: dict[str, Any] = {
    "title": "Boulanger / Boulangère",
    "description": "Vous pétrissez, façonnez et cuisez pains et viennoiseries dans un fournil lumineux.",
    "occupation_code": "D1102",
    "contract": {"kind": "permanent", "working_time": "full_time"},
    "salary": {"min": 1950, "max": 2200, "unit": "month"},
    "place": {"commune_code": "07019"},
    "skills": [{"code": "104385", "required": True}, {"code": "104386"}],
    "licences": [{"code": "B", "required": True}],
    "apply": {"email": "emploi@fournil.example.org"},
}


class Village:
    """A territory with an employer, one open posting and its candidates, seen through the API."""

    def __init__(self, client: ApiClient, session: AsyncSession, work: Work, territory: Territory) -> None:
        self.client = client
        self.session = session
        self.work = work
        self.territory = territory
        self.posting_id = ""
        self._body: dict[str, Any] = {}

    async def open(self, body: dict[str, Any]) -> str:
        """Create and publish a posting; return its id."""
        self._body = body
        created = await self.client.post("/v1/postings", json=body)
        assert created.status_code == 201, created.text
        posting_id: str = created.json()["id"]
        published = await self.client.post(f"/v1/postings/{posting_id}/publish")
        assert published.status_code == 200, published.text
        return posting_id

    async def another(self, **changes: Any) -> str:
        """Publish a posting like the first; return its id."""
        return await self.open(self._body | changes)

    async def person(self, **changes: Any) -> CandidateProfile:
        """Add a baker who lives some way off and says so."""
        values: dict[str, Any] = {
            "reference": f"crm-{len(changes)}-secret",
            "occupation_codes": ["D1102"],
            "skill_codes": ["104385"],
            "contract_kinds": [ContractKind.PERMANENT],
            "salary_wish": 1777,
            "salary_unit": "month",
            "commune_code": HOME,
            "radius_km": 45,
            "languages": ["fr", "uk"],
            "licences": ["B"],
        } | changes
        profile = await create_candidate(self.session, self.territory, **values)
        await self.session.commit()
        return profile

    async def match(self) -> None:
        """Match as the nightly run does."""
        from service.jobs.matching import match_everything  # noqa: PLC0415 - one handler, called by itself

        await drain(self.work)
        await match_everything.run(self.work, _no_task())

    async def suggestions(self, path: str, **options: Any) -> list[dict[str, Any]]:
        """Return the items of a list of suggestions."""
        answer = await self.client.get(f"/v1/{path}/matches", **options)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


def _no_task() -> Any:
    return None


@pytest.fixture
async def village(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings
) -> Village:
    """Return a village with one open posting and nobody in it."""
    await create_commune(session)
    await create_commune(session, code=HOME, name="Privas", latitude=44.73, longitude=4.6)
    await create_occupation(session)
    await create_skill(session)
    await create_skill(session, code="104386", label="Façonner des pains")
    territory = await create_territory(session, slug="bassin")
    employer = await create_employer(session, territory)
    await session.commit()
    client.with_key(await create_key(database, territory))
    found = Village(client, session, Work(database, settings), territory)
    body = POSTING | {"employer_id": str(employer.id), "valid_through": in_days(60).isoformat()}
    found.posting_id = await found.open(body)
    return found


async def test_an_employer_reads_who_may_suit_without_knowing_who_it_is(village: Village) -> None:
    person = await village.person()
    await village.match()
    answer = await village.client.get(f"/v1/postings/{village.posting_id}/matches")
    (item,) = answer.json()["items"]
    assert item["rank"] == 1
    assert item["score"] == sum(line["points"] for line in item["explanation"]) > 0
    assert item["candidate"] == {
        "occupations": [{"code": "D1102", "label": "Boulanger / Boulangère"}],
        "skills_in_common": [{"code": "104385", "label": "Pétrir une pâte"}],
        "contract_kinds": [{"code": "permanent", "label": "CDI"}],
        "working_time": None,
        "remote": None,
        "available_from": None,
        "languages": ["fr", "uk"],
        "licences": ["B"],
    }
    assert "une personne décide" in answer.json()["notice"]
    said = answer.text
    for secret in (
        str(person.id),
        "secret",
        "crm-",
        HOME,
        "Privas",
        "1777",
        "km",
        "radius",
        "distance",
        "place",
    ):
        assert secret not in said, secret
    assert item["id"] != str(person.id)
    stored = await village.session.get(Match, UUID(item["id"]))
    assert stored is not None
    # What the employer does not see is there: the candidate's own filter, explained to them.
    assert "place" in {line["code"] for line in stored.explanation}


async def test_a_candidate_reads_postings_as_the_public_does_each_explained(village: Village) -> None:
    person = await village.person()
    await village.match()
    path = f"candidate-profiles/{person.id}"
    (item,) = await village.suggestions(path)
    public = await village.client.get(f"/v1/territories/bassin/postings/{village.posting_id}")
    assert item["posting"] == public.json()
    assert item["score"] == sum(line["points"] for line in item["explanation"])
    assert item["score_words"].endswith("sur 100")
    lines = {line["code"]: line["words"] for line in item["explanation"]}
    assert "21 km" in lines["place"].replace("\u202f", " ").replace("\xa0", " ")
    assert "« Pétrir une pâte »" in lines["skills"].replace("\u202f", " ").replace("\xa0", " ")


async def test_words_come_in_the_readers_language(village: Village) -> None:
    person = await village.person()
    await village.match()
    for path in (f"postings/{village.posting_id}", f"candidate-profiles/{person.id}"):
        french, english, other = [
            (await village.client.get(f"/v1/{path}/matches", headers={"Accept-Language": tag})).json()
            for tag in ("fr", "en-GB, fr;q=0.5", "uk")
        ]
        assert french == other
        assert "a person decides" in english["notice"]
        assert english["items"][0]["score_words"].endswith("out of 100")
        words = [
            [line["words"] for line in answer["items"][0]["explanation"]] for answer in (french, english)
        ]
        assert all(one != two for one, two in zip(*words, strict=True))
        points = [
            [line["points"] for line in answer["items"][0]["explanation"]] for answer in (french, english)
        ]
        assert points[0] == points[1]


async def test_lists_are_in_order_and_as_long_as_asked(village: Village) -> None:
    people = [await village.person(reference=None, skill_codes=skills) for skills in ([], ["104385"])]
    people.append(await village.person(reference=None, skill_codes=["104385", "104386"]))
    await village.match()
    path = f"postings/{village.posting_id}"
    items = await village.suggestions(path)
    scores = [item["score"] for item in items]
    assert [item["rank"] for item in items] == [1, 2, 3]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(people)
    assert await village.suggestions(path, params={"limit": 2}) == items[:2]
    refused = await village.client.get(f"/v1/{path}/matches", params={"limit": 21})
    assert refused.status_code == 422


async def test_what_closes_or_pauses_is_not_suggested_even_before_matching_follows(village: Village) -> None:
    person = await village.person()
    await village.match()
    theirs, ours = f"candidate-profiles/{person.id}", f"postings/{village.posting_id}"
    await village.client.post(f"/v1/postings/{village.posting_id}/pause")
    assert await village.suggestions(theirs) == []
    assert await village.suggestions(ours) == []
    await drain(village.work)
    assert await _current(village) == []
    await village.client.post(f"/v1/postings/{village.posting_id}/publish")
    await drain(village.work)
    assert len(await village.suggestions(theirs)) == len(await village.suggestions(ours)) == 1
    await village.client.patch(
        f"/v1/candidate-profiles/{person.id}", json={"active": False}, headers={"If-Match": '"1"'}
    )
    assert await village.suggestions(theirs) == []
    assert await village.suggestions(ours) == []
    await drain(village.work)
    assert await _current(village) == []


async def _current(village: Village) -> list[UUID]:
    return list(await village.session.scalars(select(Match.id).where(Match.superseded_at.is_(None))))


async def test_a_posting_past_its_day_is_not_suggested(village: Village) -> None:
    person = await village.person()
    await village.match()
    await village.session.execute(update(Posting).values(valid_through=in_days(-1)))
    await village.session.commit()
    assert await village.suggestions(f"candidate-profiles/{person.id}") == []
    assert await village.suggestions(f"postings/{village.posting_id}") == []
    await village.match()
    assert await _current(village) == []


async def test_gates_keep_out_who_lacks_the_licence_or_lives_too_far(village: Village) -> None:
    await village.person(reference=None, licences=["AM"])
    await village.person(reference=None, radius_km=10)
    near = await village.person(reference=None, radius_km=22)
    await village.match()
    (item,) = await village.suggestions(f"postings/{village.posting_id}")
    stored = await village.session.get(Match, UUID(item["id"]))
    assert stored is not None
    assert stored.candidate_id == near.id


async def test_each_side_needs_its_own_right(village: Village, database: Database) -> None:
    person = await village.person()
    await village.match()
    client = village.client
    territory = await village.session.merge(village.territory)
    client.with_key(await create_key(database, territory, scopes=["matches:read"]))
    assert (await client.get(f"/v1/postings/{village.posting_id}/matches")).status_code == 200
    assert (await client.get(f"/v1/candidate-profiles/{person.id}/matches")).status_code == 403
    client.with_key(await create_key(database, territory, scopes=["candidates:read"]))
    assert (await client.get(f"/v1/postings/{village.posting_id}/matches")).status_code == 403
    assert (await client.get(f"/v1/candidate-profiles/{person.id}/matches")).status_code == 200
    elsewhere = await create_territory(village.session)
    await village.session.commit()
    client.with_key(await create_key(database, elsewhere))
    assert (await client.get(f"/v1/postings/{village.posting_id}/matches")).status_code == 404
    assert (await client.get(f"/v1/candidate-profiles/{person.id}/matches")).status_code == 404


async def test_no_json_an_employer_gets_tells_where_anybody_lives(village: Village) -> None:
    """Every outcome of the line about place: near, anywhere, remote work, a posting without a point."""
    await village.person(reference=None)
    await village.person(reference=None, radius_km=None)
    await village.person(reference=None, commune_code=None, radius_km=None)
    remote = await village.another(
        remote="full", title="Conseil aux boulangers", place={"commune_code": HOME}
    )
    await village.session.execute(
        update(Posting).where(Posting.id == UUID(remote)).values(latitude=None, longitude=None)
    )
    await village.session.commit()
    await village.match()
    outcomes = set()
    for match in await village.session.scalars(select(Match)):
        outcomes |= {line["outcome"] for line in match.explanation if line["code"] == "place"}
    assert outcomes >= {"within_radius", "anywhere", "remote"}
    for posting_id in (village.posting_id, remote):
        for language in ("fr", "en"):
            answer = await village.client.get(
                f"/v1/postings/{posting_id}/matches", headers={"Accept-Language": language}
            )
            assert len(answer.json()["items"]) == 3
            shown = orjson.dumps(answer.json()["items"]).decode().lower()
            for word in ("place", "km", "rayon", "radius", "domicile", "distance", HOME, "privas"):
                assert word not in shown, word
