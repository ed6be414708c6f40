"""Postings edited at random through the domain's verbs, and what an engine must hold of them."""

import asyncio
import itertools
import random
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select

from service.core.clock import now
from service.core.database import AsyncSession, Database
from service.core.ids import new_id
from service.domain import feeding, publication
from service.domain.access import Actor, system
from service.domain.feeding import Drift, Feed
from service.domain.postings.states import FILL, PAUSE, PUBLISH, WITHDRAW
from service.domain.postings.verbs import change_state, create_posting, update_posting
from service.jobs.feeding import verify
from service.models import Employer, Posting, SearchFeed, SearchPending, Territory
from service.models.enums import ContractKind, PostingState
from service.schemas.postings import PostingCreate, PostingUpdate
from service.schemas.search import SearchKind
from service.search.meilisearch.documents import document
from service.search.meilisearch.marking import MarkedAdministration
from service.search.port import Facts
from tests.factories import create_commune, create_employer, create_occupation, create_territory

KIND: Final = SearchKind.POSTINGS
TRADES: Final = ("Boulanger", "Soudeuse", "Aide-soignant", "Maçonne", "Serveuse", "Électricien", "Cariste")
PLACES: Final = ("au centre", "en station", "de nuit", "le week-end", "en équipe", "à domicile")
WORDS: Final = ("pain", "four", "chantier", "soin", "atelier", "chaleur", "horaire", "matin", "métal", "bois")

_BATCH: Final = 500


