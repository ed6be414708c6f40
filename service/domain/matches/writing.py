"""Matches in the database: reading the current ones, writing what differs, forgetting a person."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Row,
    Text,
    any_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, UUID, insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.ids import new_id
from service.domain.matches.board import Board, Change, Pair, Stored
from service.domain.matches.comparing import CurrentRow, Step, Wording, digest, suggest
from service.domain.matches.reading import Query, root_of
from service.matching.bulk import BEST
from service.models import Match, MatchedInput, MatchingBasis, Occupation, Posting, Skill

_FETCHED = 2_000
_UUIDS = ARRAY(UUID(as_uuid=True))
_CURRENT = Match.superseded_at.is_(None)


class MovedOnError(Exception):
    """Someone else wrote matches of the same tree meanwhile: what was computed is out of date."""


async def fetch(session: AsyncSession, query: Query) -> list[Row[Any]]:
    """Return the rows of ``query``, read in parts: a long answer does not hold up everything else."""
    result = await session.stream(query.execution_options(yield_per=_FETCHED))
    return [row async for part in result.partitions() for row in part]


def among(column: Any, ids: Collection[uuid.UUID]) -> ColumnElement[bool]:
    """Return the condition that the column holds one of ``ids``, however many they are."""
    condition: ColumnElement[bool] = column == any_(literal(list(ids), _UUIDS))
    return condition


async def read_stored(session: AsyncSession, territories: Collection[uuid.UUID], change: Change) -> Stored:
    """Return what current matches of a tree say about ``change``, and each full list's last score."""
    ranked = await session.execute(
        select(Match.candidate_id, Match.posting_id, Match.candidate_rank, Match.posting_rank).where(
            _CURRENT,
            or_(among(Match.candidate_id, change.candidates), among(Match.posting_id, change.postings)),
        )
    )
    inside = among(Match.territory_id, territories)
    of_candidates = await session.execute(
        select(Match.candidate_id, Match.score).where(_CURRENT, inside, Match.candidate_rank == BEST)
    )
    of_postings = await session.execute(
        select(Match.posting_id, Match.score).where(_CURRENT, inside, Match.posting_rank == BEST)
    )
    return Stored(
        ranked={(row[0], row[1]): (row[2], row[3]) for row in ranked},
        last_of_candidates={row[0]: row[1] for row in of_candidates},
        last_of_postings={row[0]: row[1] for row in of_postings},
    )


async def read_current(
    session: AsyncSession, territories: Collection[uuid.UUID], owners: Change | None
) -> list[CurrentRow]:
    """Return the current matches in the lists of ``owners``; ``None``: all those of the tree."""
    condition = (
        among(Match.territory_id, territories)
        if owners is None
        else or_(among(Match.candidate_id, owners.candidates), among(Match.posting_id, owners.postings))
    )
    query = select(
        Match.id,
        Match.candidate_id,
        Match.posting_id,
        Match.candidate_rank,
        Match.posting_rank,
        Match.digest,
    ).where(_CURRENT, condition)
    return [CurrentRow(**row._mapping) for row in await fetch(session, query)]  # noqa: SLF001 - SQLAlchemy's public name for it


async def count_current(session: AsyncSession, territories: Collection[uuid.UUID]) -> int:
    """Return how many matches are current for the candidates of these territories."""
    counted = await session.scalar(
        select(func.count()).select_from(Match).where(_CURRENT, among(Match.territory_id, territories))
    )
    return counted or 0


async def read_labels(session: AsyncSession, board: Board, pairs: Collection[Pair]) -> dict[str, str]:
    """Return the labels of all occupations and skills these pairs may speak of, by code.

    A skill ROME does not list has the label the posting gives it.
    """
    codes: set[str] = set()
    for candidate_id, posting_id in pairs:
        posting = board.postings.facts[posting_id]
        codes.update(board.candidates.facts[candidate_id].wanted_occupations)
        codes.update(posting.required_skills, posting.wished_skills)
        if posting.occupation is not None:
            codes.add(posting.occupation)
    wanted = any_(literal(sorted(codes), ARRAY(Text())))
    given = await session.scalars(
        select(Posting.skills).where(among(Posting.id, {pair[1] for pair in pairs})).order_by(Posting.id)
    )
    labels = {
        skill["code"]: skill["label"]
        for skills in given
        for skill in skills
        if skill.get("code") and skill.get("label")
    }
    for query in (
        select(Skill.code, Skill.label).where(Skill.code == wanted),
        select(Occupation.code, Occupation.label).where(Occupation.code == wanted),
    ):
        labels.update({row[0]: row[1] for row in await session.execute(query)})
    return labels


