"""What has to be written so that the current matches become the lists just computed. Pure: no I/O."""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson

from service.domain.matches.board import Board, Change, Lists, Pair
from service.matching.explanation import Audience, Language, explain
from service.matching.scoring import CriterionResult, Suggestion, evaluate

LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
AUDIENCES: Final[tuple[Audience, ...]] = ("candidate", "employer")

_KEPT_WORDS: Final = 50_000


@dataclass(frozen=True, slots=True)
class CurrentRow:
    """A current match, without its explanation."""

    id: uuid.UUID
    candidate_id: uuid.UUID
    posting_id: uuid.UUID
    candidate_rank: int | None
    posting_rank: int | None
    digest: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to write: a row to supersede, a pair to insert in its stead or anew, or ranks to move.

    ``row_id`` alone: superseded. ``row_id`` and ranks: only they move. ``pair`` and ranks: inserted,
    after ``row_id`` (if any) was superseded.
    """

    row_id: uuid.UUID | None
    pair: Pair | None = None
    candidate_rank: int | None = None
    posting_rank: int | None = None

    @property
    def supersedes(self) -> bool:
        """Tell whether the row named stops being current."""
        return self.row_id is not None and (self.pair is not None or not self.ranked)

    @property
    def ranked(self) -> bool:
        """Tell whether the pair is among the best of one side at least."""
        return self.candidate_rank is not None or self.posting_rank is not None


@dataclass(slots=True)
class Plan:
    """Everything to write, and how many current rows stay just as they are."""

    steps: list[Step] = field(default_factory=list)
    unchanged: int = 0

    @property
    def inserted(self) -> int:
        """Return how many rows are to be inserted."""
        return sum(step.pair is not None for step in self.steps)

    @property
    def superseded(self) -> int:
        """Return how many rows stop being current."""
        return sum(step.supersedes for step in self.steps)

    @property
    def moved(self) -> int:
        """Return of how many rows only the ranks move."""
        return sum(step.pair is None and step.ranked for step in self.steps)


def suggest(board: Board, pair: Pair) -> Suggestion:
    """Return the pair scored and explained. Raises ``RuntimeError`` for one that no gate lets through."""
    candidate_id, posting_id = pair
    result = evaluate(board.candidates.facts[candidate_id], board.postings.facts[posting_id], board.context)
    if not isinstance(result, Suggestion):
        message = f"{candidate_id} and {posting_id} were ranked, but the gate {result.gate} keeps them apart"
        raise RuntimeError(message)  # noqa: TRY004 - the two sides of the engine disagree: no wrong argument
    return result


def digest(suggestion: Suggestion) -> str:
    """Return the digest of what a match says: engine, versions, and each criterion's facts.

    Words are no part of it: they follow from the facts and from the labels of the day.
    """
    said = [
        suggestion.engine_version,
        suggestion.candidate_version,
        suggestion.posting_version,
        [criterion.as_dict() for criterion in suggestion.criteria],
    ]
    return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def compare(board: Board, lists: Lists, rows: Iterable[CurrentRow], checked: Change | None) -> Plan:
    """Return what differs between the current rows and ``lists``.

    ``rows`` are all current rows with an owner of one of the lists. A list that was not computed stays
    as it is, and so do its ranks. Rows of ``checked`` subjects (``None``: all) are scored again, and
    replaced when they say something else; of the others it is known that they would say the same.
    """
    wanted = _wanted(lists)
    plan = Plan()
    for row in rows:
        pair = (row.candidate_id, row.posting_id)
        score, candidate_rank, posting_rank = wanted.pop(pair, (None, None, None))
        if row.candidate_id not in lists.of_candidates:
            candidate_rank = row.candidate_rank
        if row.posting_id not in lists.of_postings:
            posting_rank = row.posting_rank
        takes_part = row.candidate_id in board.candidates.facts and row.posting_id in board.postings.facts
        if not takes_part or (candidate_rank is None and posting_rank is None):
            plan.steps.append(Step(row.id))
        elif _to_check(pair, checked) and _says_otherwise(board, row, score):
            plan.steps.append(Step(row.id, pair, candidate_rank, posting_rank))
        elif (candidate_rank, posting_rank) != (row.candidate_rank, row.posting_rank):
            plan.steps.append(Step(row.id, None, candidate_rank, posting_rank))
        else:
            plan.unchanged += 1
    plan.steps += [
        Step(None, pair, candidate_rank, posting_rank)
        for pair, (_, candidate_rank, posting_rank) in wanted.items()
    ]
    return plan


def _wanted(lists: Lists) -> dict[Pair, tuple[int | None, int | None, int | None]]:
    wanted: dict[Pair, tuple[int | None, int | None, int | None]] = {
        (candidate_id, posting_id): (score, rank, None)
        for candidate_id, ranking in lists.of_candidates.items()
        for posting_id, (score, rank) in ranking.items()
    }
    for posting_id, ranking in lists.of_postings.items():
        for candidate_id, (score, rank) in ranking.items():
            pair = (candidate_id, posting_id)
            wanted[pair] = (score, wanted.get(pair, (None, None, None))[1], rank)
    return wanted


def _to_check(pair: Pair, checked: Change | None) -> bool:
    return checked is None or pair[0] in checked.candidates or pair[1] in checked.postings


def _says_otherwise(board: Board, row: CurrentRow, score: int | None) -> bool:
    suggestion = suggest(board, (row.candidate_id, row.posting_id))
    _agree(suggestion, score)
    return digest(suggestion) != row.digest


def _agree(suggestion: Suggestion, score: int | None) -> None:
    if score is not None and suggestion.score != score:
        message = (
            f"{suggestion.candidate_id} and {suggestion.posting_id} score {suggestion.score} alone "
            f"and {score} among all"
        )
        raise RuntimeError(message)


class Wording:
    """Writes explanations down, in every language and for each audience, each phrase made once.

    ``labels`` names occupation and skill codes; ROME has no labels but French ones.
    """

    def __init__(self) -> None:
        self._phrases: dict[bytes, dict[str, Any]] = {}

    def explanation(self, suggestion: Suggestion, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        """Return the explanation as it is stored. Raises ``RuntimeError`` unless it adds up to the score."""
        if suggestion.score != sum(criterion.points for criterion in suggestion.criteria):
            message = f"the explanation of {suggestion.candidate_id} does not add up to its score"
            raise RuntimeError(message)
        return [self._line(criterion, labels) for criterion in suggestion.criteria]

    def _line(self, criterion: CriterionResult, labels: Mapping[str, str]) -> dict[str, Any]:
        facts = criterion.as_dict()
        named = {code: labels[code] for code in _codes(criterion.data) if code in labels}
        key = orjson.dumps([facts, named], option=orjson.OPT_SORT_KEYS)
        phrase = self._phrases.get(key)
        if phrase is None:
            if len(self._phrases) >= _KEPT_WORDS:
                self._phrases.clear()
            phrase = self._phrases[key] = _phrase(criterion, labels)
        return facts | phrase


def _phrase(criterion: CriterionResult, labels: Mapping[str, str]) -> dict[str, Any]:
    titles: dict[str, str] = {}
    words: dict[str, dict[str, str]] = {}
    for audience in AUDIENCES:
        for language in LANGUAGES:
            # The line about place has no words for an employer.
            for line in explain([criterion], language, audience, labels):
                titles[language] = line.title
                words.setdefault(audience, {})[language] = line.words
    return {"title": titles, "words": words}


def _codes(data: Mapping[str, Any]) -> Iterator[str]:
    for value in data.values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from value