class Market:
    """Postings of one territory and of one inside it. ``edits`` counts what was committed."""

    def __init__(self, database: Database, seed: int = 1) -> None:
        self.database = database
        self.actor: Actor = system("test")
        self.random = random.Random(seed)  # noqa: S311 - it chooses edits
        self.ids: list[uuid.UUID] = []
        self.edits = 0
        self.territories: list[Territory] = []
        self.employers: list[Employer] = []

    async def open(self, postings: int) -> None:
        """Make the territories and so many published postings."""
        async with self.database.transaction() as session:
            await create_commune(session)
            await create_occupation(session)
            parent = await create_territory(session, slug="bassin")
            child = await create_territory(session, parent=parent, slug="ville")
            self.territories = [parent, child]
            self.employers = [
                await create_employer(session, each, name=f"Maison {number}")
                for each in self.territories
                for number in range(3)
            ]
        for start in range(0, postings, _BATCH):
            async with self.database.transaction() as session:
                made = [self._posting() for _ in range(min(_BATCH, postings - start))]
                session.add_all(made)
                await session.flush()
                await publication.refresh(session, made)
            self.ids += [posting.id for posting in made]

    def title(self) -> str:
        """Return a title like no other."""
        number = self.random.randrange(10**9)
        return f"{self.random.choice(TRADES)} {self.random.choice(PLACES)} {number}"

    def _text(self) -> str:
        return " ".join(self.random.choices(WORDS, k=25)) + "."

    def _posting(self) -> Posting:
        employer = self.random.choice(self.employers)
        moment = now()
        return Posting(
            id=new_id(),
            territory_id=employer.territory_id,
            employer_id=employer.id,
            employer_name=employer.name,
            state=PostingState.PUBLISHED,
            title=self.title(),
            description=self._text(),
            occupation_code="D1102",
            contract_kind=ContractKind.PERMANENT,
            commune_code="07019",
            apply_url="https://example.org",
            published_at=moment,
            created_at=moment,
            updated_at=moment,
            valid_through=moment + timedelta(days=90),
            **{
                name: []
                for name in ("skills", "skill_codes", "education", "languages", "licences", "benefits")
            },
        )

    async def edit(self) -> uuid.UUID:
        """Do one thing at random to one posting, or publish a new one; commit it; return its id."""
        chosen = self.random.random()
        if chosen < 0.1 or not self.ids:
            found = await self.publish()
        elif chosen < 0.5:
            found = await self.change(self.random.choice(self.ids))
        else:
            found = await self.move(self.random.choice(self.ids))
        self.edits += 1
        return found

    async def publish(self, **values: Any) -> uuid.UUID:
        """Create a posting and publish it."""
        employer = self.random.choice(self.employers)
        data: dict[str, Any] = {
            "employer_id": employer.id,
            "title": self.title(),
            "description": self._text(),
            "occupation_code": "D1102",
            "contract": {"kind": "permanent"},
            "place": {"commune_code": "07019"},
            "apply": {"url": "https://example.org"},
            "valid_through": now() + timedelta(days=90),
        } | values
        async with self.database.transaction() as session:
            posting = await create_posting(session, self.actor, PostingCreate.model_validate(data))
            await change_state(session, self.actor, posting, PUBLISH)
        self.ids.append(posting.id)
        return posting.id

    async def change(self, posting_id: uuid.UUID, title: str | None = None) -> uuid.UUID:
        """Give a posting another title, if it may still change."""
        async with self.database.transaction() as session:
            await self.change_in(session, posting_id, title or self.title())
        return posting_id

    async def change_in(self, session: AsyncSession, posting_id: uuid.UUID, title: str) -> None:
        """Do the same in a transaction that goes on."""
        posting = await session.get_one(Posting, posting_id, with_for_update=True)
        if posting.state in {PostingState.PUBLISHED, PostingState.PAUSED}:
            await update_posting(session, self.actor, posting, PostingUpdate.model_validate({"title": title}))

    async def is_open(self) -> bool:
        """Tell whether changes are noted for an engine."""
        async with self.database.transaction() as session:
            return await feeding.read(session, KIND) is not None

    async def move(self, posting_id: uuid.UUID) -> uuid.UUID:
        """Pause a posting or publish it again; seldom, fill or withdraw it for good."""
        async with self.database.transaction() as session:
            posting = await session.get_one(Posting, posting_id, with_for_update=True)
            verb = PUBLISH if posting.state is PostingState.PAUSED else PAUSE
            if self.random.random() < 0.1:
                verb = self.random.choice((FILL, WITHDRAW))
            if posting.state in verb.origins:
                await change_state(session, self.actor, posting, verb)
        return posting_id

    async def move_to(self, posting_id: uuid.UUID, state: str) -> None:
        """Pause a posting, or publish it again."""
        async with self.database.transaction() as session:
            posting = await session.get_one(Posting, posting_id, with_for_update=True)
            await change_state(session, self.actor, posting, {"paused": PAUSE, "published": PUBLISH}[state])

    async def expire_lease(self) -> None:
        """Let the time of whoever holds the feed be over."""
        await self.force(held_until=now() - timedelta(minutes=5))

    async def withdraw(self, posting_id: uuid.UUID) -> None:
        """Take a posting away."""
        async with self.database.transaction() as session:
            posting = await session.get_one(Posting, posting_id, with_for_update=True)
            await change_state(session, self.actor, posting, WITHDRAW)

    async def feed(self) -> Feed:
        """Return how the engine stands."""
        async with self.database.transaction() as session:
            feed = await feeding.read(session, KIND)
        assert feed is not None
        return feed

    async def until_ready(self) -> None:
        """Return once the engine may be asked."""
        for attempt in itertools.count():
            if await self.is_open() and (await self.feed()).ready:
                return
            await asyncio.sleep(min(0.5, 0.01 * attempt))

    async def pending(self) -> dict[uuid.UUID, str | None]:
        """Return what the engine is still to be told, with why it refused it."""
        async with self.database.transaction() as session:
            rows = await session.execute(select(SearchPending.document_id, SearchPending.error))
            return {row.document_id: row.error for row in rows}

    async def force(self, **values: Any) -> None:
        """Write into the feed's row, as time or another process would."""
        async with self.database.transaction() as session:
            row = await session.get_one(SearchFeed, KIND.value)
            for name, value in values.items():
                setattr(row, name, value)

    async def versions(self) -> list[int]:
        """Return the territories' public versions."""
        async with self.database.transaction() as session:
            return list(await session.scalars(select(Territory.public_version).order_by(Territory.slug)))

    async def expected(self) -> dict[str, str]:
        """Return the digest of every document that the engine must hold, by id."""
        found: dict[str, str] = {}
        after = None
        while True:
            async with self.database.transaction() as session:
                page = await publication.facts_after(session, after, 1000)
            if not page:
                return found
            found |= {str(facts.id): str(document(facts)["digest"]) for facts in page}
            after = page[-1].id

    async def document(self, posting_id: uuid.UUID) -> dict[str, Any]:
        """Return the document of a public posting."""
        async with self.database.transaction() as session:
            [facts] = await publication.facts_of(session, [posting_id])
        return document(facts)

    async def public(self) -> int:
        """Return how many postings the public may see."""
        async with self.database.transaction() as session:
            shown = (Posting.state == PostingState.PUBLISHED, Posting.shown)
            return await session.scalar(select(func.count()).select_from(Posting).where(*shown)) or 0


async def held(engine: MarkedAdministration) -> dict[str, str]:
    """Return what the engine holds: digests by id."""
    found: dict[str, str] = {}
    async for page in engine.walk("ancrage-postings"):
        found |= {str(each): digest for each, digest in page.items()}
    return found


async def drift(market: Market, engine: MarkedAdministration) -> Drift:
    """Return how far the engine has drifted, by the platform's own count."""
    return await verify(market.database, engine, KIND)


async def in_line(market: Market, engine: MarkedAdministration) -> None:
    """Check that the engine answers, holds what it should and is owed nothing."""
    feed = await market.feed()
    assert (feed.ready, feed.trouble, feed.wanted) == (True, None, None)
    assert await market.pending() == {}
    assert await held(engine) == await market.expected()
    assert len(await drift(market, engine)) == 0


async def digests(page: Sequence[Facts]) -> dict[uuid.UUID, str]:
    """Return the digests of the documents made of these facts."""
    return {facts.id: str(document(facts)["digest"]) for facts in page}
