"""Every operation of the API, called with success: what leaves an entry in the audit trail, and what none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from service.core.clock import in_days, now
from service.core.ids import new_id
from service.domain.access import PERSONAL_READS
from service.models import AuditEntry, Feed, Invitation, Mail, Match, Posting
from tests.access import test_matrix as matrix
from tests.access.examples import EXAMPLES
from tests.access.world import Side, build
from tests.client import ApiClient
from tests.sign_in.support import bearer, code_of, create_website, start

CALLERS = ("territory_manager", "operator", "person", "secret key", "publishable key")
# Their examples are refused: they take a proof or a mail, and are called below.
CALLED_APART = {"create_sign_in_tokens", "report_mail_bounce"}
# Who has no other session ends none; who agreed already, or never did, changes nothing by it.
NOTHING_TO_DO = {
    ("delete_my_other_sessions", "territory_manager"),
    ("delete_my_other_sessions", "operator"),
    ("give_consent", "person"),
    ("withdraw_consent", "territory_manager"),
    ("withdraw_consent", "operator"),
}
# All that is known of a person leaves in one piece: that it did is kept, whoever asked.
KEPT_ALTHOUGH_OWN = {"export_my_data"}
REPORT = b"""Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; camille@example.org
Action: failed
Status: 5.1.1

--cut
Content-Type: text/rfc822-headers

Message-ID: <invented@example.org>

--cut--
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded, and the entries it left."""

    name: str
    caller: str
    permission: str
    reads: bool
    left: list[AuditEntry]

    def __str__(self) -> str:
        actions = [entry.action for entry in self.left]
        return f"{self.name} by {self.caller} ({self.permission}) left {actions}"


async def _ready(session: AsyncSession, side: Side) -> None:
    """Bring the side's objects into the state in which every example succeeds."""
    await session.execute(
        update(Posting).values(
            description="Vous pétrissez, façonnez et cuisez pains et viennoiseries.",
            occupation_code="D1102",
            contract_kind="permanent",
            commune_code="07019",
            apply_email="emploi@example.org",
            valid_through=in_days(60),
        )
    )
    await session.execute(update(Feed).values(live=True))
    await session.execute(update(Invitation).values(sent_at=now() - timedelta(days=1)))
    spoken = {"fr": "Métier", "en": "Occupation"}
    line = {"code": "occupation", "outcome": "same", "points": 0, "max_points": 0, "data": {}}
    session.add(
        Match(
            territory_id=side.ids["territory_id"],
            candidate_id=side.ids["profile_id"],
            posting_id=side.ids["posting_id"],
            score=0,
            candidate_rank=1,
            posting_rank=1,
            explanation=[line | {"title": spoken, "words": {"candidate": spoken, "employer": spoken}}],
            digest="invented",
            engine_version="1",
            candidate_version=1,
            posting_version=1,
            as_of=now().date(),
        )
    )
    await session.commit()


async def _left(session: AsyncSession, request_id: str) -> list[AuditEntry]:
    """Return the entries of one request."""
    found = list(await session.scalars(select(AuditEntry).where(AuditEntry.request_id == request_id)))
    session.expunge_all()
    await session.rollback()
    return found


async def _calls(client: ApiClient, session: AsyncSession, connection: AsyncConnection) -> list[Call]:
    """Call every operation as each caller, about what is theirs; return those that succeed."""
    world = await build(session)
    side = world.sides["own"]
    await _ready(session, side)
    found = []
    for name, example in EXAMPLES.items():
        method, _, operation = matrix.KEYED[name]
        for caller in CALLERS:
            # Each on the same ground: what a call changes is taken back.
            savepoint = await connection.begin_nested()
            sent = dict(world.callers[caller]) | {"X-Request-ID": new_id().hex}
            status, said = await matrix._call(client, name, example, sent, side)
            left = await _left(session, sent["X-Request-ID"])
            await savepoint.rollback()
            if status < 300:
                found.append(Call(name, caller, operation["x-permission"], method == "GET", left))
            else:
                assert left == [], (name, caller, said)
    return found


def _faults(call: Call) -> Iterator[str]:
    if not call.reads:
        if not call.left and (call.name, call.caller) not in NOTHING_TO_DO:
            yield "a change leaves an entry"
    elif call.permission not in PERSONAL_READS or call.caller == "person":
        if call.left and call.name not in KEPT_ALTHOUGH_OWN:
            yield "who reads what is their own, or nobody's, leaves no entry"
    else:
        places = [entry.territory_id for entry in call.left]
        if not places or len(set(places)) < len(places):
            yield "a reading leaves one entry in each territory it shows something of"
        if {entry.action for entry in call.left} - {call.permission}:
            yield f"the entry says {call.permission}"


async def test_what_each_operation_leaves(
    client: ApiClient, session: AsyncSession, connection: AsyncConnection
) -> None:
    calls = await _calls(client, session, connection)
    assert {call.name for call in calls} == set(EXAMPLES) - CALLED_APART, "each must succeed for somebody"
    assert [f"{call}: {fault}" for call in calls for fault in _faults(call)] == []


async def _actions(session: AsyncSession, request: Mapping[str, str]) -> set[str]:
    return {entry.action for entry in await _left(session, request["X-Request-ID"])}


async def test_signing_in_leaves_an_entry(client: ApiClient, session: AsyncSession) -> None:
    website = await create_website(session)
    await session.commit()
    started = await start(client, website.page)
    proof = {"sign_in_id": started["sign_in_id"], "code": code_of(client.app, started["sign_in_id"])}
    request = website.page | {"X-Request-ID": new_id().hex}
    answer = await client.post("/v1/sign-in/tokens", json=proof, headers=request)
    assert await _actions(session, request) >= {"session.opened"}
    request = bearer(answer.json()["access_token"]) | {"X-Request-ID": new_id().hex}
    await client.get("/v1/me", headers=request)
    assert await _actions(session, request) == set()


async def test_a_mail_that_came_back_leaves_an_entry(client: ApiClient, session: AsyncSession) -> None:
    website = await create_website(session)
    session.add(
        Mail(
            template="dormancy_warning",
            to_address="camille@example.org",
            language="fr",
            territory_id=website.territory.id,
            data={},
            state="sent",
            message_id="<invented@example.org>",
        )
    )
    await session.commit()
    request = website.backend | {"X-Request-ID": new_id().hex, "Content-Type": "message/rfc822"}
    answer = await client.post("/v1/mail-bounces", content=REPORT, headers=request)
    assert answer.status_code == 200, answer.text
    assert await _actions(session, request) == {"mail.bounced"}
