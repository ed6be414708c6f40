"""Matches: candidates and postings that may suit each other, and what they were computed from."""

import datetime
import uuid
from typing import Any, Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Big, Created, Id
from service.models.personal import plain
from service.models.tenancy import Tenancy

MOST_LINES: Final = 16
"""Lines an explanation may have at most. The engine writes eleven."""

# PostgreSQL allows no sub-query in a CHECK, hence one term for each possible line.
_SUM_OF_POINTS: Final = " + ".join(
    f"COALESCE(CAST(explanation #>> '{{{line},points}}' AS integer), 0)" for line in range(MOST_LINES)
)
_CURRENT: Final = text("superseded_at IS NULL")


class Match(Base):
    """A candidate and a posting that may suit each other, scored and explained; a person decides.

    ``score`` is in hundredths of a point and is the sum of the points of ``explanation``: the database
    refuses anything else. What a row says is never changed: when the inputs change it gets
    ``superseded_at`` and a new one is written, so that what was once suggested, and why, can be shown
    later. Only the ranks of a current row move, as others come and go around it: they are no part of
    the explanation. A row is current exactly while one of its ranks is among the best of its side.
    """

    __tablename__ = "match"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("territory.id"), comment="The candidate's territory"
    )
    candidate_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("candidate_profile.id", ondelete="CASCADE"))
    posting_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("posting.id", ondelete="CASCADE"))
    score: Mapped[int] = mapped_column(info={"pii": "work"})
    candidate_rank: Mapped[int | None] = mapped_column(
        comment="Rank of the posting for the candidate, from 1"
    )
    posting_rank: Mapped[int | None] = mapped_column(comment="Rank of the candidate for the posting, from 1")
    explanation: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="[{code, outcome, points, max_points, data, title: {fr, en}, words: {candidate, employer}}]",
        info={"pii": "work"},
    )
    digest: Mapped[str] = mapped_column(comment="Of the engine, both versions and the explanation's facts")
    engine_version: Mapped[str]
    candidate_version: Mapped[int]
    posting_version: Mapped[int]
    as_of: Mapped[datetime.date] = mapped_column(
        comment="The day freshness and availability were measured on when the row was written"
    )
    computed_at: Mapped[Created]
    superseded_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index("uq_match_current", "candidate_id", "posting_id", unique=True, postgresql_where=_CURRENT),
        Index("ix_match_posting", "posting_id", "posting_rank", postgresql_where=_CURRENT),
        Index("ix_match_candidate", "candidate_id", "candidate_rank", postgresql_where=_CURRENT),
        Index("ix_match_territory", "territory_id", postgresql_where=_CURRENT),
        # Erasure looks for all rows of a candidate, past ones included.
        Index("ix_match_erasure", "candidate_id"),
        CheckConstraint("score BETWEEN 0 AND 10000", name="score"),
        CheckConstraint(f"jsonb_array_length(explanation) BETWEEN 1 AND {MOST_LINES}", name="explanation"),
        CheckConstraint(f"score = {_SUM_OF_POINTS}", name="sum_of_points"),
        CheckConstraint("candidate_rank IS NOT NULL OR posting_rank IS NOT NULL", name="ranked"),
        {
            "info": {
                "tenancy": Tenancy(
                    territory="territory_id",
                    through=(("candidate_id", "candidate_profile"),),
                ),
                "plain": plain(
                    "candidate_rank posting_rank digest engine_version candidate_version "
                    "posting_version as_of computed_at superseded_at"
                ),
            }
        },
    )


class MatchingBasis(Base):
    """What all current matches under one outermost territory rest on; one row for each such tree.

    They were computed with this engine, this content of ROME (``context_digest``) and as of this day.
    ``as_of`` is NULL while a run that writes in several steps has not reached its end. ``revision``
    grows with every write: who computed from an older one computes again.
    """

    __tablename__ = "matching_basis"
    __table_args__ = ({"info": {"tenancy": Tenancy(outermost="territory_id")}},)

    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), primary_key=True)
    revision: Mapped[Big] = mapped_column(default=0)
    as_of: Mapped[datetime.date | None]
    engine_version: Mapped[str | None]
    context_digest: Mapped[str | None]
    matched_at: Mapped[datetime.datetime | None]


class MatchedInput(Base):
    """A candidate or posting that takes part in matching, and the digest of the facts it did with.

    Without a row, or with another digest, it waits to be matched. Kept apart from the profile and the
    posting, so that matching never locks nor rewrites their rows.
    """

    __tablename__ = "matched_input"
    __table_args__ = ({"info": {"tenancy": Tenancy(outermost="root_id")}},)

    subject_id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, comment="candidate_profile.id or posting.id"
    )
    root_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    digest: Mapped[str]
