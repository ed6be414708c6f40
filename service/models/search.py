"""What PostgreSQL search looks at, and what an engine outside is still to be told.

For postings, one row of facts and one of words per posting the public may see; for every other kind of thing,
one row of words.

The verb that changes a posting changes these rows in the same transaction. A posting that is not
published, or is hidden behind another of its group, has no row here.
"""

import datetime
import uuid

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Sequence, Text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, text_enum
from service.models.enums import ContractKind, RemoteKind, WorkingTime
from service.models.personal import plain
from service.models.tenancy import EVERYBODY, PLATFORM, SHARED, Tenancy


class PostingIndex(Base):
    """What postings are filtered, counted and sorted by. Narrow, so that counting all of them is quick."""

    __tablename__ = "posting_index"

    posting_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("posting.id", ondelete="CASCADE"), primary_key=True
    )
    territory_id: Mapped[uuid.UUID]
    employer_id: Mapped[uuid.UUID | None]
    published_at: Mapped[datetime.datetime]
    valid_through: Mapped[datetime.datetime | None]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    yearly_salary: Mapped[int | None] = mapped_column(comment="Whole euros: the upper amount, else the lower")
    in_tension: Mapped[bool]
    occupation_code: Mapped[str | None] = mapped_column(Text(collation="C"))
    sector_code: Mapped[str | None] = mapped_column(Text(collation="C"))
    contract_kind: Mapped[ContractKind | None] = mapped_column(text_enum(ContractKind, "contract_kind"))
    working_time: Mapped[WorkingTime | None] = mapped_column(text_enum(WorkingTime, "working_time"))
    remote: Mapped[RemoteKind | None] = mapped_column(text_enum(RemoteKind, "remote_kind"))
    commune_code: Mapped[str | None] = mapped_column(Text(collation="C"))
    departement_code: Mapped[str | None] = mapped_column(Text(collation="C"))
    source: Mapped[str]

    __table_args__ = (
        Index("ix_posting_index_newest", "territory_id", "published_at", "posting_id"),
        Index("ix_posting_index_newest_of_all", "published_at", "posting_id"),
        Index("ix_posting_index_point", "latitude", "longitude"),
        Index("ix_posting_index_expiry", "territory_id", "valid_through"),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", employer="employer_id", readable="true"),
                "plain": plain(
                    "territory_id employer_id published_at valid_through latitude longitude yearly_salary "
                    "in_tension occupation_code sector_code contract_kind working_time remote commune_code "
                    "departement_code source"
                ),
            }
        },
    )


class PostingWords(Base):
    """What postings are found and ranked by: stems made by ``service.search.words``.

    ``heading`` holds what weighs: the title (A), the occupation and its ROME titles (B), employer, place,
    skills and details (C), each stem once, at its best weight; the title's words are there as written
    too, after ``=``. ``stems`` holds every stem, the description's included; those of names (title,
    occupation, employer, place, conditions) a second time, after ``^``.
    """

    __tablename__ = "posting_words"

    posting_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("posting.id", ondelete="CASCADE"), primary_key=True
    )
    title_key: Mapped[str] = mapped_column(comment="The title's stems in order")
    title_size: Mapped[int] = mapped_column(comment="How many stems the title has, at least 1")
    heading: Mapped[str] = mapped_column(TSVECTOR)
    stems: Mapped[str] = mapped_column(TSVECTOR)

    __table_args__ = (
        # Writers pay for their own words, so that no search has a list of pending ones to read.
        Index(
            "ix_posting_words_stems", "stems", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
        ),
        {
            "info": {
                "tenancy": Tenancy(through=(("posting_id", "posting"),), readable="true"),
                # Stems that follow the posting's own texts, in the transaction that changes them.
                "plain": plain("title_key title_size heading stems"),
            }
        },
    )


class SearchWord(Base):
    """A word that indexed texts hold: where beginnings and misspellings are looked up.

    There is no uniqueness on purpose: two transactions that meet the same new word both add it and
    neither waits for the other; readers take distinct words and the refresh removes the second row.
    ``documents`` is ``NULL`` until a refresh has counted it, 0 when no text holds the stem any more.
    """

    __tablename__ = "search_word"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    word: Mapped[str] = mapped_column(Text(collation="C"))
    stem: Mapped[str] = mapped_column(Text(collation="C"))
    initial: Mapped[str] = mapped_column(Text(collation="C"), comment="Its first letter")
    size: Mapped[int] = mapped_column(comment="How many letters it has")
    letters: Mapped[int] = mapped_column(comment="Bit n set: the word has the nth letter of the alphabet")
    documents: Mapped[int | None] = mapped_column(comment="How many documents hold the stem")

    __table_args__ = (
        Index("ix_search_word_word", "kind", "word"),
        Index("ix_search_word_stem", "kind", "stem"),
        Index("ix_search_word_near", "kind", "initial", "size"),
        {"info": {"tenancy": SHARED}},
    )


