"""Distinct strings planted in every personal column that is about one person, to be looked for later."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.ids import new_id
from service.core.security import hash_secret
from service.models import (
    CandidateProfile,
    Consent,
    Employer,
    Feed,
    IdempotencyRecord,
    Identity,
    ImportReport,
    Invitation,
    Mail,
    Match,
    Partner,
    Person,
    PersonSession,
    Posting,
    PostingChange,
    PostingDocument,
    PrivacyRequest,
    RoleGrant,
    SignIn,
    Task,
    TaskState,
    Territory,
)
from tests.factories import create_candidate, create_employer, create_person, create_posting

Place = tuple[str, str]
"""A table and its column."""


@dataclass
class Canaries:
    """Strings that begin with ``mark``, each another, and where they were put."""

    mark: str
    planted: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def address(self) -> str:
        """The person's own address: what is known by it is known by all its spellings."""
        return f"{self.mark}000@example.org"

    def new(self, table: str, column: str) -> str:
        """Return a new string, noted as planted in a column."""
        text = f"{self.mark}{next(self.numbers):03d}"
        self.planted[table, column].append(text)
        return text

    def mention(self, table: str, column: str) -> str:
        """Return a sentence that mentions the address, as people write it."""
        self.planted[table, column].append(self.address)
        return f"Pour plus de détails, écrivez à {self.address.upper()}, avant la fin du mois."

    def own(self, table: str, column: str) -> str:
        """Return the address itself, noted as planted in a column."""
        self.planted[table, column].append(self.address)
        return self.address

    def every(self) -> set[str]:
        """Return every string planted, the address among them."""
        return {self.address} | {text for texts in self.planted.values() for text in texts}


async def plant(session: AsyncSession, territory: Territory, canaries: Canaries, *, times: int = 1) -> Person:
    """Add a person, and rows about them in every table; those that repeat ``times`` over."""
    new, own, mention = canaries.new, canaries.own, canaries.mention
    person = await create_person(
        session,
        email=own("person", "email"),
        given_name=new("person", "given_name"),
        family_name=new("person", "family_name"),
        guardian_email=f"{new('person', 'guardian_email')}@example.org",
        birth_date=date(1987, 6, 15),
    )
    moment = now()
    for _ in range(times):
        await _signed_in(session, person, canaries)
        await _organisations(session, territory, canaries)
        await _letters(session, territory, person, canaries)
        await _wishes(session, territory, person, canaries)
    session.add(
        RoleGrant(
            person_id=person.id,
            role="ambassador",
            territory_id=territory.id,
            given_by="system:test",
        )
    )
    child = await create_person(session, guardian_email=own("person", "guardian_email"))
    session.add_all(
        [
            Consent(
                person_id=child.id,
                purpose="matching",
                text_version="1",
                language="fr",
                channel="website",
                given_at=moment,
            ),
            Task(
                event_id=new_id(),
                kind="test.failed",
                handler="nothing",
                data={},
                state=TaskState.DEAD,
                last_error=mention("task", "last_error"),
                finished_at=moment,
            ),
        ]
    )
    territory.contacts = [
        {
            "label": "La conciergerie",
            "email": own("territory", "contacts"),
            "phone": new("territory", "contacts"),
        }
    ]
    await session.flush()
    return person


async def _signed_in(session: AsyncSession, person: Person, canaries: Canaries) -> None:
    new, own, moment = canaries.new, canaries.own, now()
    session.add(
        Identity(
            person_id=person.id,
            provider=new("identity", "provider"),
            issuer=f"https://{new('identity', 'issuer')}.example.org",
            subject=new("identity", "subject"),
        )
    )
    session.add(
        PersonSession(
            person_id=person.id,
            kind="api",
            provider=new("person_session", "provider"),
            acr=new("person_session", "acr"),
            id_token=new("person_session", "id_token"),
            user_agent=new("person_session", "user_agent"),
            network=new("person_session", "network"),
            revoked_because=new("person_session", "revoked_because"),
            revoked_at=moment,
            last_used_at=moment,
            expires_at=moment + timedelta(days=1),
        )
    )
    for known in (None, person.id):
        session.add(
            SignIn(
                kind="provider",
                email=own("sign_in", "email") if known is None else f"{new('sign_in', 'email')}@example.org",
                person_id=known,
                link_digest=hash_secret(str(new_id())),
                language=new("sign_in", "language"),
                facts={
                    "provider": new("sign_in", "facts"),
                    "given_name": new("sign_in", "facts"),
                    "id_token": new("sign_in", "id_token"),
                },
                network=new("sign_in", "network"),
                expires_at=moment,
            )
        )
    session.add(
        IdempotencyRecord(
            owner_id=person.id,
            key=str(new_id()),
            fingerprint=b"",
            status=200,
            headers={},
            body=f'{{"name": "{new("idempotency_record", "body")}"}}'.encode(),
        )
    )
    await session.flush()


