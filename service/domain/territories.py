"""Territories: nested tenants, their brands, the communes they cover."""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, Text, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from service.core.errors import Conflict, FieldError, Invalid, NotFound
from service.core.ids import new_id
from service.core.listening import PUBLIC
from service.core.reach import elevated
from service.domain import findable, territory_facts
from service.domain.access import Actor, require_territory
from service.domain.events import record
from service.models import Commune, Territory, TerritoryCommune
from service.models.enums import TerritoryKind
from service.schemas.territories import Brand, Coverage, TerritoryCreate, TerritoryRead, TerritoryUpdate

# A territory may only hold narrower ones.
_WIDTH = {kind: width for width, kind in enumerate(TerritoryKind)}


def _listing() -> Select[Territory, str | None, int]:
    parent = aliased(Territory)
    communes = (
        select(func.count())
        .where(TerritoryCommune.territory_id == Territory.id)
        .correlate(Territory)
        .scalar_subquery()
    )
    return select(Territory, parent.slug, communes).outerjoin(parent, parent.id == Territory.parent_id)


def _read(territory: Territory, parent: str | None, communes: int) -> TerritoryRead:
    return TerritoryRead(
        slug=territory.slug,
        name=territory.name,
        kind=territory.kind,
        parent=parent,
        brand=Brand.model_validate(
            {
                "name": territory.brand_name,
                "promise": territory.promise,
                "values": territory.brand_values,
                "colours": territory.colours,
                "logo_url": territory.logo_url,
                "languages": territory.languages,
                "contacts": territory.contacts,
            }
        ),
        features=territory.features,
        coverage=Coverage.model_validate(territory.coverage),
        communes=communes,
        version=territory.version,
    )


async def list_territories(
    session: AsyncSession, *, after: str | None, limit: int, parent: str | None
) -> Sequence[TerritoryRead]:
    """Return up to ``limit`` territories by slug, after ``after``; only those inside ``parent`` if given."""
    query = _listing().order_by(Territory.slug).limit(limit)
    if after is not None:
        query = query.where(Territory.slug > after)
    if parent is not None:
        holder = await get_by_slug(session, parent)
        query = query.where(Territory.lineage.contains([holder.id]), Territory.id != holder.id)
    return [_read(territory, slug, count) for territory, slug, count in await session.execute(query)]


async def read_territory(session: AsyncSession, slug: str) -> TerritoryRead:
    """Return the territory ``slug`` as the public sees it. Raises :class:`NotFound`."""
    row = (await session.execute(_listing().where(Territory.slug == slug))).one_or_none()
    if row is None:
        raise _missing(slug)
    territory, holder, communes = row
    return _read(territory, holder, communes)


async def read_some(session: AsyncSession, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, TerritoryRead]:
    """Return territories as the public sees them, by id."""
    rows = await session.execute(_listing().where(Territory.id.in_(ids)))
    return {territory.id: _read(territory, slug, communes) for territory, slug, communes in rows}


def _missing(slug: str) -> NotFound:
    return NotFound(f"There is no territory `{slug}`. `GET /v1/territories` lists them.")


async def get_by_slug(session: AsyncSession, slug: str) -> Territory:
    """Return the territory row ``slug``. Raises :class:`NotFound`."""
    territory = await session.scalar(select(Territory).where(Territory.slug == slug))
    if territory is None:
        raise _missing(slug)
    return territory


async def get_showing(session: AsyncSession, slug: str, feature: str) -> Territory:
    """Return the territory row ``slug`` if it has ``feature`` switched on. Raises :class:`NotFound`."""
    territory = await get_by_slug(session, slug)
    if feature not in territory.features:
        raise NotFound(f"`{feature}` is switched off in the territory `{slug}`.")
    return territory


async def ids_showing(session: AsyncSession, territory: Territory, feature: str) -> list[uuid.UUID]:
    """Return the ids of ``territory`` and of every territory inside it that has ``feature`` switched on."""
    found = await session.scalars(
        select(Territory.id).where(
            Territory.lineage.contains([territory.id]), Territory.features.contains([feature])
        )
    )
    return list(found)


async def ids_inside(session: AsyncSession, territory: Territory) -> list[uuid.UUID]:
    """Return the ids of ``territory`` and of every territory inside it."""
    found = await session.scalars(select(Territory.id).where(Territory.lineage.contains([territory.id])))
    return list(found)


