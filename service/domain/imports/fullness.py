"""How much is known of a posting: what chooses among several words on one opening."""

from collections.abc import Mapping
from typing import Any, Final

FACTS: Final = (
    "description",
    "employer_name",
    "occupation_code",
    "commune_code",
    "contract_kind",
    "working_time",
    "weekly_hours",
    "salary_label",
    "skills",
    "experience",
    "education",
    "licences",
    "languages",
    "apply_url",
    "apply_email",
    "apply_phone",
)
"""The columns that count, each for one."""


def fullness(columns: Mapping[str, Any]) -> int:
    """Return how many of the facts a posting's columns hold."""
    return sum(bool(columns[name]) for name in FACTS)