class SearchDocument(Base):
    """What any kind of thing but a posting is found, ranked and shown by: see ``PostingWords`` for the words.

    ``document_id`` is the thing's own id; it has a row while the public may see it. The row holds all that
    engines are told of it (``schemas.search.DocumentFacts``), so one outside is told from here.
    """

    __tablename__ = "search_document"

    kind: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    territory_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), index=True
    )
    published_at: Mapped[datetime.datetime]
    valid_through: Mapped[datetime.datetime | None]
    title: Mapped[str]
    description: Mapped[str | None]
    names: Mapped[list[str]]
    places: Mapped[list[str]]
    details: Mapped[list[str]]
    title_key: Mapped[str] = mapped_column(comment="The title's stems in order")
    title_size: Mapped[int] = mapped_column(comment="How many stems the title has, at least 1")
    heading: Mapped[str] = mapped_column(TSVECTOR)
    stems: Mapped[str] = mapped_column(TSVECTOR)

    __table_args__ = (
        Index(
            "ix_search_document_stems", "stems", postgresql_using="gin", postgresql_with={"fastupdate": "off"}
        ),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id", readable="true"),
                "plain": plain(
                    "territory_id published_at valid_through title description names places details "
                    "title_key title_size heading stems"
                ),
            }
        },
    )


SEARCH_VERSIONS = Sequence("search_version", metadata=Base.metadata)
"""Grows with every change that an engine outside is to be told of."""


class SearchPending(Base):
    """A document that an engine outside PostgreSQL has yet to be told of, in the transaction that changed it.

    One row per document, whatever the number of changes: its ``version`` is that of the last one. Whoever
    told the engine removes the row only if it still has the version that was told.
    """

    __tablename__ = "search_pending"

    kind: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(
        BigInteger, server_default=SEARCH_VERSIONS.next_value(), comment="Of search_version"
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    error: Mapped[str | None] = mapped_column(comment="Why the engine refused it the last time")

    __table_args__ = (
        Index("ix_search_pending_version", "kind", "version"),
        {"info": {"tenancy": PLATFORM}},
    )


class SearchFeed(Base):
    """How an engine outside PostgreSQL stands with one kind; the row exists while such an engine is in use.

    ``ready``: searches may be asked of it. ``holder``, until ``held_until``: who tells it what changed;
    ``epoch`` grows whenever that passes to another. ``created_at`` is the index's own date, by which one that
    was wiped and made again is known; ``settings_digest`` is of the settings it was told and of those it
    showed then; ``documents`` how many it held when last told. ``acknowledged`` and ``last_task`` are what a
    write that arrives late is known by (``jobs.feeding.telling``).
    """

    __tablename__ = "search_feed"

    kind: Mapped[str] = mapped_column(primary_key=True)
    ready: Mapped[bool] = mapped_column(default=False, server_default="false")
    trouble: Mapped[str | None] = mapped_column(comment="Why it is not ready")
    created_at: Mapped[str | None] = mapped_column(comment="Of the index, as the engine writes it")
    settings_digest: Mapped[str | None]
    documents: Mapped[int] = mapped_column(default=0, server_default="0")
    epoch: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    wanted: Mapped[str | None] = mapped_column(comment="What the next feed begins with: rebuild or compare")
    next_created_at: Mapped[str | None] = mapped_column(comment="Of the index that is about to be swapped in")
    acknowledged: Mapped[int] = mapped_column(
        BigInteger, default=0, server_default="0", comment="Number of the last batch known to be indexed"
    )
    last_task: Mapped[int] = mapped_column(
        BigInteger, default=-1, server_default="-1", comment="The engine's last task that was looked at"
    )
    holder: Mapped[str | None]
    held_until: Mapped[datetime.datetime | None]
    checked_at: Mapped[datetime.datetime | None]
    rebuilt_at: Mapped[datetime.datetime | None]

    __table_args__ = ({"info": {"tenancy": EVERYBODY}},)