async def _lock_lineages(session: AsyncSession, territory_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Lock territories and all that hold them; return their ids.

    Always in one order, widest first, so that two writers in one region cannot deadlock.
    """
    locked = (
        select(Territory.id)
        .where(
            Territory.id.in_(select(func.unnest(Territory.lineage)).where(Territory.id.in_(territory_ids)))
        )
        .order_by(func.cardinality(Territory.lineage), Territory.id)
        # Keys stay: rows that refer to the territory may be written meanwhile.
        .with_for_update(key_share=True)
    )
    return list(await session.scalars(locked))


async def bump_public_versions(
    session: AsyncSession, territory_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, int]:
    """Note that the public sees a change in territories, and so in all that hold them.

    Return the new versions by id. Call it once in a transaction, with all that changed: its locks are
    taken in one order.
    """
    # What changes inside a territory changes what those above it show, whoever may write there.
    async with elevated(session):
        ids = await _lock_lineages(session, territory_ids)
        changed = await session.execute(
            update(Territory)
            .where(Territory.id.in_(ids))
            .values(public_version=Territory.public_version + 1)
            .returning(
                Territory.id,
                Territory.public_version,
                # Every process forgets its prepared answers at the commit.
                func.pg_notify(PUBLIC, cast(Territory.id, Text)),
            )
            .execution_options(synchronize_session=False)
        )
        return {row.id: row.public_version for row in changed}


async def _cover(session: AsyncSession, territory: Territory) -> bool:
    """Work out the communes of the declared coverage from the referential; tell whether they differ."""
    # Two that work it out at once would add the same rows.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"coverage {territory.id}", 0)))
    )
    coverage = territory.coverage
    covered = select(Commune.code).where(
        Commune.obsolete_since.is_(None),
        or_(
            Commune.region_code.in_(coverage.get("regions", [])),
            Commune.departement_code.in_(coverage.get("departements", [])),
            Commune.epci_code.in_(coverage.get("epcis", [])),
            Commune.code.in_(coverage.get("communes", [])),
        ),
    )
    mine = TerritoryCommune.territory_id == territory.id
    gone = await session.scalars(
        delete(TerritoryCommune)
        .where(mine, TerritoryCommune.commune_code.not_in(covered))
        .returning(TerritoryCommune.commune_code)
    )
    known = select(TerritoryCommune.commune_code).where(mine)
    added = covered.where(Commune.code.not_in(known)).add_columns(
        literal(territory.id, TerritoryCommune.territory_id.type)
    )
    new = await session.scalars(
        insert(TerritoryCommune)
        .from_select(["commune_code", "territory_id"], added)
        .returning(TerritoryCommune.commune_code)
    )
    return bool(gone.all()) | bool(new.all())


async def refresh_coverage(session: AsyncSession) -> int:
    """Work out every territory's communes again, from the present referential; return how many differ.

    Those get a new version, for the public reads how many communes a territory covers.
    """
    # Locked in the order of every other writer: widest first.
    locked = await session.scalars(
        select(Territory)
        .order_by(func.cardinality(Territory.lineage), Territory.id)
        .with_for_update(key_share=True)
    )
    territories = locked.all()
    changed = [territory for territory in territories if await _cover(session, territory)]
    for territory in changed:
        territory.version += 1
    await session.flush()
    # Names of communes may have changed as well: they find the territories that cover them.
    facts = await territory_facts.facts(session, [territory.id for territory in territories])
    shown = await findable.show(session, facts)
    await bump_public_versions(
        session, {*(territory.id for territory in changed), *(one.territory_id for one in shown)}
    )
    return len(changed)


async def _check_coverage(session: AsyncSession, coverage: Coverage) -> None:
    asked: list[tuple[str, Any, list[str]]] = [
        ("regions", Commune.region_code, coverage.regions),
        ("departements", Commune.departement_code, coverage.departements),
        ("epcis", Commune.epci_code, coverage.epcis),
        ("communes", Commune.code, coverage.communes),
    ]
    errors = []
    for name, column, codes in asked:
        if not codes:
            continue
        known = set(await session.scalars(select(column).where(column.in_(codes)).distinct()))
        errors += [
            FieldError(
                f"/coverage/{name}/{index}",
                f"No commune of the referential has the code {code}. Check it, or import the communes first.",
                "unknown_code",
            )
            for index, code in enumerate(codes)
            if code not in known
        ]
    if errors:
        message = "Some codes of the coverage are unknown."
        raise Invalid(message, errors=errors)


def _apply_brand(territory: Territory, brand: Brand) -> None:
    territory.brand_name = brand.name
    territory.promise = brand.promise
    territory.brand_values = list(brand.values)
    territory.colours = dict(brand.colours)
    territory.logo_url = brand.logo_url
    territory.languages = list(brand.languages)
    territory.contacts = [contact.model_dump(mode="json", exclude_none=True) for contact in brand.contacts]


async def create_territory(session: AsyncSession, actor: Actor, data: TerritoryCreate) -> TerritoryRead:
    """Make a territory inside one that the actor is granted.

    Raises :class:`NotFound` (parent), :class:`Conflict` (slug taken), :class:`Invalid` (codes, or not
    narrower than its parent).
    """
    parent = await require_territory(session, actor, "territory.create", data.parent)
    if _WIDTH[data.kind] <= _WIDTH[parent.kind]:
        message = (
            f"A territory of kind `{data.kind}` cannot be inside one of kind `{parent.kind}`. "
            f"From widest to narrowest: {', '.join(_WIDTH)}."
        )
        raise Invalid(message, errors=[FieldError("/kind", message, "not_narrower")])
    return await _create(session, actor, data, parent)


async def create_root(session: AsyncSession, actor: Actor, data: TerritoryCreate) -> TerritoryRead:
    """Make a territory that nothing holds; for the platform's operator. ``data.parent`` is ignored."""
    return await _create(session, actor, data, None)


async def _create(
    session: AsyncSession, actor: Actor, data: TerritoryCreate, parent: Territory | None
) -> TerritoryRead:
    # Two that ask for one slug at once: the second waits here, then finds it taken.
    await session.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"territory slug {data.slug}", 0)))
    )
    if await session.scalar(select(Territory.id).where(Territory.slug == data.slug)):
        raise Conflict(f"The slug `{data.slug}` is taken. Choose another.")
    await _check_coverage(session, data.coverage)
    territory_id = new_id()
    territory = Territory(
        id=territory_id,
        parent_id=parent.id if parent else None,
        lineage=[*(parent.lineage if parent else []), territory_id],
        slug=data.slug,
        name=data.name,
        kind=data.kind,
        coverage=data.coverage.model_dump(),
        features=sorted(set(data.features)),
    )
    _apply_brand(territory, data.brand)
    session.add(territory)
    await session.flush()
    await _cover(session, territory)
    await findable.show(session, await territory_facts.facts(session, [territory.id]))
    await bump_public_versions(session, [territory.id])
    record(session, "territory.created", actor=actor.name, territory_id=territory.id, subject_id=territory.id)
    return await read_territory(session, data.slug)


