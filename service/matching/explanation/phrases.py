"""How a phrasebook turns facts into a sentence; the words are in each language's file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from service.matching.gates import Obstacle
from service.matching.scoring import CriterionResult
from service.matching.weights import UNKNOWN

Audience = Literal["candidate", "employer"]

LISTED = 5
"""Names written out in a sentence; beyond, the sentence says how many more there are."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in two voices, with named fields between braces.

    A sentence without an employer's voice is for the candidate alone.
    """

    candidate: str
    employer: str | None = None

    def to(self, audience: Audience) -> str:
        """Return the voice that speaks to ``audience``; ``ValueError`` when there is none."""
        if audience == "candidate":
            return self.candidate
        if self.employer is None:
            raise ValueError("this sentence is for the candidate alone")
        return self.employer


def both(sentence: str) -> Sentence:
    """Return a sentence that says the same words to both audiences."""
    return Sentence(sentence, sentence)


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a language needs to write names, numbers and dates inside a sentence."""

    quote: Callable[[str], str]
    enumerate: Callable[[list[str]], str]
    more: Callable[[int], str]
    date: Callable[[date], str]
    pay: Callable[[Decimal | None, Decimal | None, str], str]
    decimal_mark: str
    typeset: Callable[[str], str]
    values: Mapping[str, str]


def named(codes: list[str], grammar: Grammar, labels: Mapping[str, str]) -> str:
    """Write codes by their names, the first ``LISTED`` of them, and how many more there are."""
    names = [grammar.quote(labels.get(code, code)) for code in codes[:LISTED]]
    if len(codes) > LISTED:
        names.append(grammar.more(len(codes) - LISTED))
    return grammar.enumerate(names)


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """One language: titles by criterion, sentences by criterion and outcome, and its grammar.

    A sentence's key is ``"criterion.outcome"``; ``unknown`` adds what was not said, as in
    ``"contract.unknown.posting"``. ``skills`` writes the one criterion whose grammar needs code.
    """

    titles: Mapping[str, str]
    sentences: Mapping[str, Sentence]
    obstacles: Mapping[str, str]
    suggested: str
    grammar: Grammar
    skills: Callable[[CriterionResult, Audience, Mapping[str, str]], str]

    def words(self, criterion: CriterionResult, audience: Audience, labels: Mapping[str, str]) -> str:
        """Return the sentence for what the criterion found."""
        if criterion.code == "skills" and criterion.outcome != UNKNOWN:
            return self.grammar.typeset(self.skills(criterion, audience, labels))
        key = f"{criterion.code}.{criterion.outcome}"
        data = criterion.data
        if criterion.outcome == UNKNOWN:
            key = f"{key}.{data['unspecified']}"
        elif data.get("started"):
            key = f"{key}.started"
        elif criterion.code == "place" and data["distance_km"] is None:
            key = f"{key}.unmeasured"
        sentence = self.sentences[key].to(audience).format(**self._fields(data, labels))
        if "confidence" in data:
            sentence = f"{sentence} {self.suggested.format(confidence=data['confidence'])}"
        return self.grammar.typeset(sentence)

    def obstacle(self, obstacle: Obstacle) -> str:
        """Return the sentence for the gate that was not passed, to the candidate."""
        key = f"{obstacle.gate}.{obstacle.outcome}"
        sentence = self.obstacles[key].format(**self._fields(obstacle.data, {}))
        return self.grammar.typeset(sentence)

    def figure(self, hundredths: int) -> str:
        """Write hundredths of a point as a decimal number, without idle zeros."""
        whole, rest = divmod(hundredths, 100)
        if rest == 0:
            return str(whole)
        return f"{whole}{self.grammar.decimal_mark}{rest:02d}".rstrip("0")

    def _fields(self, data: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, str]:
        grammar = self.grammar
        fields: dict[str, str] = {}
        for name, value in data.items():
            if name in ("offered", "wanted"):
                known = grammar.values.get(value)
                fields[name] = known or grammar.quote(labels.get(value, value))
            elif name in ("asked", "common", "missing") and isinstance(value, list) and value:
                names = [grammar.values.get(code) or labels.get(code, code) for code in value]
                fields[name] = grammar.enumerate(names)
            elif name in ("starts_on", "published_on"):
                fields[name] = grammar.date(date.fromisoformat(value))
            elif name in ("distance_km", "radius_km") and value is not None:
                fields[name] = f"{value:g}".replace(".", grammar.decimal_mark)
        if "unit" in data:
            low, high = data["minimum"], data["maximum"]
            fields["pay"] = grammar.pay(
                None if low is None else Decimal(low),
                None if high is None else Decimal(high),
                data["unit"],
            )
        return fields
