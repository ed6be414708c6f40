"""Search outside PostgreSQL, and over kinds.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
# Of service.models.walls, applied once this revision is reached.
walls = "2e3a0a39be5710ea"


def upgrade() -> None:
    """Apply."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("search_version")))
    op.create_table(
        "search_document",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column("territory_id", sa.UUID(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_through", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("places", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("details", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("title_key", sa.Text(), nullable=False, comment="The title's stems in order"),
        sa.Column(
            "title_size", sa.Integer(), nullable=False, comment="How many stems the title has, at least 1"
        ),
        sa.Column("heading", postgresql.TSVECTOR(), nullable=False),
        sa.Column("stems", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_search_document_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("kind", "document_id", name=op.f("pk_search_document")),
    )
    op.create_index(op.f("ix_search_document_territory_id"), "search_document", ["territory_id"])
    op.create_index(
        "ix_search_document_stems",
        "search_document",
        ["stems"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "search_pending",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.Column(
            "version",
            sa.BigInteger(),
            server_default=sa.text("nextval('search_version')"),
            nullable=False,
            comment="Of search_version",
        ),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True, comment="Why the engine refused it the last time"),
        sa.PrimaryKeyConstraint("kind", "document_id", name=op.f("pk_search_pending")),
    )
    op.create_index("ix_search_pending_version", "search_pending", ["kind", "version"])
    op.create_table(
        "search_feed",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("ready", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True, comment="Why it is not ready"),
        sa.Column("created_at", sa.Text(), nullable=True, comment="Of the index, as the engine writes it"),
        sa.Column("settings_digest", sa.Text(), nullable=True),
        sa.Column("documents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "wanted", sa.Text(), nullable=True, comment="What the next feed begins with: rebuild or compare"
        ),
        sa.Column(
            "next_created_at",
            sa.Text(),
            nullable=True,
            comment="Of the index that is about to be swapped in",
        ),
        sa.Column(
            "acknowledged",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="Number of the last batch known to be indexed",
        ),
        sa.Column(
            "last_task",
            sa.BigInteger(),
            server_default="-1",
            nullable=False,
            comment="The engine's last task that was looked at",
        ),
        sa.Column("holder", sa.Text(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rebuilt_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_search_feed")),
    )

    op.create_index("ix_posting_index_expiry", "posting_index", ["territory_id", "valid_through"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_posting_index_expiry", table_name="posting_index")
    for table in ("search_feed", "search_pending", "search_document"):
        op.drop_table(table)
    op.execute(sa.schema.DropSequence(sa.Sequence("search_version")))
