"""Marks the found words in the text as it was written, accents and all."""

from collections.abc import Callable
from html import escape
from itertools import pairwise

from service.schemas.search import Highlights
from service.search.words import LONGEST_WORD, occurrences

EXTRACT_LENGTH = 240
"""Characters of an extract, before escaping."""

_LEAD = 60  # Characters shown before the first found word, so that it is read in a sentence.
READ = 4_000
"""Characters of a description in which found words are looked for."""

Wanted = Callable[[str], bool]
"""Tells whether a folded word is one of those looked for."""


def highlights(title: str, description: str | None, wanted: Wanted) -> Highlights:
    """Return ``title`` and an extract of ``description`` as HTML, found words inside ``<mark>``."""
    return Highlights(
        title=_marked(title, occurrences(title, wanted), 0, len(title)),
        description=_extract(description[:READ], wanted) if description else None,
    )


def _extract(text: str, wanted: Wanted) -> str:
    """Return the part of ``text`` where most found words stand together, cut between words."""
    start = 0
    # Most descriptions name their trade at once: the rest of them need not be read.
    spans = occurrences(text[: EXTRACT_LENGTH + LONGEST_WORD], wanted)
    if not spans or spans[0][1] > EXTRACT_LENGTH:
        spans = occurrences(text, wanted)
        if spans and spans[0][1] > EXTRACT_LENGTH:
            start = _next_break(text, max(0, _densest(spans) - _LEAD))
    end = min(len(text), start + EXTRACT_LENGTH)
    if end < len(text):
        cut = max(text.rfind(space, start + EXTRACT_LENGTH // 2, end) for space in " \n\u00a0")
        end = cut if cut > 0 else end
    shown = _marked(text, [span for span in spans if start <= span[0] and span[1] <= end], start, end)
    return ("… " if start else "") + shown + (" …" if end < len(text) else "")


def _densest(spans: list[tuple[int, int]]) -> int:
    """Return the start of the span after which most others follow within one extract."""
    best, most, last = spans[0][0], 0, 0
    for first, (start, _) in enumerate(spans):
        while last < len(spans) and spans[last][1] <= start - _LEAD + EXTRACT_LENGTH:
            last += 1
        if last - first > most:
            best, most = start, last - first
    return best


def _next_break(text: str, position: int) -> int:
    """Return the start of the first word at or after ``position``, if there is one close by."""
    if not position:
        return 0
    for index in range(position, min(position + _LEAD, len(text))):
        if text[index].isspace():
            return index + 1
    return position


def _marked(text: str, spans: list[tuple[int, int]], start: int, end: int) -> str:
    """Return ``text[start:end]`` escaped and on one line, with the spans marked."""
    bounds = [(start, start), *spans, (end, end)]
    parts: list[str] = []
    for (_, before), (opening, closing) in pairwise(bounds):
        parts.append(escape(text[before:opening]))
        if closing > opening:
            parts.append(f"<mark>{escape(text[opening:closing])}</mark>")
    return " ".join("".join(parts).split())
