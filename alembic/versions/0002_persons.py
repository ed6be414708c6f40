"""Persons, access, tenancy, privacy.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
# Of service.models.walls, applied once this revision is reached.
walls = "acc902bf24af0175"

_WALLS_FUNCTIONS = (
    "actor_territories",
    "actor_exact_territories",
    "actor_employers",
    "actor_partners",
    "actor_person",
    "actor_client",
    "actor_email",
    "audit_chain_grows",
    "audit_entry_grows",
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="Of the newest entry; 32 zero bytes before"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_chain")),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False, comment="person | address | candidate_profile"),
        sa.Column("subject_id", sa.UUID(), nullable=False),
        sa.Column(
            "email_digest",
            sa.LargeBinary(),
            nullable=True,
            comment="Keyed SHA-256 of the address, to find what is known by address alone",
        ),
        sa.Column("because", sa.Text(), nullable=False, comment="asked | dormant | retention | replayed"),
        sa.Column("erased_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_index(op.f("ix_erasure_subject_id"), "erasure", ["subject_id"], unique=False)
    op.create_table(
        "person",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("given_name", sa.Text(), nullable=True),
        sa.Column("family_name", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column(
            "guardian_email",
            sa.Text(),
            nullable=True,
            comment="Of the parent who consents for a person under 15",
        ),
        sa.Column(
            "last_seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("dormancy_warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "email_bounced_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Mail to the address came back for good",
        ),
        sa.Column("anonymised_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(email IS NULL) = (anonymised_at IS NOT NULL)", name=op.f("ck_person_anonymised")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    op.create_index(
        "ix_person_last_seen",
        "person",
        ["last_seen_at"],
        unique=False,
        postgresql_where=sa.text("anonymised_at IS NULL"),
    )
    op.create_index("uq_person_email", "person", ["email"], unique=True)
    op.create_table(
        "audit_entry",
        sa.Column("chain_id", sa.UUID(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False, comment="person:<id> | client:<id> | system:<what>"),
        sa.Column("action", sa.Text(), nullable=False, comment="noun.past_participle, or noun.read"),
        sa.Column("object_kind", sa.Text(), nullable=True),
        sa.Column("object_id", sa.UUID(), nullable=True),
        sa.Column("territory_id", sa.UUID(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Ids and plain facts, never personal data",
        ),
        sa.Column("circumstances", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("commitment", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["chain_id"], ["audit_chain.id"], name=op.f("fk_audit_entry_chain_id_audit_chain")
        ),
        sa.PrimaryKeyConstraint("chain_id", "sequence", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_actor"), "audit_entry", ["actor"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_index(
        "ix_audit_entry_circumstances",
        "audit_entry",
        ["at"],
        unique=False,
        postgresql_where=sa.text("circumstances IS NOT NULL"),
    )
    op.create_index(op.f("ix_audit_entry_object_id"), "audit_entry", ["object_id"], unique=False)
    op.create_index("ix_audit_entry_territory", "audit_entry", ["territory_id", "at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="website | console | email | paper"),
        sa.Column("territory_id", sa.UUID(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("needs_guardian", sa.Boolean(), nullable=False),
        sa.Column("guardian_digest", sa.LargeBinary(), nullable=True),
        sa.Column("guardian_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_channel", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_consent_person_id_person"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_consent_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint("guardian_digest", name=op.f("uq_consent_guardian_digest")),
    )
    op.create_index(op.f("ix_consent_territory_id"), "consent", ["territory_id"], unique=False)
    op.create_index(
        "uq_consent_standing",
        "consent",
        ["person_id", "purpose", "territory_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "identity",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_identity_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
    )
    op.create_index(op.f("ix_identity_person_id"), "identity", ["person_id"], unique=False)
    op.create_index("uq_identity_issuer_subject", "identity", ["issuer", "subject"], unique=True)
    op.create_table(
        "mail",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("to_address", sa.Text(), nullable=True),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("territory_id", sa.UUID(), nullable=True, comment="Whose brand it wears"),
        sa.Column(
            "data",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Ids and plain facts its template needs, never a secret",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("bounce_digest", sa.LargeBinary(), nullable=True),
        sa.Column(
            "error",
            sa.Text(),
            nullable=True,
            comment="The server's enhanced status code and class, never its text",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bounced_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'refused', 'bounced', 'dropped')", name=op.f("ck_mail_state")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_mail_person_id_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_mail_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("bounce_digest", name=op.f("uq_mail_bounce_digest")),
        sa.UniqueConstraint("message_id", name=op.f("uq_mail_message_id")),
    )
    op.create_index(op.f("ix_mail_created_at"), "mail", ["created_at"], unique=False)
    op.create_index(op.f("ix_mail_person_id"), "mail", ["person_id"], unique=False)
    op.create_index(op.f("ix_mail_to_address"), "mail", ["to_address"], unique=False)
    op.create_table(
        "partner",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("territory_id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="housing | education | health | administration | economy | other",
        ),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("contact_name", sa.Text(), nullable=True),
        sa.Column("contact_email", sa.Text(), nullable=True),
        sa.Column("contact_phone", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('housing', 'education', 'health', 'administration', 'economy', 'other')",
            name=op.f("ck_partner_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_partner_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner")),
    )
    op.create_index(op.f("ix_partner_territory_id"), "partner", ["territory_id"], unique=False)
    op.create_index("uq_partner_territory_name", "partner", ["territory_id", "name"], unique=True)
    op.create_table(
        "person_session",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="api | console"),
        sa.Column("client_id", sa.UUID(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("id_token", sa.Text(), nullable=True, comment="For the provider's logout; never shown"),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "last_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "revoked_because",
            sa.Text(),
            nullable=True,
            comment="signed_out | by_owner | reused_token | erased | expired",
        ),
        sa.CheckConstraint("kind IN ('api', 'console')", name=op.f("ck_person_session_kind")),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["api_client.id"],
            name=op.f("fk_person_session_client_id_api_client"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_person_session_person_id_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_session")),
    )
    op.create_index(op.f("ix_person_session_person_id"), "person_session", ["person_id"], unique=False)
    op.create_table(
        "privacy_request",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="access | rectification | erasure | restriction | portability | objection",
        ),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False, comment="received | answered | refused"),
        sa.Column("territory_id", sa.UUID(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("handled_by", sa.Text(), nullable=True, comment="Actor"),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "state IN ('received', 'answered', 'refused')", name=op.f("ck_privacy_request_state")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["person.id"],
            name=op.f("fk_privacy_request_person_id_person"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_privacy_request_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_request")),
    )
    op.create_index(op.f("ix_privacy_request_person_id"), "privacy_request", ["person_id"], unique=False)
    op.create_index(
        op.f("ix_privacy_request_territory_id"), "privacy_request", ["territory_id"], unique=False
    )
    op.create_table(
        "provider_visit",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("state_digest", sa.LargeBinary(), nullable=False),
        sa.Column(
            "browser_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="Of the cookie set when the browser left: nobody else may come back",
        ),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column(
            "return_url",
            sa.Text(),
            nullable=False,
            comment="Where the browser goes after: console page or website",
        ),
        sa.Column("client_id", sa.UUID(), nullable=True),
        sa.Column("territory_id", sa.UUID(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["api_client.id"],
            name=op.f("fk_provider_visit_client_id_api_client"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_provider_visit_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_visit")),
        sa.UniqueConstraint("state_digest", name=op.f("uq_provider_visit_state_digest")),
    )
    op.create_index(op.f("ix_provider_visit_created_at"), "provider_visit", ["created_at"], unique=False)
    op.create_table(
        "sign_in",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="email | provider"),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=True, comment="Known when a provider vouched"),
        sa.Column("code_digest", sa.LargeBinary(), nullable=True),
        sa.Column("link_digest", sa.LargeBinary(), nullable=False),
        sa.Column("client_id", sa.UUID(), nullable=True),
        sa.Column("territory_id", sa.UUID(), nullable=True, comment="Whose brand the mail wears"),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column(
            "return_url", sa.Text(), nullable=True, comment="Page of the website that receives the link"
        ),
        sa.Column(
            "facts",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What the provider said: {provider, acr, id_token, given_name, family_name}",
        ),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'email') = (code_digest IS NOT NULL)", name=op.f("ck_sign_in_code")),
        sa.CheckConstraint("kind IN ('email', 'provider')", name=op.f("ck_sign_in_kind")),
        sa.ForeignKeyConstraint(
            ["client_id"], ["api_client.id"], name=op.f("fk_sign_in_client_id_api_client"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id_person"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_sign_in_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_sign_in_link_digest")),
    )
    op.create_index(op.f("ix_sign_in_created_at"), "sign_in", ["created_at"], unique=False)
    op.create_index("ix_sign_in_email", "sign_in", ["email", "created_at"], unique=False)
    op.create_index(op.f("ix_sign_in_person_id"), "sign_in", ["person_id"], unique=False)
    op.create_table(
        "invitation",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("territory_id", sa.UUID(), nullable=True),
        sa.Column("employer_id", sa.UUID(), nullable=True),
        sa.Column("partner_id", sa.UUID(), nullable=True),
        sa.Column("link_digest", sa.LargeBinary(), nullable=False),
        sa.Column("invited_by", sa.Text(), nullable=False, comment="Actor"),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False, comment="The newest mail"),
        sa.Column("sendings", sa.Integer(), nullable=False, comment="Mails so far"),
        sa.Column("role_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.UUID(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["person.id"], name=op.f("fk_invitation_accepted_by_person"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["employer_id"], ["employer.id"], name=op.f("fk_invitation_employer_id_employer")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.id"], name=op.f("fk_invitation_partner_id_partner")
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_invitation_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("link_digest", name=op.f("uq_invitation_link_digest")),
    )
    op.create_index(op.f("ix_invitation_email"), "invitation", ["email"], unique=False)
    op.create_index(op.f("ix_invitation_territory_id"), "invitation", ["territory_id"], unique=False)
    op.create_index(
        "uq_invitation_open",
        "invitation",
        ["email", "role", "territory_id", "employer_id", "partner_id"],
        unique=True,
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("person_id", sa.UUID(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("territory_id", sa.UUID(), nullable=True),
        sa.Column("employer_id", sa.UUID(), nullable=True),
        sa.Column("partner_id", sa.UUID(), nullable=True),
        sa.Column("given_by", sa.Text(), nullable=False, comment="Actor"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(role = 'employer_member') = (employer_id IS NOT NULL)", name=op.f("ck_role_grant_employer")
        ),
        sa.CheckConstraint(
            "(role = 'operator') = (territory_id IS NULL)", name=op.f("ck_role_grant_territory")
        ),
        sa.CheckConstraint(
            "(role = 'partner_member') = (partner_id IS NOT NULL)", name=op.f("ck_role_grant_partner")
        ),
        sa.ForeignKeyConstraint(
            ["employer_id"], ["employer.id"], name=op.f("fk_role_grant_employer_id_employer")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partner.id"], name=op.f("fk_role_grant_partner_id_partner")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_role_grant_person_id_person"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"], ["territory.id"], name=op.f("fk_role_grant_territory_id_territory")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index(op.f("ix_role_grant_employer_id"), "role_grant", ["employer_id"], unique=False)
    op.create_index(op.f("ix_role_grant_partner_id"), "role_grant", ["partner_id"], unique=False)
    op.create_index(op.f("ix_role_grant_territory_id"), "role_grant", ["territory_id"], unique=False)
    op.create_index(
        "uq_role_grant_held",
        "role_grant",
        ["person_id", "role", "territory_id", "employer_id", "partner_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "token",
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("session_id", sa.UUID(), nullable=True),
        sa.Column("key_id", sa.UUID(), nullable=True),
        sa.Column(
            "scopes",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Of a client's token: what it was asked for",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'client') = (key_id IS NOT NULL)", name=op.f("ck_token_key")),
        sa.CheckConstraint("(kind = 'client') = (session_id IS NULL)", name=op.f("ck_token_session")),
        sa.CheckConstraint("kind IN ('access', 'refresh', 'console', 'client')", name=op.f("ck_token_kind")),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_key.id"], name=op.f("fk_token_key_id_api_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["person_session.id"],
            name=op.f("fk_token_session_id_person_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_token_digest")),
    )
    op.create_index(op.f("ix_token_expires_at"), "token", ["expires_at"], unique=False)
    op.create_index(op.f("ix_token_key_id"), "token", ["key_id"], unique=False)
    op.create_index(
        "ix_token_refresh",
        "token",
        ["session_id"],
        unique=False,
        postgresql_where=sa.text("kind = 'refresh'"),
    )
    op.create_index(op.f("ix_token_session_id"), "token", ["session_id"], unique=False)
    op.add_column("api_client", sa.Column("kind", sa.Text(), server_default="secret", nullable=False))
    op.add_column(
        "api_client",
        sa.Column(
            "origins",
            postgresql.ARRAY(sa.Text()),
            server_default="{}",
            nullable=False,
            comment="https://www.example.fr, as browsers send it",
        ),
    )
    op.add_column("api_client", sa.Column("created_by", sa.Text(), nullable=True, comment="Actor"))
    op.add_column("api_client", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.add_column(
        "candidate_profile",
        sa.Column(
            "person_id", sa.UUID(), nullable=True, comment="Whose it is, when the person signed in to make it"
        ),
    )
    op.create_index(op.f("ix_candidate_profile_person_id"), "candidate_profile", ["person_id"], unique=False)
    op.create_foreign_key(
        op.f("fk_candidate_profile_person_id_person"), "candidate_profile", "person", ["person_id"], ["id"]
    )
    op.drop_constraint(
        op.f("fk_idempotency_record_client_id_api_client"), "idempotency_record", type_="foreignkey"
    )
    # A person repeats requests too.
    op.alter_column("idempotency_record", "client_id", new_column_name="owner_id")
    op.create_check_constraint(op.f("ck_api_client_kind"), "api_client", "kind IN ('secret', 'publishable')")


def downgrade() -> None:
    """Take back."""
    for name in _WALLS_FUNCTIONS:
        # With the policies that ask it.
        op.execute(f"DROP FUNCTION IF EXISTS {name}() CASCADE")
    op.execute(
        "DO $$ DECLARE known record; BEGIN"
        " FOR known IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = current_schema()"
        " LOOP EXECUTE format('DROP POLICY %I ON %I', known.policyname, known.tablename); END LOOP;"
        " FOR known IN SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        " LOOP EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', known.relname); END LOOP; END $$"
    )
    op.drop_constraint(op.f("ck_api_client_kind"), "api_client")
    op.execute("DELETE FROM idempotency_record")
    op.alter_column("idempotency_record", "owner_id", new_column_name="client_id")
    op.create_foreign_key(
        op.f("fk_idempotency_record_client_id_api_client"),
        "idempotency_record",
        "api_client",
        ["client_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.drop_constraint(op.f("fk_candidate_profile_person_id_person"), "candidate_profile", type_="foreignkey")
    op.drop_index(op.f("ix_candidate_profile_person_id"), table_name="candidate_profile")
    op.drop_column("candidate_profile", "person_id")
    op.drop_column("api_client", "version")
    op.drop_column("api_client", "created_by")
    op.drop_column("api_client", "origins")
    op.drop_column("api_client", "kind")
    op.drop_index(op.f("ix_token_session_id"), table_name="token")
    op.drop_index("ix_token_refresh", table_name="token", postgresql_where=sa.text("kind = 'refresh'"))
    op.drop_index(op.f("ix_token_key_id"), table_name="token")
    op.drop_index(op.f("ix_token_expires_at"), table_name="token")
    op.drop_table("token")
    op.drop_index(
        "uq_role_grant_held",
        table_name="role_grant",
        postgresql_where=sa.text("revoked_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_role_grant_territory_id"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_partner_id"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_employer_id"), table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_index(
        "uq_invitation_open",
        table_name="invitation",
        postgresql_where=sa.text("accepted_at IS NULL AND revoked_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_invitation_territory_id"), table_name="invitation")
    op.drop_index(op.f("ix_invitation_email"), table_name="invitation")
    op.drop_table("invitation")
    op.drop_index(op.f("ix_sign_in_person_id"), table_name="sign_in")
    op.drop_index("ix_sign_in_email", table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_created_at"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_index(op.f("ix_provider_visit_created_at"), table_name="provider_visit")
    op.drop_table("provider_visit")
    op.drop_index(op.f("ix_privacy_request_territory_id"), table_name="privacy_request")
    op.drop_index(op.f("ix_privacy_request_person_id"), table_name="privacy_request")
    op.drop_table("privacy_request")
    op.drop_index(op.f("ix_person_session_person_id"), table_name="person_session")
    op.drop_table("person_session")
    op.drop_index("uq_partner_territory_name", table_name="partner")
    op.drop_index(op.f("ix_partner_territory_id"), table_name="partner")
    op.drop_table("partner")
    op.drop_index(op.f("ix_mail_to_address"), table_name="mail")
    op.drop_index(op.f("ix_mail_person_id"), table_name="mail")
    op.drop_index(op.f("ix_mail_created_at"), table_name="mail")
    op.drop_table("mail")
    op.drop_index("uq_identity_issuer_subject", table_name="identity")
    op.drop_index(op.f("ix_identity_person_id"), table_name="identity")
    op.drop_table("identity")
    op.drop_index(
        "uq_consent_standing",
        table_name="consent",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_consent_territory_id"), table_name="consent")
    op.drop_table("consent")
    op.drop_index("ix_audit_entry_territory", table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_object_id"), table_name="audit_entry")
    op.drop_index(
        "ix_audit_entry_circumstances",
        table_name="audit_entry",
        postgresql_where=sa.text("circumstances IS NOT NULL"),
    )
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_actor"), table_name="audit_entry")
    op.drop_table("audit_entry")
    op.drop_index("uq_person_email", table_name="person")
    op.drop_index(
        "ix_person_last_seen", table_name="person", postgresql_where=sa.text("anonymised_at IS NULL")
    )
    op.drop_table("person")
    op.drop_index(op.f("ix_erasure_subject_id"), table_name="erasure")
    op.drop_table("erasure")
    op.drop_table("audit_chain")
