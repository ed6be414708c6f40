"""Whether an occupation is hard to fill in a place: joining official sources to ROME, and deciding.

Sources speak of families (FAP 2009); the Dares crosswalk joins a family to a ROME v3 code, and a
ROME 4.0 occupation keeps its v3 code as ``code`` or ``parent_code``. A ROME code in several families
belongs to one by the worker's qualification; digit 0 is the crosswalk's own choice when it is not said.

BMO is stored and not joined: it counts by FAP 2021, and neither that nomenclature nor any file
known leads from FAP 2021 to ROME.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Commune, FamilyOccupation, Occupation, ProfessionalFamily, Tension
from service.schemas.referentials import AreaKind, TensionFact, TensionSource, TensionSourceName

# From this Dares level on ("forte") an occupation counts as hard to fill.
TENSE_LEVEL: Final = 4
QUALIFICATION_NOT_SAID: Final = "0"
_NOMENCLATURE: Final = "fap2009"
_COMMUNE_CODE_LENGTH: Final = 5
_NARROWNESS: Final[Mapping[str, int]] = {"country": 0, "region": 1, "departement": 2}
# Municipal arrondissements have codes of their own and no rows in the list of communes.
_ARRONDISSEMENTS: Final = (("751", "75056"), ("6938", "69123"), ("132", "13055"))

Asked = tuple[str, str | None]
Area = tuple[AreaKind, str]
COUNTRY: Final[Area] = ("country", "FR")


def commune_of(code: str) -> str:
    """Return the commune of an INSEE code: Paris, Lyon or Marseille for one of their arrondissements."""
    return next((commune for prefix, commune in _ARRONDISSEMENTS if code.startswith(prefix)), code)


@dataclass(frozen=True, slots=True)
class _Place:
    """The areas a place lies in, narrowest first, and their names."""

    areas: tuple[Area, ...]
    names: Mapping[Area, str]


@dataclass(frozen=True, slots=True)
class _Sources:
    """The rows that can matter, and which régions the list speaks of."""

    dares: Mapping[tuple[str, Area], Tension]
    listed: Mapping[tuple[str, Area], Tension]
    list_year: int | None
    list_areas: frozenset[Area]


async def tension_for(
    session: AsyncSession, asked: Collection[Asked], *, qualification: str = QUALIFICATION_NOT_SAID
) -> dict[Asked, TensionFact]:
    """Return what official sources say of each (ROME code, area), in a handful of queries for any number.

    An area is an INSEE commune code, a département code (``07``, ``2A``, ``974``), or ``None`` for the whole
    country. ``qualification`` is France Travail's digit, 1 (labourer) to 9 (executive), 0 not said.
    A pair of which no source speaks is absent from the answer.
    """
    pairs = set(asked)
    families = await _families(session, {code for code, _ in pairs}, qualification)
    codes = {family for found in families.values() for family in found}
    if not codes:
        return {}
    places = await _places(session, {area for _, area in pairs})
    areas = {area for place in places.values() for area in place.areas}
    sources = await _sources(session, codes, areas)
    labels = await _labels(session, codes)
    found = {}
    for occupation, area in pairs:
        place = places[area]
        facts = [
            fact
            for family in families.get(occupation, ())
            for fact in _facts(family, labels.get(family), place, sources)
        ]
        if facts:
            found[occupation, area] = decide(facts)
    return found


def decide(facts: Sequence[TensionSource]) -> TensionFact:
    """Return the answer that ``facts`` (at least one) give together.

    One source that says "in tension" is enough. Among the facts that agree with the answer the most
    recent decides, then the narrowest area.
    """
    answer = any(fact.in_tension for fact in facts)
    ranked = sorted(facts, key=_weight, reverse=True)
    decisive = next(fact for fact in ranked if fact.in_tension == answer)
    same_family = [fact for fact in ranked if fact.family_code == decisive.family_code]
    level = next((fact.level for fact in (*same_family, *ranked) if fact.level is not None), None)
    return TensionFact(
        in_tension=answer,
        level=level,
        source=decisive.source,
        year=decisive.year,
        area_kind=decisive.area_kind,
        area_code=decisive.area_code,
        area_name=decisive.area_name,
        family_code=decisive.family_code,
        family_label=decisive.family_label,
        labels=_sentences(decisive),
        agree=len({fact.in_tension for fact in facts}) == 1,
        facts=ranked,
    )


def _weight(fact: TensionSource) -> tuple[int, int, int, str]:
    return (fact.year, _NARROWNESS[fact.area_kind], fact.level or 0, fact.family_code)


def _sentences(fact: TensionSource) -> dict[str, str]:
    where = fact.area_name or fact.area_code
    if fact.source == "official-list":
        french = "sur la" if fact.listed else "absent de la"
        english = "on" if fact.listed else "not on"
        said = {
            "fr": f"{french} liste officielle {fact.year} ({where})",
            "en": f"{english} the official list of {fact.year} ({where})",
        }
    else:
        said = {
            "fr": f"indicateur Dares {fact.level} sur 5 en {fact.year} ({where})",
            "en": f"Dares indicator {fact.level} out of 5 in {fact.year} ({where})",
        }
    if fact.in_tension:
        return {"fr": f"Métier en tension : {said['fr']}", "en": f"Shortage occupation: {said['en']}"}
    return {
        "fr": f"Pas de tension signalée : {said['fr']}",
        "en": f"No shortage reported: {said['en']}",
    }


def _facts(family: str, label: str | None, place: _Place, sources: _Sources) -> Iterable[TensionSource]:
    def fact(
        source: TensionSourceName,
        year: int,
        area: Area,
        name: str | None,
        *,
        level: int | None = None,
        listed: bool | None = None,
    ) -> TensionSource:
        return TensionSource(
            in_tension=bool(listed) or (level is not None and level >= TENSE_LEVEL),
            level=level,
            listed=listed,
            source=source,
            year=year,
            area_kind=area[0],
            area_code=area[1],
            area_name=place.names.get(area) or name,
            family_code=family,
            family_label=label,
        )

    for area in place.areas:
        if (row := sources.dares.get((family, area))) is not None:
            yield fact("dares", row.year, area, row.area_name, level=row.level)
            break
    for area in place.areas:
        if (row := sources.listed.get((family, area))) is not None:
            yield fact("official-list", row.year, area, row.area_name, listed=True)
            return
    # Silence means "not in shortage" only where the list speaks at all.
    covered = next((area for area in place.areas if area in sources.list_areas and area != COUNTRY), None)
    if covered is not None and sources.list_year is not None:
        yield fact("official-list", sources.list_year, covered, None, listed=False)


async def _families(
    session: AsyncSession, codes: Collection[str], qualification: str
) -> dict[str, list[str]]:
    """Return the families of each occupation: the one for the qualification, or all when nothing tells."""
    rows = await session.execute(
        select(Occupation.code, FamilyOccupation.family_code, FamilyOccupation.qualifications)
        .join(
            FamilyOccupation,
            or_(
                FamilyOccupation.rome_code == Occupation.code,
                FamilyOccupation.rome_code == Occupation.parent_code,
            ),
        )
        .where(Occupation.code.in_(codes))
        .order_by(Occupation.code, FamilyOccupation.family_code)
    )
    everything: defaultdict[str, list[str]] = defaultdict(list)
    told: defaultdict[str, list[str]] = defaultdict(list)
    for occupation, family, qualifications in rows:
        everything[occupation].append(family)
        if qualification in (qualifications or ()):
            told[occupation].append(family)
    return {code: told.get(code) or families for code, families in everything.items()}


async def _places(session: AsyncSession, asked: Collection[str | None]) -> dict[str | None, _Place]:
    communes = {commune_of(code) for code in asked if code and len(code) == _COMMUNE_CODE_LENGTH}
    departements = {code for code in asked if code and len(code) < _COMMUNE_CODE_LENGTH}
    areas = (
        Commune.departement_code,
        Commune.departement_name,
        Commune.region_code,
        Commune.region_name,
    )
    by_commune = select(Commune.code, *areas).where(Commune.code.in_(communes))
    by_departement = (
        select(Commune.departement_code, *areas).where(Commune.departement_code.in_(departements)).distinct()
    )
    found = {}
    for query in (by_commune, by_departement):
        for code, departement, departement_name, region, region_name in await session.execute(query):
            narrow: Area = ("departement", departement)
            wide: Area = ("region", region)
            names = {narrow: departement_name, wide: region_name, COUNTRY: "France"}
            found[code] = _Place((narrow, wide, COUNTRY), names)
    nowhere = _Place((COUNTRY,), {COUNTRY: "France"})
    return {area: found.get(commune_of(area), nowhere) if area else nowhere for area in asked}


async def _sources(session: AsyncSession, families: Collection[str], areas: Collection[Area]) -> _Sources:
    years = {source: await _latest_year(session, source) for source in ("dares", "official-list")}
    by_kind: defaultdict[str, set[str]] = defaultdict(set)
    for kind, code in areas:
        by_kind[kind].add(code)
    joined = (Tension.nomenclature == _NOMENCLATURE, Tension.obsolete_since.is_(None))
    rows = await session.scalars(
        select(Tension).where(
            *joined,
            Tension.family_code.in_(families),
            or_(*(and_(Tension.source == source, Tension.year == year) for source, year in years.items())),
            or_(
                *(
                    and_(Tension.area_kind == kind, Tension.area_code.in_(codes))
                    for kind, codes in by_kind.items()
                )
            ),
        )
    )
    by_source: dict[str, dict[tuple[str, Area], Tension]] = {"dares": {}, "official-list": {}}
    for row in rows:
        by_source[row.source][row.family_code, _area(row.area_kind, row.area_code)] = row
    list_year = years["official-list"]
    covered = await session.execute(
        select(Tension.area_kind, Tension.area_code)
        .where(*joined, Tension.source == "official-list", Tension.year == list_year)
        .distinct()
    )
    return _Sources(
        dares=by_source["dares"],
        listed=by_source["official-list"],
        list_year=list_year,
        list_areas=frozenset(_area(kind, code) for kind, code in covered),
    )


def _area(kind: str, code: str) -> Area:
    return cast("AreaKind", kind), code


async def _latest_year(session: AsyncSession, source: str) -> int | None:
    return await session.scalar(
        select(func.max(Tension.year)).where(Tension.source == source, Tension.nomenclature == _NOMENCLATURE)
    )


async def _labels(session: AsyncSession, families: Collection[str]) -> dict[str, str]:
    rows = await session.execute(
        select(ProfessionalFamily.code, ProfessionalFamily.label).where(
            ProfessionalFamily.nomenclature == _NOMENCLATURE, ProfessionalFamily.code.in_(families)
        )
    )
    return {row.code: row.label for row in rows}
