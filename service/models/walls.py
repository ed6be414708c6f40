"""Row-level security for every table, made from what each declares of its :class:`Tenancy`.

Applied whole at the end of every upgrade; a migration carries :func:`digest`, so that a change here cannot
be forgotten. See ``docs/decisions/0007-tenancy-twice.md``.
"""

import hashlib
from collections.abc import Iterator, Sequence

from sqlalchemy import Table

from service.core.reach import ROLE
from service.models.base import Base
from service.models.tenancy import Tenancy

# What the walls ask of the session; see core.reach.
_FUNCTIONS = (
    *(
        f"CREATE OR REPLACE FUNCTION actor_{name}() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS "
        f"$$ SELECT COALESCE(NULLIF(current_setting('ancrage.{name}', true), ''), '{{}}')::uuid[] $$"
        for name in ("territories", "exact_territories", "employers", "partners")
    ),
    *(
        f"CREATE OR REPLACE FUNCTION actor_{name}() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS "
        f"$$ SELECT NULLIF(current_setting('ancrage.{name}', true), '')::uuid $$"
        for name in ("person", "client")
    ),
    (
        "CREATE OR REPLACE FUNCTION actor_email() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS "
        "$$ SELECT NULLIF(current_setting('ancrage.email', true), '') $$"
    ),
)
_GRANTED = (
    "SELECT granted.id FROM territory AS granted WHERE granted.lineage && (SELECT actor_territories())"
    " OR granted.id = ANY ((SELECT actor_exact_territories())::uuid[])"
)
_ROLE_EXISTS = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The database needs the role {ROLE}, which % may not create. '
            'Run once, as an administrator: CREATE ROLE {ROLE} NOLOGIN; GRANT {ROLE} TO %;',
            current_user, quote_ident(current_user);
END $$
"""
_ROLE_TAKEN = f"""
DO $$
BEGIN
    IF NOT pg_has_role(current_user, '{ROLE}', 'SET') THEN
        PERFORM pg_advisory_xact_lock(20181018);
        EXECUTE format('GRANT {ROLE} TO %I WITH SET TRUE, INHERIT FALSE', current_user);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The account % may not act as the role {ROLE}. '
            'Run once, as an administrator: GRANT {ROLE} TO %;',
            current_user, quote_ident(current_user);
END $$
"""


def tenancy_of(table: Table) -> Tenancy:
    """Return what ``table`` declares. Raises :class:`LookupError` for a table that declares nothing."""
    found = table.info.get("tenancy")
    if isinstance(found, Tenancy):
        return found
    raise LookupError(f"The table {table.name} must say whose its rows are, in its info.")


def _own(name: str, tenancy: Tenancy) -> Iterator[str]:
    """Yield the conditions that make a row of ``name`` the actor's."""
    if tenancy.lineage:
        yield f"{name}.lineage && (SELECT actor_territories())"
        yield f"{name}.id = ANY ((SELECT actor_exact_territories())::uuid[])"
    if tenancy.territory:
        yield f"{name}.{tenancy.territory} IN ({_GRANTED})"
    if tenancy.outermost:
        yield (
            f"{name}.{tenancy.outermost} IN (SELECT held.lineage[1] FROM territory AS held"
            f" WHERE held.id IN ({_GRANTED}))"
        )
    if tenancy.territories:
        yield (
            f"cardinality({name}.{tenancy.territories}) > 0"
            f" AND {name}.{tenancy.territories} <@ ARRAY({_GRANTED})"
        )
    for column, setting in (
        (tenancy.employer, "actor_employers"),
        (tenancy.partner, "actor_partners"),
    ):
        if column:
            yield f"{name}.{column} = ANY ((SELECT {setting}())::uuid[])"
    for column, setting in (
        (tenancy.person, "actor_person"),
        (tenancy.client, "actor_client"),
        (tenancy.email, "actor_email"),
    ):
        if column:
            yield f"{name}.{column} = (SELECT {setting}())"
    for column, parent in tenancy.through:
        held = " OR ".join(_own("held", tenancy_of(Base.metadata.tables[parent])))
        yield f"EXISTS (SELECT FROM {parent} AS held WHERE held.id = {name}.{column} AND ({held}))"


def policies(table: Table) -> dict[str, tuple[str, str, str | None, str | None]]:
    """Return the policies of ``table`` by name: command, role, USING, WITH CHECK."""
    tenancy = tenancy_of(table)
    name = table.name
    found: dict[str, tuple[str, str, str | None, str | None]] = {}
    own = " OR ".join(f"({condition})" for condition in _own(name, tenancy))
    if own and tenancy.reserved:
        found["read_own"] = ("SELECT", ROLE, own, None)
    elif own:
        found["own"] = ("ALL", ROLE, own, own)
    if tenancy.readable:
        found["read"] = ("SELECT", ROLE, tenancy.readable, None)
    if tenancy.addable:
        found["add"] = ("INSERT", ROLE, None, "true")
    return found


def _wall(table: Table) -> Iterator[str]:
    name = table.name
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield (
        f"DO $$ DECLARE known record; BEGIN FOR known IN SELECT policyname FROM pg_policies"
        f" WHERE schemaname = current_schema() AND tablename = '{name}'"
        f" LOOP EXECUTE format('DROP POLICY %I ON {name}', known.policyname); END LOOP; END $$"
    )
    for policy, (command, role, using, check) in policies(table).items():
        clauses = (f" USING ({using})" if using else "") + (f" WITH CHECK ({check})" if check else "")
        yield f"CREATE POLICY {policy} ON {name} FOR {command} TO {role}{clauses}"
    yield f"REVOKE ALL ON {name} FROM {ROLE}"
    tenancy = tenancy_of(table)
    allowed = "SELECT" if tenancy.reserved else "SELECT, INSERT, UPDATE, DELETE"
    yield f"GRANT {allowed} ON {name} TO {ROLE}"
    yield from table.info.get("guards", ())


def statements(tables: Sequence[Table] | None = None) -> list[str]:
    """Return the SQL that makes the walls of ``tables`` (all of them unless told), whatever stood there."""
    return [
        *_FUNCTIONS,
        _ROLE_EXISTS,
        _ROLE_TAKEN,
        f"GRANT USAGE ON SCHEMA public TO {ROLE}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {ROLE}",
        *(
            statement
            for table in (tables if tables is not None else Base.metadata.sorted_tables)
            for statement in _wall(table)
        ),
    ]


def digest() -> str:
    """Return what identifies the walls as declared: the newest migration must carry it."""
    return hashlib.sha256("\n".join(statements()).encode()).hexdigest()[:16]
