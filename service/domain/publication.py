"""Bringing what the public reads in line with the postings, in the transaction that changes them."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.domain import indexing, referentials, rendering, territories
from service.domain.labels import LANGUAGES
from service.models import (
    Commune,
    Employer,
    Occupation,
    OccupationTitle,
    Posting,
    PostingDocument,
    Sector,
    Territory,
)
from service.models.enums import PostingState
from service.schemas.search import PostingFacts, SearchKind
from service.search import transactional_engine

_BATCH = 500


@dataclass(frozen=True, slots=True)
class _Rows:
    """Everything a batch of postings refers to, read once."""

    territories: dict[uuid.UUID, str]
    employers: dict[uuid.UUID, Employer]
    communes: dict[str, Commune]
    occupations: dict[str, str]
    titles: dict[str, tuple[str, ...]]
    sectors: dict[str, str]

    def around(self, posting: Posting) -> rendering.Surroundings:
        return rendering.Surroundings(
            territory_slug=self.territories[posting.territory_id],
            employer=self.employers.get(posting.employer_id) if posting.employer_id else None,
            commune=self.communes.get(posting.commune_code or ""),
            occupation_labels=self.occupations,
            sector_labels=self.sectors,
        )


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({value for value in values if value is not None})


async def _read(session: AsyncSession, postings: Sequence[Posting], *, holding: bool = True) -> _Rows:
    territory_ids = _distinct(posting.territory_id for posting in postings)
    occupation_codes = _distinct(rendering.effective_occupation(posting) for posting in postings)
    titles: dict[str, list[str]] = defaultdict(list)
    for code, title in await session.execute(
        select(OccupationTitle.occupation_code, OccupationTitle.short_label)
        .where(
            OccupationTitle.occupation_code.in_(occupation_codes), OccupationTitle.obsolete_since.is_(None)
        )
        .order_by(OccupationTitle.code)
    ):
        titles[code].append(title)
    query = (
        select(Employer)
        .where(Employer.id.in_(_distinct(posting.employer_id for posting in postings)))
        .order_by(Employer.id)
        .execution_options(populate_existing=True)
    )
    # Shared until the commit: a new name waits for it, then finds these postings public and follows.
    employers = await session.scalars(query.with_for_update(read=True) if holding else query)
    communes = await session.scalars(
        select(Commune).where(Commune.code.in_(_distinct(posting.commune_code for posting in postings)))
    )
    occupations = await session.execute(
        select(Occupation.code, Occupation.label).where(Occupation.code.in_(occupation_codes))
    )
    sectors = await session.execute(
        select(Sector.code, Sector.label).where(
            Sector.code.in_(_distinct(posting.sector_code for posting in postings))
        )
    )
    slugs = await session.execute(select(Territory.id, Territory.slug).where(Territory.id.in_(territory_ids)))
    return _Rows(
        territories={row.id: row.slug for row in slugs},
        employers={employer.id: employer for employer in employers},
        communes={commune.code: commune for commune in communes},
        occupations={row.code: row.label for row in occupations},
        titles={code: tuple(found) for code, found in titles.items()},
        sectors={row.code: row.label for row in sectors},
    )


def is_public(posting: Posting) -> bool:
    """Tell whether the public may see the posting."""
    return posting.state is PostingState.PUBLISHED and posting.shown


def _facts(posting: Posting, rows: _Rows) -> PostingFacts:
    around = rows.around(posting)
    commune = around.commune
    code = rendering.effective_occupation(posting)
    assert posting.published_at is not None  # noqa: S101 - a published posting has its date
    return PostingFacts(
        id=posting.id,
        territory_id=posting.territory_id,
        title=posting.title,
        published_at=posting.published_at,
        source=posting.source,
        description=posting.description,
        valid_through=posting.valid_through,
        employer_id=posting.employer_id,
        employer_name=around.employer.name if around.employer else posting.employer_name,
        occupation_code=code,
        occupation_label=rows.occupations.get(code) if code else None,
        occupation_titles=rows.titles.get(code, ()) if code else (),
        sector_code=posting.sector_code,
        sector_label=rows.sectors.get(posting.sector_code or ""),
        contract_kind=posting.contract_kind,
        working_time=posting.working_time,
        remote=posting.remote,
        in_tension=posting.in_tension,
        commune_code=posting.commune_code,
        departement_code=posting.departement_code,
        places=(commune.name, commune.departement_name, commune.region_name)
        if commune
        else tuple(_distinct([posting.place_label])),
        postal_codes=tuple(_distinct([posting.postal_code, *(commune.postal_codes if commune else [])])),
        latitude=posting.latitude,
        longitude=posting.longitude,
        yearly_salary_min=posting.yearly_salary_min,
        yearly_salary_max=posting.yearly_salary_max,
        skills=tuple(skill["label"] for skill in posting.skills if skill.get("label")),
        details=tuple(
            _distinct(
                [
                    posting.hours_label,
                    posting.contract_label,
                    posting.qualification_label,
                    posting.experience_label,
                    *(item.get("label") for item in (*posting.licences, *posting.languages)),
                ]
            )
        ),
    )


async def place(session: AsyncSession, postings: Sequence[Posting]) -> None:
    """Set what follows from a posting's commune: département, and the point when none was given."""
    codes = _distinct(posting.commune_code for posting in postings)
    communes = {
        commune.code: commune
        for commune in await session.scalars(select(Commune).where(Commune.code.in_(codes)))
    }
    for posting in postings:
        commune = communes.get(posting.commune_code or "")
        if commune is None:
            continue
        posting.departement_code = commune.departement_code
        if posting.latitude is None:
            posting.latitude, posting.longitude = commune.latitude, commune.longitude


