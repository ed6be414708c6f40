"""Reading communes: by code, by name or postal code while someone types."""

import re
from collections.abc import Sequence
from typing import Any, Final

from rapidfuzz.distance import OSA
from sqlalchemy import ColumnElement, Select, case, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.errors import FieldError, Invalid, NotFound
from service.core.text import fold
from service.domain.referentials.tension import commune_of
from service.domain.territories import get_by_slug
from service.models import Commune, Territory, TerritoryCommune
from service.schemas.referentials import CodeLabel, CommuneItem, CommuneRead

_POSTAL_CODE: Final = re.compile(r"\b\d{5}\b")
_INSEE_CODE: Final = re.compile(r"(?:\d{2}|2[ab])\d{3}", re.IGNORECASE)
_DIGITS: Final = re.compile(r"\d{1,5}")
_LEADING_ARTICLE: Final = re.compile(r"^(?:le|la|les|l) (?=.)")
_ARRONDISSEMENT: Final = re.compile(r"(paris|lyon|marseille) \d{1,2} ?(?:e|er|eme|ieme)?(?: arr.*)?")
_SAINTS: Final = ((re.compile(r"\bst\b"), "saint"), (re.compile(r"\bste\b"), "sainte"))
_POSTAL_CODE_LENGTH: Final = 5
_FEW_DIGITS_MISSING: Final = 3
# Letters typed → slips forgiven.
_SLIPS: Final = ((7, 2), (4, 1))


def search_name(text: str) -> str:
    """Return ``text`` as communes are compared: folded, no leading article, ``st`` and ``ste`` written out.

    An arrondissement gives its city. The database computes ``commune.search_name`` by the same rules.
    """
    name = _LEADING_ARTICLE.sub("", fold(text))
    if (city := _ARRONDISSEMENT.fullmatch(name)) is not None:
        return city[1]
    for pattern, word in _SAINTS:
        name = pattern.sub(word, name)
    return name


async def suggest_communes(
    session: AsyncSession,
    q: str,
    *,
    limit: int,
    departement: str | None = None,
    territory: str | None = None,
) -> list[CommuneItem]:
    """Return the communes someone typing ``q`` may mean: by name, postal code, both, or INSEE code.

    The name itself comes first, then names that begin so, then names that hold it, larger communes
    first in each; only when there are none, names a slip or two away. Raises :class:`NotFound` for
    an unknown ``territory``.
    """
    selection = await _selection(session, departement, territory)
    typed = q.strip()
    if _DIGITS.fullmatch(typed) or _INSEE_CODE.fullmatch(typed):
        found = await session.scalars(_by_code(selection, typed.upper()).limit(limit))
        return [_item(commune) for commune in found]
    if (postal_code := _POSTAL_CODE.search(typed)) is not None:
        selection = selection.where(Commune.postal_codes.contains([postal_code[0]]))
        typed = _POSTAL_CODE.sub(" ", typed)
    name = search_name(typed)
    if not name:
        return []
    communes = await _by_name(session, selection, name, fold(typed), limit)
    if not communes:
        communes = await _by_similar_name(session, selection, name, limit)
    return [_item(commune) for commune in communes]


async def list_communes(
    session: AsyncSession,
    *,
    after: Sequence[str] | None,
    limit: int,
    departement: str | None = None,
    territory: str | None = None,
) -> list[tuple[CommuneItem, Sequence[str]]]:
    """Return up to ``limit`` communes by name, each with its sort values, after those given."""
    query = (await _selection(session, departement, territory)).order_by(Commune.folded_name, Commune.code)
    if after is not None:
        query = query.where(tuple_(Commune.folded_name, Commune.code) > tuple_(*after))
    communes = await session.scalars(query.limit(limit))
    return [(_item(commune), (commune.folded_name, commune.code)) for commune in communes]


async def read_commune(session: AsyncSession, code: str) -> CommuneRead:
    """Return a commune in full; an arrondissement of Paris, Lyon or Marseille gives its commune.

    Raises :class:`NotFound`.
    """
    commune = await session.get(Commune, commune_of(code))
    if commune is None:
        raise NotFound(
            f"There is no commune with the INSEE code `{code}`. `GET /v1/communes?q=` finds one by its name "
            "or postal code."
        )
    slugs = await session.scalars(
        select(Territory.slug)
        .join(TerritoryCommune, TerritoryCommune.territory_id == Territory.id)
        .where(TerritoryCommune.commune_code == commune.code)
        .order_by(func.cardinality(Territory.lineage).desc(), Territory.slug)
    )
    return CommuneRead(
        **_facts(commune),
        epci=_coded(commune.epci_code, commune.epci_name),
        employment_area=_coded(commune.employment_area_code, commune.employment_area_name),
        bmo_area=_coded(commune.bmo_area_code, commune.bmo_area_name),
        obsolete=commune.obsolete_since is not None,
        territories=list(slugs),
    )


