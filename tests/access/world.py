"""Two tenants with one of everything, and one caller of every kind: what the matrix is made in."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.ids import new_id
from service.core.security import Kind, hash_secret, new_key
from service.domain.access import ROLES, SCOPES
from service.models import (
    ApiClient,
    ApiKey,
    Consent,
    Employer,
    Feed,
    ImportReport,
    Invitation,
    Partner,
    Person,
    PersonSession,
    PrivacyRequest,
    RoleGrant,
    Territory,
    Token,
)
from service.models.enums import TerritoryKind
from tests.factories import (
    create_candidate,
    create_commune,
    create_employer,
    create_occupation,
    create_posting,
    create_territory,
)

ORIGIN = "https://www.bassin.example"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Side:
    """One tenant's objects, by the name a path or body calls them; ``mark`` is in every text of theirs."""

    mark: str
    slug: str
    ids: Mapping[str, uuid.UUID] = field(default_factory=dict)
    invitation_token: str = ""

    def __getitem__(self, name: str) -> str:
        return str(self.ids[name])


@dataclass(frozen=True, slots=True)
class World:
    """The sides, and what each caller sends.

    ``own``: where the callers have their roles, keys and things. ``beside``: another employer, partner and
    person of the same territory. ``inside``: a commune of it. ``above``: the région that holds it.
    ``foreign``: another tenant altogether.
    """

    sides: Mapping[str, Side]
    callers: Mapping[str, Mapping[str, str]]


async def _person(session: AsyncSession, name: str) -> Person:
    person = Person(
        id=new_id(),
        email=f"{name}@example.org",
        given_name=name,
        language="fr",
        last_seen_at=now(),
        version=1,
    )
    session.add(person)
    await session.flush()
    return person


async def _token(session: AsyncSession, person: Person, **overrides: Any) -> tuple[PersonSession, str]:
    signed_in = PersonSession(
        id=new_id(),
        person_id=person.id,
        kind="api",
        last_used_at=now(),
        **({"expires_at": now() + timedelta(days=30)} | overrides),
    )
    session.add(signed_in)
    await session.flush()
    secret = new_key(Kind.ACCESS)
    session.add(
        Token(
            kind="access",
            digest=hash_secret(secret),
            session_id=signed_in.id,
            scopes=[],
            expires_at=now() + timedelta(hours=1),
        )
    )
    await session.flush()
    return signed_in, secret


async def _client(
    session: AsyncSession,
    territory: Territory,
    name: str,
    *,
    key: Mapping[str, Any] | None = None,
    **more: Any,
) -> tuple[ApiClient, ApiKey, str]:
    kind = more.get("kind", "secret")
    client = ApiClient(
        id=new_id(),
        name=name,
        territory_ids=[territory.id],
        version=1,
        **({"kind": kind, "scopes": sorted(SCOPES) if kind == "secret" else [], "origins": []} | more),
    )
    session.add(client)
    await session.flush()
    secret = new_key(Kind.SECRET_KEY if kind == "secret" else Kind.PUBLISHABLE_KEY)
    stored = ApiKey(
        id=new_id(), client_id=client.id, digest=hash_secret(secret), hint=secret[-4:], **(key or {})
    )
    session.add(stored)
    await session.flush()
    return client, stored, secret


async def _side(
    session: AsyncSession,
    mark: str,
    territory: Territory,
    person: Person,
    employer: Employer,
    partner: Partner,
) -> Side:
    posting = await create_posting(
        session,
        territory,
        employer_id=employer.id,
        employer_name=employer.name,
        title=f"Boulanger {mark}",
        apply_email=f"{mark}@example.org",
    )
    draft = await create_posting(
        session,
        territory,
        employer_id=employer.id,
        title=f"Brouillon {mark}",
        state="draft",
        published_at=None,
    )
    candidate = await create_candidate(
        session, territory, occupation_codes=["D1102"], person_id=person.id, reference=mark
    )
    feed = Feed(
        id=new_id(), territory_id=territory.id, source="france-travail", name=mark, criteria={}, version=1
    )
    session.add(feed)
    await session.flush()
    report = ImportReport(
        id=new_id(),
        territory_id=territory.id,
        feed_id=feed.id,
        source="france-travail",
        origin=f"file:{mark}",
        state="done",
        counts={},
        problems=[],
    )
    grant = RoleGrant(
        id=new_id(),
        person_id=(await _person(session, f"ambassadeur-{mark}")).id,
        role="ambassador",
        territory_id=territory.id,
        given_by="system:test",
    )
    token = new_key(Kind.LINK)
    invitation = Invitation(
        id=new_id(),
        email=person.email or "",
        language="fr",
        role="ambassador",
        territory_id=territory.id,
        link_digest=hash_secret(token),
        sent_at=now(),
        invited_by="system:test",
        expires_at=now() + timedelta(days=7),
    )
    request = PrivacyRequest(
        id=new_id(),
        person_id=person.id,
        email=person.email,
        kind="access",
        message=mark,
        state="received",
        territory_id=territory.id,
        due_at=now() + timedelta(days=30),
        version=1,
    )
    consent = Consent(
        id=new_id(),
        person_id=person.id,
        purpose="matching",
        text_version="1",
        language="fr",
        channel="website",
        territory_id=territory.id,
        given_at=now(),
    )
    session.add_all([report, grant, invitation, request, consent])
    client, key, _ = await _client(session, territory, f"Site {mark}")
    signed_in, _ = await _token(session, person)
    await session.flush()
    ids = {
        "territory_id": territory.id,
        "employer_id": employer.id,
        "posting_id": posting.id,
        "draft_id": draft.id,
        "profile_id": candidate.id,
        "feed_id": feed.id,
        "report_id": report.id,
        "partner_id": partner.id,
        "grant_id": grant.id,
        "invitation_id": invitation.id,
        "client_id": client.id,
        "key_id": key.id,
        "request_id": request.id,
        "session_id": signed_in.id,
        "person_id": person.id,
    }
    return Side(mark, territory.slug, ids, token)