async def measure_tension(session: AsyncSession, postings: Sequence[Posting]) -> None:
    """Set each posting's tension from the referential, with its source."""
    # Where the commune is not known, the département is the next best area.
    asked = {
        (code, posting.commune_code or posting.departement_code)
        for posting in postings
        if (code := rendering.effective_occupation(posting)) is not None
    }
    found = await referentials.tension_for(session, asked)
    for posting in postings:
        area = posting.commune_code or posting.departement_code
        fact = found.get((rendering.effective_occupation(posting) or "", area))
        tension = fact.as_dict() if fact else None
        if posting.tension != tension:
            posting.tension = tension
        posting.in_tension = bool(fact and fact.in_tension)


async def measure_again(session: AsyncSession, *, after: uuid.UUID | None, limit: int) -> uuid.UUID | None:
    """Bring up to ``limit`` open postings after ``after`` in line with the referentials again.

    Their tension is measured again, and the public ones are rendered and indexed again: labels may have
    changed, and so may this code. Return the id to go on after, None at the end.
    """
    query = (
        select(Posting)
        .where(Posting.state.in_((PostingState.DRAFT, PostingState.PUBLISHED, PostingState.PAUSED)))
        .order_by(Posting.id)
        .limit(limit)
        .with_for_update(key_share=True)
    )
    if after is not None:
        query = query.where(Posting.id > after)
    postings = list(await session.scalars(query))
    await measure_tension(session, postings)
    await refresh(session, [posting for posting in postings if is_public(posting)])
    return postings[-1].id if len(postings) == limit else None


async def public_facts(session: AsyncSession, after: uuid.UUID | None, limit: int) -> Sequence[PostingFacts]:
    """Return what a search engine is told of the next public postings in order of id, after ``after``.

    One that another transaction is changing is left out: that transaction indexes it.
    """
    query = (
        select(Posting)
        .where(Posting.state == PostingState.PUBLISHED, Posting.shown)
        .order_by(Posting.id)
        .limit(limit)
        .with_for_update(read=True, skip_locked=True)
    )
    if after is not None:
        query = query.where(Posting.id > after)
    postings = list(await session.scalars(query))
    rows = await _read(session, postings)
    return [_facts(posting, rows) for posting in postings]


async def _facts_now(session: AsyncSession, query: Select[Posting]) -> list[PostingFacts]:
    shown = query.where(Posting.state == PostingState.PUBLISHED, Posting.shown).order_by(Posting.id)
    postings = list(await session.scalars(shown.execution_options(populate_existing=True)))
    rows = await _read(session, postings, holding=False)
    return [_facts(posting, rows) for posting in postings]


async def facts_of(session: AsyncSession, ids: Collection[uuid.UUID]) -> list[PostingFacts]:
    """Return what an engine outside is told of those of these postings that are public now.

    Nothing is locked or waited for: a change that commits meanwhile is noted for that engine by itself.
    """
    return await _facts_now(session, select(Posting).where(Posting.id.in_(ids)))


async def facts_after(session: AsyncSession, after: uuid.UUID | None, limit: int) -> list[PostingFacts]:
    """Return the same of the next ``limit`` public postings in order of id, after ``after``."""
    query = select(Posting).limit(limit)
    return await _facts_now(session, query if after is None else query.where(Posting.id > after))


async def refresh(session: AsyncSession, postings: Sequence[Posting]) -> None:
    """Render, index and version what the public reads of ``postings``, or take it away.

    Every verb that changes a posting calls this last, once, with all it changed: each territory's
    version then grows by one, whatever the number of postings.
    """
    if not postings:
        return
    await session.flush()
    engine = transactional_engine()
    versions = await territories.bump_public_versions(
        session, _distinct(posting.territory_id for posting in postings)
    )
    gone = [posting.id for posting in postings if not is_public(posting)]
    for start in range(0, len(gone), _BATCH):
        batch = gone[start : start + _BATCH]
        await session.execute(delete(PostingDocument).where(PostingDocument.posting_id.in_(batch)))
        await engine.remove(session, SearchKind.POSTINGS, batch)
    public = [posting for posting in postings if is_public(posting)]
    for start in range(0, len(public), _BATCH):
        await _show(session, public[start : start + _BATCH], versions)
    await indexing.outdated(session, SearchKind.POSTINGS, [posting.id for posting in postings])


async def _show(session: AsyncSession, postings: Sequence[Posting], versions: dict[uuid.UUID, int]) -> None:
    rows = await _read(session, postings)
    moment = now()
    values = []
    for posting in postings:
        around = rows.around(posting)
        linked = rendering.linked_data(posting, around)
        values += [
            {
                "posting_id": posting.id,
                "language": language,
                "document": rendering.document(posting, around, language),
                "linked_data": linked,
                "territory_version": versions[posting.territory_id],
                "rendered_at": moment,
            }
            for language in LANGUAGES
        ]
    statement = insert(PostingDocument)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["posting_id", "language"],
            set_={
                name: statement.excluded[name]
                for name in ("document", "linked_data", "territory_version", "rendered_at")
            },
        ),
        values,
    )
    await transactional_engine().index(session, [_facts(posting, rows) for posting in postings])
