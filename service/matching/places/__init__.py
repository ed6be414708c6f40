"""Where a posting is: from a source's wording of a place to one commune, with how sure that is."""

from service.matching.places.index import (
    CommuneFacts,
    CommuneIndex,
    PlacePrecision,
    ResolvedPlace,
)

__all__ = ["CommuneFacts", "CommuneIndex", "PlacePrecision", "ResolvedPlace"]