async def _organisations(session: AsyncSession, territory: Territory, canaries: Canaries) -> None:
    new, own, mention = canaries.new, canaries.own, canaries.mention

    def contact(table: str) -> dict[str, Any]:
        return {
            "contact_name": new(table, "contact_name"),
            "contact_email": own(table, "contact_email").title(),
            "contact_phone": new(table, "contact_phone"),
            "description": mention(table, "description"),
        }

    employer: Employer = await create_employer(session, territory, **contact("employer"))
    partner = Partner(
        territory_id=territory.id, name=f"Bailleur {new_id()}", kind="housing", **contact("partner")
    )
    posting: Posting = await create_posting(
        session,
        territory,
        employer_id=employer.id,
        description=mention("posting", "description"),
        source="france-travail",
        source_id=str(new_id()),
        source_data={"note": mention("posting", "source_data")},
        apply_email=own("posting", "apply_email"),
        apply_contact=new("posting", "apply_contact"),
        apply_phone=new("posting", "apply_phone"),
        state="paused",
    )
    feed = Feed(territory_id=territory.id, source="france-travail", name=str(new_id()), criteria={})
    session.add_all([partner, feed])
    await session.flush()
    session.add_all(
        [
            PostingChange(
                posting_id=posting.id,
                action="updated",
                actor="system:test",
                version=1,
                changes={"description": [mention("posting_change", "changes"), "…"]},
            ),
            PostingDocument(
                posting_id=posting.id,
                language="fr",
                document={"apply": {"contact": new("posting_document", "document")}},
                linked_data={"description": new("posting_document", "linked_data")},
                territory_version=1,
            ),
            ImportReport(
                territory_id=territory.id,
                feed_id=feed.id,
                source="france-travail",
                origin=f"file:{own('import_report', 'origin')}.json",
                state="done",
                counts={},
                problems=[{"reason": mention("import_report", "problems")}],
                message=mention("import_report", "message"),
            ),
        ]
    )
    await session.flush()


async def _letters(session: AsyncSession, territory: Territory, person: Person, canaries: Canaries) -> None:
    new, own, moment = canaries.new, canaries.own, now()
    for accepted in (None, person.id):
        session.add(
            Invitation(
                email=own("invitation", "email")
                if accepted is None
                else f"{new('invitation', 'email')}@example.org",
                language=new("invitation", "language"),
                role="ambassador",
                territory_id=territory.id,
                link_digest=hash_secret(str(new_id())),
                invited_by="system:test",
                sent_at=moment,
                expires_at=moment + timedelta(days=14),
                accepted_by=accepted,
                accepted_at=moment if accepted else None,
                revoked_at=None if accepted else moment,
            )
        )
    for known in (None, person.id):
        session.add(
            PrivacyRequest(
                person_id=known,
                email=own("privacy_request", "email")
                if known is None
                else f"{new('privacy_request', 'email')}@example.org",
                kind="access",
                message=new("privacy_request", "message"),
                answer=new("privacy_request", "answer"),
                state="answered",
                territory_id=territory.id,
                due_at=moment,
                answered_at=moment,
            )
        )
        session.add(
            Mail(
                id=new_id(),
                person_id=known,
                to_address=own("mail", "to_address")
                if known is None
                else f"{new('mail', 'to_address')}@example.org",
                template=new("mail", "template"),
                language=new("mail", "language"),
                data={},
                state="sent",
                created_at=moment,
            )
        )
    await session.flush()


async def _wishes(session: AsyncSession, territory: Territory, person: Person, canaries: Canaries) -> None:
    new, moment = canaries.new, now()
    profile: CandidateProfile = await create_candidate(
        session,
        territory,
        person_id=person.id,
        active=False,
        reference=new("candidate_profile", "reference"),
        occupation_codes=[new("candidate_profile", "occupation_codes")],
        skill_codes=[new("candidate_profile", "skill_codes")],
        contract_kinds=["permanent"],
        languages=[new("candidate_profile", "languages")],
        licences=[new("candidate_profile", "licences")],
    )
    posting = await create_posting(session, territory, state="paused")
    session.add_all(
        [
            Match(
                territory_id=territory.id,
                candidate_id=profile.id,
                posting_id=posting.id,
                score=0,
                candidate_rank=1,
                explanation=[{"code": "x", "points": 0, "words": new("match", "explanation")}],
                digest="x",
                engine_version="x",
                candidate_version=1,
                posting_version=1,
                as_of=moment.date(),
                superseded_at=moment,
            ),
            Consent(
                person_id=person.id,
                purpose=new("consent", "purpose"),
                text_version=new("consent", "text_version"),
                language=new("consent", "language"),
                channel=new("consent", "channel"),
                withdrawn_channel=new("consent", "withdrawn_channel"),
                given_at=moment,
                withdrawn_at=moment,
            ),
        ]
    )
    await session.flush()


NOT_PLANTED: frozenset[str] = frozenset(
    {
        # Closed vocabularies, kept by the database or by their type.
        "candidate_profile.commune_code",
        "candidate_profile.contract_kinds",
        "candidate_profile.remote",
        "candidate_profile.salary_unit",
        "candidate_profile.working_time",
        "invitation.role",
        "mail.state",
        "person.language",
        "person_session.kind",
        "privacy_request.kind",
        "privacy_request.state",
        "role_grant.role",
    }
)
