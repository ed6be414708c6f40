"""Feeds of postings coming in, and the report of each import."""

import datetime
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.models.base import Base, Created, Id, Timestamps
from service.models.personal import plain
from service.models.tenancy import Tenancy


class Feed(Base, Timestamps):
    """A source that a territory takes postings from, fetched on a schedule when it is live."""

    __tablename__ = "feed"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"), index=True)
    source: Mapped[str]
    name: Mapped[str] = mapped_column(default="default")
    criteria: Mapped[dict[str, Any]] = mapped_column(comment="What to ask the source for")
    enabled: Mapped[bool] = mapped_column(default=True)
    live: Mapped[bool] = mapped_column(default=False, comment="Fetched by us; else only imported from files")
    interval_minutes: Mapped[int] = mapped_column(default=360)
    floor_percent: Mapped[int] = mapped_column(
        default=50, comment="Withdraw nothing when fewer than this share of the open postings is still listed"
    )
    due_at: Mapped[datetime.datetime | None]
    version: Mapped[int] = mapped_column(default=1)

    __table_args__ = (
        UniqueConstraint("territory_id", "source", "name"),
        CheckConstraint("floor_percent BETWEEN 0 AND 100", name="floor_percent"),
        CheckConstraint("interval_minutes BETWEEN 15 AND 1440", name="interval_minutes"),
        {"info": {"tenancy": Tenancy(territory="territory_id")}},
    )


class FeedListing(Base):
    """A posting that a feed lists, or listed until ``unlisted_at``.

    A posting is withdrawn when no feed lists it any longer; two feeds may list the same one.
    """

    __tablename__ = "feed_listing"
    __table_args__ = (
        {
            "info": {
                "tenancy": Tenancy(through=(("feed_id", "feed"),)),
                "plain": plain("listed_at unlisted_at"),
            }
        },
    )

    feed_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed.id", ondelete="CASCADE"), primary_key=True)
    posting_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("posting.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    listed_at: Mapped[Created]
    unlisted_at: Mapped[datetime.datetime | None]


class ImportReport(Base):
    """What one import of a feed did, to the unit."""

    __tablename__ = "import_report"

    id: Mapped[Id]
    territory_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("territory.id"))
    feed_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feed.id"), index=True)
    source: Mapped[str]
    origin: Mapped[str] = mapped_column(comment="file:<name> or live", info={"pii": "text"})
    state: Mapped[str] = mapped_column(comment="running | done | partial | failed")
    checksum: Mapped[str | None]
    counts: Mapped[dict[str, Any]]
    problems: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="[{source_id, reason, pointer}]", info={"pii": "text"}
    )
    message: Mapped[str | None] = mapped_column(info={"pii": "text"})
    started_at: Mapped[Created]
    finished_at: Mapped[datetime.datetime | None]

    __table_args__ = (
        Index("ix_import_report_territory", "territory_id", "id"),
        CheckConstraint("state IN ('running', 'done', 'partial', 'failed')", name="state"),
        {
            "info": {
                "tenancy": Tenancy(territory="territory_id"),
                "plain": plain("source state checksum counts started_at finished_at"),
            }
        },
    )
