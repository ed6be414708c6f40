"""Matches: candidates and postings brought together, explained, and read by either side."""

from service.domain.matches.reading import FEATURE, root_of
from service.domain.matches.running import Outcome, match_tree
from service.domain.matches.suggestions import suggest_candidates, suggest_postings
from service.domain.matches.waiting import candidate_is_due, list_roots, posting_is_due
from service.domain.matches.writing import MovedOnError, count_current, forget_candidate

__all__ = [
    "FEATURE",
    "MovedOnError",
    "Outcome",
    "candidate_is_due",
    "count_current",
    "forget_candidate",
    "list_roots",
    "match_tree",
    "posting_is_due",
    "root_of",
    "suggest_candidates",
    "suggest_postings",
]
