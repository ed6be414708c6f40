"""The communes of the referential, and the rules that resolve a wording to one of them.

Sources word places as ``"07 - ST DIDIER SOUS AUBENAS"``, ``"75 - PARIS 10"``, ``"76 - Havre"``,
``"92 - Hauts-de-Seine"``, ``"Île-de-France"``; postal codes and coordinates may or may not come
along. A commune is identified by its INSEE code. Nothing is guessed: an ambiguous name gives the
widest area that is certain.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from rapidfuzz import fuzz, process

from service.core.text import fold
from service.matching.places.wording import Mentions, Wording, bare, expanded, taken_apart

_COUNTRY: Final = frozenset({"france", "france entiere", "france metropolitaine", "toute la france"})
_ARRONDISSEMENT_CODES: Final = (("751", "75056"), ("6938", "69123"), ("132", "13055"))
_OVERSEAS: Final = ("97", "98")
_CLOSE_ENOUGH: Final = 92
_CLEAR_LEAD: Final = 4
_SHORTEST_TYPO: Final = 6
_FARTHEST_KM: Final = 12.0
_EARTH_KM_PER_DEGREE: Final = 111.2


class PlacePrecision(StrEnum):
    """How narrow the resolved place is."""

    COMMUNE = "commune"
    DEPARTEMENT = "departement"
    REGION = "region"
    COUNTRY = "country"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CommuneFacts:
    """One row of the communes referential. Coordinates are WGS 84 degrees, ``None`` if unknown."""

    code: str
    name: str
    postal_codes: Sequence[str]
    departement_code: str
    departement_name: str
    region_code: str
    region_name: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class ResolvedPlace:
    """A place, as narrow as the wording allows.

    ``how`` names the rule that decided; ``confidence`` (0 to 1) is that of ``precision``: 1 for the
    source's own code, 0.98 for a name found in its département, down to 0.7 for the
    nearest commune to a point or the only one a description names.
    """

    precision: PlacePrecision
    commune_code: str | None = None
    departement_code: str | None = None
    region_code: str | None = None
    how: str = "nothing to go by"
    confidence: float = 0.0


class CommuneIndex:
    """All communes of the referential, ready to resolve places. Immutable once built."""

    def __init__(self, rows: Iterable[CommuneFacts]) -> None:
        self._by_code = {row.code: row for row in rows}
        self._by_name: defaultdict[str, list[CommuneFacts]] = defaultdict(list)
        self._by_bare_name: defaultdict[str, list[CommuneFacts]] = defaultdict(list)
        self._by_postal_code: defaultdict[str, list[CommuneFacts]] = defaultdict(list)
        self._by_departement: defaultdict[str, list[CommuneFacts]] = defaultdict(list)
        self._names: dict[str, str] = {}
        self._departements: dict[str, CommuneFacts] = {}
        self._regions: dict[str, str] = {}
        for row in self._by_code.values():
            name = expanded(fold(row.name))
            self._names[row.code] = name
            self._by_name[name].append(row)
            self._by_bare_name[bare(name)].append(row)
            self._by_departement[row.departement_code].append(row)
            for postal_code in row.postal_codes:
                self._by_postal_code[postal_code].append(row)
            self._departements.setdefault(fold(row.departement_name), row)
            self._regions.setdefault(fold(row.region_name), row.region_code)
        self._mentions: dict[str, Mentions] = {}
        self._located = [row for row in self._by_code.values() if row.latitude is not None]
        self._points = np.array(
            [(row.latitude, row.longitude) for row in self._located], dtype=np.float64
        ).reshape(-1, 2)

    def resolve(
        self,
        label: str | None = None,
        postal_code: str | None = None,
        commune_code: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        *,
        title: str | None = None,
        description: str | None = None,
    ) -> ResolvedPlace:
        """Return the narrowest certain place. The surest evidence decides, in this order.

        The INSEE code; the name within its département or postal code; the postal code when it
        covers one commune; the nearest commune to the point, within 12 km and the département (a
        former commune keeps its name, merged into another); the commune that the posting's own
        ``title`` or ``description`` places the work in; the département; the region; the country.
        """
        if commune_code:
            row = self._by_code.get(_of_whole_city(commune_code))
            if row is not None:
                return _commune(row, "code", 1.0)
        wording = taken_apart(label or "")
        postal_code = postal_code or wording.postal_code
        point = None if latitude is None or longitude is None else (latitude, longitude)
        departements = self._departement_codes(wording, postal_code, commune_code)
        return (
            self._by_wording(wording, departements, postal_code, point)
            or self._by_postal_or_point(wording, departements, postal_code, point)
            or self._by_mention(departements, title, description)
            or self._wider(wording, departements)
        )

    def _departement_codes(
        self, wording: Wording, postal_code: str | None, commune_code: str | None
    ) -> tuple[str, ...]:
        """Return the départements the evidence points to: none when unknown, two for old Corsica."""
        known = tuple(code for code in wording.departement_codes if code in self._by_departement)
        if known:
            return known
        if postal_code is not None and postal_code in self._by_postal_code:
            return tuple(sorted({row.departement_code for row in self._by_postal_code[postal_code]}))
        if commune_code:
            width = 3 if commune_code.startswith(_OVERSEAS) else 2
            return (commune_code[:width],) if commune_code[:width] in self._by_departement else ()
        return ()

    def _by_wording(
        self,
        wording: Wording,
        departements: Sequence[str],
        postal_code: str | None,
        point: tuple[float, float] | None,
    ) -> ResolvedPlace | None:
        if not wording.name:
            return None
        if self._names_only_the_departement(wording, departements, postal_code, point):
            return None
        for names, rule, confidence in (
            (self._by_name.get(wording.name), "name", 0.98),
            (self._by_bare_name.get(bare(wording.name)), "name without its article", 0.95),
        ):
            row = self._only(names or (), departements, postal_code, point)
            if row is not None:
                how = "arrondissement" if wording.is_arrondissement else rule
                return _commune(row, how, confidence if departements else 0.8)
        rows = self._within(departements, postal_code)
        row = self._by_beginning(wording.name, rows)
        if row is not None:
            return _commune(row, "beginning of the name", 0.85)
        row = self._by_spelling(wording.name, rows)
        return None if row is None else _commune(row, "near spelling", 0.75)

    def _names_only_the_departement(
        self,
        wording: Wording,
        departements: Sequence[str],
        postal_code: str | None,
        point: tuple[float, float] | None,
    ) -> bool:
        """Say whether ``"53 - Mayenne"`` means the département, there being a commune of that name.

        A postal code or a point is only given for a commune.
        """
        if postal_code is not None or point is not None:
            return False
        names = {fold(self._by_departement[code][0].departement_name) for code in departements}
        return wording.name in names and len(self._within(departements, None)) > 1

    def _only(
        self,
        rows: Sequence[CommuneFacts],
        departements: Sequence[str],
        postal_code: str | None,
        point: tuple[float, float] | None,
    ) -> CommuneFacts | None:
        """Return the one row that fits what is known, ``None`` if none or several do."""
        if departements:
            rows = [row for row in rows if row.departement_code in departements]
        if len(rows) > 1 and postal_code is not None:
            rows = [row for row in rows if postal_code in row.postal_codes] or rows
        if len(rows) > 1 and point is not None:
            return self._nearest(point, rows)
        return rows[0] if len(rows) == 1 else None

    def _within(self, departements: Sequence[str], postal_code: str | None) -> list[CommuneFacts]:
        inside = [row for code in departements for row in self._by_departement[code]]
        if postal_code in self._by_postal_code:
            narrowed = [row for row in inside if postal_code in row.postal_codes]
            return narrowed or inside
        return inside

    def _by_beginning(self, name: str, rows: Sequence[CommuneFacts]) -> CommuneFacts | None:
        """Find "Metz" in ``"metz technopole"``, and "La Voulte-sur-Rhône" from ``"la voulte"``."""
        longer = [row for row in rows if f"{name} ".startswith(f"{self._names[row.code]} ")]
        if longer:
            return max(longer, key=lambda row: len(self._names[row.code]))
        shorter = [row for row in rows if self._names[row.code].startswith(f"{name} ")]
        return shorter[0] if len(shorter) == 1 and len(name) >= _SHORTEST_TYPO else None

    def _by_spelling(self, name: str, rows: Sequence[CommuneFacts]) -> CommuneFacts | None:
        if len(name) < _SHORTEST_TYPO:
            return None
        names = {row.code: self._names[row.code] for row in rows}
        found = process.extract(name, names, scorer=fuzz.ratio, limit=2, score_cutoff=_CLOSE_ENOUGH)
        clear = len(found) == 1 or (len(found) > 1 and found[0][1] - found[1][1] >= _CLEAR_LEAD)
        return self._by_code[found[0][2]] if clear else None

    def _by_postal_or_point(
        self,
        wording: Wording,
        departements: Sequence[str],
        postal_code: str | None,
        point: tuple[float, float] | None,
    ) -> ResolvedPlace | None:
        covered = self._by_postal_code.get(postal_code or "", [])
        if len(covered) == 1:
            return _commune(covered[0], "postal code", 0.9)
        if point is None:
            return None
        row = self._nearest(point, covered)
        if row is not None:
            return _commune(row, "nearest of the postal code", 0.8)
        row = self._nearest(point, self._within(departements, None) if departements else None)
        if row is not None:
            return _commune(row, "nearest", 0.7 if wording.name else 0.75)
        return None

    def _by_mention(
        self, departements: Sequence[str], title: str | None, description: str | None
    ) -> ResolvedPlace | None:
        if len(departements) != 1 or not (title or description):
            return None
        (departement,) = departements
        mentions = self._mentions.get(departement)
        if mentions is None:
            names = {self._names[row.code]: row.code for row in self._by_departement[departement]}
            mentions = self._mentions[departement] = Mentions(departement, names)
        for code, rule, confidence in (
            (mentions.in_title(title or ""), "named in the title", 0.75),
            (mentions.placed_in(description or ""), "placed in the description", 0.8),
            (mentions.named_in(description or ""), "alone named in the description", 0.7),
        ):
            if code is not None:
                return _commune(self._by_code[code], rule, confidence)
        return None

    def _nearest(
        self, point: tuple[float, float], rows: Sequence[CommuneFacts] | None
    ) -> CommuneFacts | None:
        """Return the nearest of ``rows`` (of all when ``None``) within 12 km."""
        if rows is None:
            candidates, points = self._located, self._points
        else:
            candidates = [row for row in rows if row.latitude is not None]
            points = np.array([(row.latitude, row.longitude) for row in candidates], dtype=np.float64)
        if not candidates:
            return None
        north = points[:, 0] - point[0]
        east = (points[:, 1] - point[1]) * np.cos(np.radians(point[0]))
        distances = np.hypot(north, east) * _EARTH_KM_PER_DEGREE
        best = int(distances.argmin())
        return candidates[best] if distances[best] <= _FARTHEST_KM else None

    def _wider(self, wording: Wording, departements: Sequence[str]) -> ResolvedPlace:
        if len(departements) == 1:
            rows = self._by_departement[departements[0]]
            if len(rows) == 1:
                return _commune(rows[0], "only commune of the département", 0.98)
            return _departement(rows[0], "département number", 0.98)
        named = self._departements.get(wording.name)
        if named is not None:
            return _departement(named, "département name", 0.95)
        region_code = self._regions.get(wording.name)
        if region_code is None and len(departements) > 1:
            regions = {self._by_departement[code][0].region_code for code in departements}
            region_code = regions.pop() if len(regions) == 1 else None
        if region_code is not None:
            return ResolvedPlace(
                PlacePrecision.REGION, region_code=region_code, how="region name", confidence=0.95
            )
        if wording.name in _COUNTRY:
            return ResolvedPlace(PlacePrecision.COUNTRY, how="country name", confidence=0.95)
        return ResolvedPlace(PlacePrecision.NONE, how="unknown place" if wording.name else "no place")


def _of_whole_city(code: str) -> str:
    """Return the commune of an arrondissement of Paris, Lyon or Marseille; other codes unchanged."""
    return next((city for prefix, city in _ARRONDISSEMENT_CODES if code.startswith(prefix)), code)


def _commune(row: CommuneFacts, how: str, confidence: float) -> ResolvedPlace:
    return ResolvedPlace(
        PlacePrecision.COMMUNE, row.code, row.departement_code, row.region_code, how, confidence
    )


def _departement(row: CommuneFacts, how: str, confidence: float) -> ResolvedPlace:
    return ResolvedPlace(
        PlacePrecision.DEPARTEMENT, None, row.departement_code, row.region_code, how, confidence
    )
