"""Put a suggestion into words, in French and English, for the candidate and for the employer.

Both audiences read the same facts in their own voice, with one exception the law asks for: the line
about place exists only for the candidate. ``visible`` drops it for an employer, and the phrasebooks
have no sentence to write it with: neither home nor distance can reach what an employer is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from service.matching.explanation import english, french
from service.matching.explanation.phrases import Audience, Phrasebook
from service.matching.gates import Obstacle
from service.matching.scoring import PLACE, CriterionResult
from service.matching.weights import MAX_SCORE

__all__ = [
    "Audience",
    "Language",
    "Line",
    "explain",
    "figure",
    "obstacle_words",
    "score_words",
    "visible",
    "words",
]

Language = Literal["fr", "en"]

_PHRASEBOOKS: Mapping[str, Phrasebook] = {
    "fr": french.PHRASEBOOK,
    "en": english.PHRASEBOOK,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation, ready to show: a title, a sentence and the points."""

    code: str
    outcome: str
    title: str
    words: str
    points: int
    max_points: int


def visible(criteria: Iterable[CriterionResult], audience: Audience) -> tuple[CriterionResult, ...]:
    """Return what ``audience`` may see, data included: all but place for an employer."""
    return tuple(criterion for criterion in criteria if audience == "candidate" or criterion.code != PLACE)


def words(
    criterion: CriterionResult,
    language: Language,
    audience: Audience,
    labels: Mapping[str, str],
) -> str:
    """Return one sentence or two saying what the criterion found.

    ``labels`` names occupation, skill and language codes in that language; a code without a label
    is shown as it is. Raises ``ValueError`` for the line about place and an employer.
    """
    return _PHRASEBOOKS[language].words(criterion, audience, labels)


def explain(
    criteria: Iterable[CriterionResult],
    language: Language,
    audience: Audience,
    labels: Mapping[str, str],
) -> tuple[Line, ...]:
    """Return the lines ``audience`` may read, in the order given; see ``words``."""
    return tuple(
        Line(
            code=criterion.code,
            outcome=criterion.outcome,
            title=_PHRASEBOOKS[language].titles[criterion.code],
            words=words(criterion, language, audience, labels),
            points=criterion.points,
            max_points=criterion.max_points,
        )
        for criterion in visible(criteria, audience)
    )


def figure(hundredths: int, language: Language) -> str:
    """Write hundredths of a point as a decimal number, exactly: 8245 is "82,45" in French."""
    return _PHRASEBOOKS[language].figure(hundredths)


def score_words(score: int, language: Language) -> str:
    """Write a score out of its best possible: "82,45 sur 100"."""
    separator = {"fr": "sur", "en": "out of"}[language]
    return f"{figure(score, language)} {separator} {figure(MAX_SCORE, language)}"


def obstacle_words(obstacle: Obstacle, language: Language) -> str:
    """Tell the candidate why a posting is not among the suggestions; never for an employer."""
    return _PHRASEBOOKS[language].obstacle(obstacle)
