"""Job titles and ROME occupations: what a posting's title means, and titles while one types."""

from service.matching.titles.completion import Completion
from service.matching.titles.index import (
    OccupationFacts,
    OccupationTitleIndex,
    Suggestion,
    TitleFacts,
)

__all__ = ["Completion", "OccupationFacts", "OccupationTitleIndex", "Suggestion", "TitleFacts"]