async def update_territory(
    session: AsyncSession, actor: Actor, territory: Territory, data: TerritoryUpdate
) -> TerritoryRead:
    """Change what ``data`` names; bump the version. Raises :class:`Invalid`."""
    if data.name is not None:
        territory.name = data.name
    if data.features is not None:
        territory.features = sorted(set(data.features))
    if data.brand is not None:
        _apply_brand(territory, data.brand)
    if data.coverage is not None:
        await _check_coverage(session, data.coverage)
        territory.coverage = data.coverage.model_dump()
        await _cover(session, territory)
    territory.version += 1
    await session.flush()
    await findable.show(session, await territory_facts.facts(session, [territory.id]))
    await bump_public_versions(session, [territory.id])
    record(
        session,
        "territory.updated",
        actor=actor.name,
        territory_id=territory.id,
        subject_id=territory.id,
        data={"fields": sorted(data.model_fields_set)},
    )
    return await read_territory(session, territory.slug)


async def lock_territory(session: AsyncSession, actor: Actor, slug: str) -> Territory:
    """Return the territory for a change, locked, if the actor is granted it. Raises :class:`NotFound`."""
    territory = await require_territory(session, actor, "territory.update", slug)
    # What holds it is locked first: the change will bump its version too, as every publication inside does.
    async with elevated(session):
        await _lock_lineages(session, [territory.id])
    await session.refresh(territory)
    return territory