async def _organisations(session: AsyncSession, territory: Territory, mark: str) -> tuple[Employer, Partner]:
    employer = await create_employer(session, territory, name=f"Fournil {mark}", contact_name=mark)
    partner = Partner(
        id=new_id(),
        territory_id=territory.id,
        name=f"Bailleur {mark}",
        kind="housing",
        contact_name=mark,
        version=1,
    )
    session.add(partner)
    await session.flush()
    return employer, partner


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def build(session: AsyncSession) -> World:
    """Build the world, committed."""
    await create_commune(session)
    await create_occupation(session)
    region = await create_territory(session, slug="above", name="Région above", kind=TerritoryKind.REGION)
    ours = await create_territory(session, slug="own", name="Bassin own", parent=region)
    commune = await create_territory(
        session, slug="inside", name="Commune inside", parent=ours, kind=TerritoryKind.COMMUNE
    )
    elsewhere = await create_territory(session, slug="foreign", name="Ailleurs foreign")
    sides, owners = {}, {}
    for mark, territory in (
        ("own", ours),
        ("beside", ours),
        ("inside", commune),
        ("above", region),
        ("foreign", elsewhere),
    ):
        owner = await _person(session, f"personne-{mark}")
        employer, partner = await _organisations(session, territory, mark)
        sides[mark] = await _side(session, mark, territory, owner, employer, partner)
        owners[mark] = (owner, employer, partner, territory)
    owner, employer, partner, _ = owners["own"]
    callers: dict[str, Mapping[str, str]] = {"anonymous": {}}
    _, _, secret = await _client(session, ours, "caller")
    callers["secret key"] = _bearer(secret)
    _, _, secret = await _client(session, ours, "revoked", revoked_at=now())
    callers["revoked key"] = _bearer(secret)
    _, _, secret = await _client(session, ours, "expired", key={"expires_at": LONG_AGO})
    callers["expired key"] = _bearer(secret)
    _, _, secret = await _client(session, ours, "page", kind="publishable", origins=[ORIGIN])
    callers["publishable key"] = {"Ancrage-Key": secret, "Origin": ORIGIN}
    _, _, secret = await _client(session, elsewhere, "foreign caller")
    callers["key of another tenant"] = _bearer(secret)
    for role, details in ROLES.items():
        person = owner if role == "person" else await _person(session, role)
        if role != "person":
            session.add(
                RoleGrant(
                    id=new_id(),
                    person_id=person.id,
                    role=role,
                    territory_id=None if details.place == "platform" else ours.id,
                    employer_id=employer.id if details.place == "employer" else None,
                    partner_id=partner.id if details.place == "partner" else None,
                    given_by="system:test",
                )
            )
        _, secret = await _token(session, person)
        callers[role] = _bearer(secret)
    former = await _person(session, "former")
    session.add(
        RoleGrant(
            id=new_id(),
            person_id=former.id,
            role="territory_manager",
            territory_id=ours.id,
            given_by="system:test",
            revoked_at=now(),
        )
    )
    _, secret = await _token(session, former)
    callers["former manager"] = _bearer(secret)
    _, secret = await _token(session, owner, revoked_at=now(), revoked_because="by_owner")
    callers["revoked session"] = _bearer(secret)
    _, secret = await _token(session, owner, expires_at=LONG_AGO)
    callers["expired session"] = _bearer(secret)
    for header in callers.values():
        header.setdefault("Ancrage-Reason", "Monthly check")  # type: ignore[attr-defined] # built above as dicts
    await session.commit()
    return World(sides, callers)
