"""The public list as FastAPI's tutorial would write it: ORM objects, and ``response_model``.

The tables, the query parameters and the shape of the answer are Ancrage's own.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from service.core.clock import now
from service.core.database import create_engine
from service.domain.rendering import Surroundings, document
from service.models import Commune, Occupation, Posting, Territory
from service.models.enums import PostingState
from service.schemas.public import FoundPostings, PostingSearch

_engine = create_engine(os.environ["BENCH_URL"])
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    yield
    await _engine.dispose()


async def _session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as session:
        yield session


app = FastAPI(lifespan=_lifespan)


@app.get("/v1/territories/{slug}/postings", response_model=FoundPostings)
async def list_postings(
    slug: str, search: Annotated[PostingSearch, Query()], session: Annotated[AsyncSession, Depends(_session)]
) -> dict[str, Any]:
    """List the postings of a territory."""
    territory = (await session.scalars(select(Territory).where(Territory.slug == slug))).one()
    query = (
        select(Posting)
        .join(Territory, Territory.id == Posting.territory_id)
        .where(
            Territory.lineage.contains([territory.id]),
            Posting.state == PostingState.PUBLISHED,
            Posting.shown,
            or_(Posting.valid_through.is_(None), Posting.valid_through > now()),
        )
    )
    if search.contract:
        query = query.where(Posting.contract_kind.in_(search.contract))
    if search.working_time:
        query = query.where(Posting.working_time.in_(search.working_time))
    if search.commune:
        query = query.where(Posting.commune_code.in_(search.commune))
    if search.salary_from is not None:
        query = query.where(
            func.coalesce(Posting.yearly_salary_max, Posting.yearly_salary_min) >= search.salary_from
        )
    if search.published_since is not None:
        query = query.where(Posting.published_at >= search.published_since)
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    newest = query.order_by(Posting.published_at.desc(), Posting.id.desc()).limit(search.limit)
    postings = list(await session.scalars(newest))
    communes = {
        commune.code: commune
        for commune in await session.scalars(
            select(Commune).where(Commune.code.in_({posting.commune_code for posting in postings}))
        )
    }
    occupations = {
        occupation.code: occupation.label
        for occupation in await session.scalars(
            select(Occupation).where(Occupation.code.in_({posting.occupation_code for posting in postings}))
        )
    }
    return {
        "items": [
            document(
                posting,
                Surroundings(
                    territory_slug=slug,
                    commune=communes.get(posting.commune_code or ""),
                    occupation_labels=occupations,
                ),
                "fr",
            )
            for posting in postings
        ],
        "next": None,
        "total": total,
        "facets": {},
        "engine": "postgresql",
        "relaxed": False,
        "corrections": [],
        "ignored": [],
        "cut": False,
        "degraded": False,
    }