async def require_area(session: AsyncSession, *, commune: str | None, departement: str | None) -> str | None:
    """Return the narrower of the two codes, checked, for ``tension_for``. Raises :class:`Invalid`."""
    column, code, name = (
        (Commune.code, commune_of(commune), "commune")
        if commune
        else (Commune.departement_code, departement, "departement")
    )
    if code is None:
        return None
    if await session.scalar(select(Commune.code).where(column == code).limit(1)) is None:
        detail = f"no {name} has this code"
        raise Invalid(
            f"There is no {name} `{code}`.",
            errors=[FieldError(pointer=f"?{name}", detail=detail, code="unknown")],
        )
    return code


async def _selection(
    session: AsyncSession, departement: str | None, territory: str | None
) -> Select[Commune]:
    query = select(Commune).where(Commune.obsolete_since.is_(None))
    if departement is not None:
        query = query.where(Commune.departement_code == departement)
    if territory is not None:
        holder = await get_by_slug(session, territory)
        covered = select(TerritoryCommune.commune_code).where(TerritoryCommune.territory_id == holder.id)
        query = query.where(Commune.code.in_(covered))
    return query


def _largest_first(query: Select[Commune]) -> Select[Commune]:
    return query.order_by(Commune.population.desc().nulls_last(), Commune.code)


def _by_code(selection: Select[Commune], typed: str) -> Select[Commune]:
    missing = _POSTAL_CODE_LENGTH - len(typed)
    if missing <= _FEW_DIGITS_MISSING:
        # An index finds whole codes only: ask for all that begin so.
        codes = [f"{typed}{rest:0{missing}d}" for rest in range(10**missing)] if missing else [typed]
        begins: ColumnElement[bool] = Commune.postal_codes.overlap(codes)
    else:
        postal_codes = func.unnest(Commune.postal_codes).column_valued("postal_code")
        begins = select(postal_codes).where(postal_codes.startswith(typed)).correlate(Commune).exists()
    return _largest_first(selection.where(or_(begins, Commune.code == typed)))


async def _by_name(
    session: AsyncSession, selection: Select[Commune], name: str, typed: str, limit: int
) -> list[Commune]:
    begins = Commune.search_name.startswith(name)
    holds = Commune.search_name.contains(f" {name}")
    rank = case(
        (Commune.search_name == name, 0),
        (Commune.folded_name.startswith(typed), 1),
        (begins, 2),
        else_=3,
    )
    found: list[Commune] = []
    # Names that begin so come first and have an index; the others are looked for when there is room.
    for condition in (begins, or_(begins, holds)):
        query = _largest_first(selection.where(condition).order_by(rank))
        found = list(await session.scalars(query.limit(limit)))
        if len(found) == limit:
            break
    return found


async def _by_similar_name(
    session: AsyncSession, selection: Select[Commune], name: str, limit: int
) -> list[Commune]:
    """Return communes whose name begins as ``name`` does but for the fewest slips, first letter right."""
    slips = next((allowed for letters, allowed in _SLIPS if len(name) >= letters), 0)
    if not slips:
        return []
    rows = await session.execute(
        selection.with_only_columns(Commune.code, Commune.search_name, Commune.population).where(
            Commune.search_name.startswith(name[0])
        )
    )
    ranked = sorted(
        (distance, -(population or 0), code)
        for code, candidate, population in rows
        if (distance := _slips_between(name, candidate, slips)) <= slips
    )
    codes = [code for distance, _, code in ranked if distance == ranked[0][0]][:limit]
    communes = {
        commune.code: commune
        for commune in await session.scalars(select(Commune).where(Commune.code.in_(codes)))
    }
    return [communes[code] for code in codes]


def _slips_between(name: str, candidate: str, most: int) -> int:
    """Return the fewest slips between ``name`` and a beginning of ``candidate``, or more than ``most``."""
    lengths = {len(name) - 1, len(name), len(name) + 1}
    return min(OSA.distance(name, candidate[:length], score_cutoff=most) for length in lengths)


def _coded(code: str | None, label: str | None) -> CodeLabel | None:
    return CodeLabel(code=code, label=label or code) if code else None


def _facts(commune: Commune) -> dict[str, Any]:
    return {
        "code": commune.code,
        "name": commune.name,
        "postal_codes": commune.postal_codes,
        "population": commune.population,
        "departement": CodeLabel(code=commune.departement_code, label=commune.departement_name),
        "region": CodeLabel(code=commune.region_code, label=commune.region_name),
        "latitude": commune.latitude,
        "longitude": commune.longitude,
    }


def _item(commune: Commune) -> CommuneItem:
    return CommuneItem(**_facts(commune))