def render(
    board: Board, steps: Iterable[Step], labels: Mapping[str, str], wording: Wording
) -> list[dict[str, Any]]:
    """Return the rows to insert for ``steps``, scored, explained and put into words."""
    moment = now()
    rows = []
    for step in steps:
        if step.pair is None:
            continue
        suggestion = suggest(board, step.pair)
        rows.append(
            {
                "id": new_id(),
                "territory_id": board.candidates.territories[suggestion.candidate_id],
                "candidate_id": suggestion.candidate_id,
                "posting_id": suggestion.posting_id,
                "score": suggestion.score,
                "candidate_rank": step.candidate_rank,
                "posting_rank": step.posting_rank,
                "explanation": wording.explanation(suggestion, labels),
                "digest": digest(suggestion),
                "engine_version": suggestion.engine_version,
                "candidate_version": suggestion.candidate_version,
                "posting_version": suggestion.posting_version,
                "as_of": board.context.as_of,
                "computed_at": moment,
            }
        )
    return rows


async def take_turn(session: AsyncSession, root_id: uuid.UUID, revision: int, **basis: Any) -> None:
    """Set what the tree's matches rest on, if nobody wrote since ``revision``.

    Raises :class:`MovedOnError`. Every writer of matches does this first, and
    nobody else can until the commit.
    """
    if revision == 0:
        await session.execute(
            upsert(MatchingBasis).values(territory_id=root_id, revision=0).on_conflict_do_nothing()
        )
    taken = await session.scalar(
        update(MatchingBasis)
        .where(MatchingBasis.territory_id == root_id, MatchingBasis.revision == revision)
        .values(revision=MatchingBasis.revision + 1, **basis)
        .returning(MatchingBasis.revision)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise MovedOnError


async def write(session: AsyncSession, steps: Sequence[Step], rows: Sequence[dict[str, Any]]) -> None:
    """Carry out ``steps``; ``rows`` are those to insert."""
    superseded = [step.row_id for step in steps if step.row_id is not None and step.supersedes]
    if superseded:
        await session.execute(
            update(Match)
            .where(among(Match.id, superseded))
            .values(superseded_at=now())
            .execution_options(synchronize_session=False)
        )
    moved = [step for step in steps if step.pair is None and step.row_id is not None and step.ranked]
    if moved:
        ranks = (
            func.unnest(
                literal([step.row_id for step in moved], _UUIDS),
                literal([step.candidate_rank for step in moved], ARRAY(Integer())),
                literal([step.posting_rank for step in moved], ARRAY(Integer())),
            )
            .table_valued("id", "candidate_rank", "posting_rank")
            .render_derived("ranks")
        )
        await session.execute(
            update(Match)
            .where(Match.id == ranks.c.id)
            .values(candidate_rank=ranks.c.candidate_rank, posting_rank=ranks.c.posting_rank)
            .execution_options(synchronize_session=False)
        )
    if rows:
        await session.execute(insert(Match), rows)


async def write_entries(
    session: AsyncSession,
    root_id: uuid.UUID,
    digests: Mapping[uuid.UUID, str],
    gone: Collection[uuid.UUID],
) -> None:
    """Note with which facts subjects were matched, and which take part no more."""
    if digests:
        entries = (
            func.unnest(literal(list(digests), _UUIDS), literal(list(digests.values()), ARRAY(Text())))
            .table_valued("subject_id", "digest")
            .render_derived("entries")
        )
        statement = upsert(MatchedInput).from_select(
            ["subject_id", "root_id", "digest"],
            select(entries.c.subject_id, literal(root_id, UUID(as_uuid=True)), entries.c.digest),
        )
        await session.execute(
            statement.on_conflict_do_update(
                index_elements=[MatchedInput.subject_id],
                set_={"root_id": statement.excluded.root_id, "digest": statement.excluded.digest},
            )
        )
    if gone:
        await session.execute(
            delete(MatchedInput)
            .where(among(MatchedInput.subject_id, gone))
            .execution_options(synchronize_session=False)
        )


async def forget_candidate(session: AsyncSession, candidate_id: uuid.UUID, territory_id: uuid.UUID) -> None:
    """Prepare a profile's erasure: postings that had it among their best wait to be matched again.

    Call it before the profile's row is locked or deleted: whoever writes matches takes the same turn
    first, then touches profiles. The matches themselves go with the profile.
    """
    root_id = await root_of(session, territory_id)
    statement = upsert(MatchingBasis).values(territory_id=root_id, revision=1)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=[MatchingBasis.territory_id], set_={"revision": MatchingBasis.revision + 1}
        )
    )
    short = select(Match.posting_id).where(
        _CURRENT, Match.candidate_id == candidate_id, Match.posting_rank.is_not(None)
    )
    await session.execute(
        delete(MatchedInput)
        .where(or_(MatchedInput.subject_id == candidate_id, MatchedInput.subject_id.in_(short)))
        .execution_options(synchronize_session=False)
    )
