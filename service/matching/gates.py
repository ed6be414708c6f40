"""Hard gates: what keeps a pair from being suggested at all, before anything is scored.

A gate refuses nobody: it only means that the platform does not put the pair forward by itself. The
candidate still finds the posting in the public list and may answer it.

The radius is the candidate's own filter. A posting whose place is not known more precisely than the
territory passes when the candidate will go anywhere in the territory, and is then said to be at an
unknown distance. It does not pass a radius: a candidate who sets one asks for a promise that cannot
be made, and assuming the posting near would be inventing a fact. The obstacle says so, so that the
exclusion is not silent, and a posting that gains a point is matched again. Fully remote work passes
every radius.
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from service.matching.facts import CandidateFacts, MatchingContext, Point, PostingFacts
from service.matching.weights import (
    EARTH_RADIUS_KM,
    LICENCE_ALSO_HELD,
    REQUIRED_SKILL_FACTOR,
    SKILLS_ALONE_PERCENT,
)
from service.models.enums import RemoteKind


class Gate(StrEnum):
    """The gates, in the order they are tried."""

    OPEN = "open"
    RADIUS = "radius"
    LICENCE = "licence"
    RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """The first gate a pair does not pass, and why. For the candidate and agents, not employers.

    ``data`` holds ``distance_km`` and ``radius_km``, or ``missing`` (licences), or nothing.
    """

    gate: Gate
    outcome: str
    data: dict[str, Any]


def unit_vector(point: Point) -> tuple[float, float, float]:
    """Return the point on the sphere of radius 1, as x, y, z."""
    latitude, longitude = math.radians(point.latitude), math.radians(point.longitude)
    return (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )


def squared_chord(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Return the squared straight distance between two unit vectors: four times the haversine.

    Only additions and products, which round alike on numbers and on arrays: the gate then decides
    the same pair the same way whether it is tried alone or among a million.
    """
    x, y, z = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    return x * x + y * y + z * z


def squared_chord_limit(radius_km: float) -> float:
    """Return the largest squared chord within ``radius_km``; infinite from half a turn on."""
    half_angle = radius_km / EARTH_RADIUS_KM / 2
    if half_angle >= math.pi / 2:
        return math.inf
    return (2 * math.sin(half_angle)) ** 2


def distance_km(one: Point, other: Point) -> float:
    """Return the great-circle distance between two points (haversine)."""
    chord = math.sqrt(squared_chord(unit_vector(one), unit_vector(other)))
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, chord / 2))


@cache
def licence_categories(licence: str) -> frozenset[str]:
    """Return the licence and every category it gives or supposes."""
    held = {licence}
    for also in LICENCE_ALSO_HELD.get(licence, frozenset()):
        held |= licence_categories(also)
    return frozenset(held)


def licences_held(licences: frozenset[str]) -> frozenset[str]:
    """Return every category a holder of ``licences`` may drive."""
    return frozenset[str]().union(*(licence_categories(licence) for licence in licences))


def occupations_related(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> bool:
    """Tell whether the posting's occupation is wanted, or near or far from a wanted one."""
    offered = posting.occupation
    return offered is not None and any(
        context.graph.relation(wanted, offered) is not None for wanted in candidate.wanted_occupations
    )


def skill_weights(posting: PostingFacts, context: MatchingContext) -> dict[str, int]:
    """Return the weight of each of the posting's skills: its rarity, twice when required."""
    rarity = context.rarity
    weights = {code: rarity.weight(code) for code in posting.wished_skills}
    for code in posting.required_skills:
        weights[code] = rarity.weight(code) * REQUIRED_SKILL_FACTOR
    return weights


def within_radius(candidate: CandidateFacts, posting: PostingFacts) -> bool:
    """Tell whether the posting passes the candidate's own radius (see the module's text)."""
    if candidate.radius_km is None or posting.remote is RemoteKind.FULL:
        return True
    if candidate.point is None or posting.point is None:
        return False
    chord = squared_chord(unit_vector(candidate.point), unit_vector(posting.point))
    return chord <= squared_chord_limit(candidate.radius_km)


def relevant(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> bool:
    """Tell whether anything brings the two together: a related occupation, or enough skills."""
    if occupations_related(candidate, posting, context):
        return True
    weights = skill_weights(posting, context)
    common = sum(weight for code, weight in weights.items() if code in candidate.skills)
    return common > 0 and common * 100 >= SKILLS_ALONE_PERCENT * sum(weights.values())


def obstacle(candidate: CandidateFacts, posting: PostingFacts, context: MatchingContext) -> Obstacle | None:
    """Return the first gate the pair does not pass, or ``None`` when it passes them all."""
    if not posting.open:
        return Obstacle(Gate.OPEN, "closed", {})
    if not within_radius(candidate, posting):
        if candidate.point is None or posting.point is None:
            return Obstacle(Gate.RADIUS, "place_unknown", {"radius_km": candidate.radius_km})
        distance = round(distance_km(candidate.point, posting.point))
        return Obstacle(
            Gate.RADIUS,
            "too_far",
            {"distance_km": distance, "radius_km": candidate.radius_km},
        )
    missing = posting.required_licences - licences_held(candidate.licences)
    if missing:
        return Obstacle(Gate.LICENCE, "missing", {"missing": sorted(missing)})
    if not relevant(candidate, posting, context):
        return Obstacle(Gate.RELEVANCE, "nothing_in_common", {})
    return None
