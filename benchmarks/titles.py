"""Measure how often a posting's title finds its ROME occupation, and how fast titles complete.

Reads the shared data beside the repository: ``python -m benchmarks.titles``. The constants of
``service.matching.titles`` were chosen on the sets marked "dev"; the 100 postings of Ardèche are
the test set. "title" is the title alone, "all" adds the description and the codes of the skills.
"""

import csv
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from service.core.text import fold
from service.matching.titles import OccupationFacts, OccupationTitleIndex, Suggestion, TitleFacts
from service.matching.titles.vectors import SparseRows, letters
from service.matching.titles.words import telling_words, words

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SKILLS_BLOCK = "5"
TYPED = (
    "serv", "serveuse rest", "infirmeir", "aide soignante nuit", "boulager", "l'aide à dom", "chef cuisne",
    "agent d'acceuil", "dev web", "macons", "a", "conducteur poids", "ASH", "zzzz", "cuisinières",
)  # fmt: skip
BUCKETS = (0.0, 0.17, 0.34, 0.51, 0.68, 1.0)

Suggest = Callable[["Case"], Sequence[Suggestion]]


@dataclass(frozen=True)
class Case:
    """A posting to classify and the occupations that are right."""

    title: str
    right: frozenset[str]
    description: str = ""
    skills: tuple[str, ...] = ()


def read_csv(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one ROME file."""
    path = SHARED / "rome" / f"unix_{name}_v460_utf8.csv"
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def read_titles() -> list[TitleFacts]:
    """Return ROME's titles."""
    return [
        TitleFacts(
            row["code_ogr"], row["libelle_appellation_long"], row["code_rome"], row["peu_usite"] == "O"
        )
        for row in read_csv("referentiel_appellation")
    ]


def read_occupations() -> list[OccupationFacts]:
    """Return ROME's occupations with their definitions."""
    sentences = defaultdict(list)
    for row in read_csv("texte"):
        if row["libelle_type_texte"] == "definition":
            sentences[row["code_rome"]].append(row["libelle_texte"])
    return [
        OccupationFacts(row["code_rome"], row["libelle_rome"], " ".join(sentences[row["code_rome"]]))
        for row in read_csv("referentiel_code_rome")
    ]


def read_links() -> list[tuple[str, str]]:
    """Return the (occupation, skill) pairs of ROME."""
    links = read_csv("liens_rome_referentiels")
    return [(row["code_rome"], row["code_ogr"]) for row in links if row["code_compo_bloc"] == SKILLS_BLOCK]


def read_offers(name: str) -> list[dict[str, Any]]:
    """Return the raw items of one real feed."""
    offers: list[dict[str, Any]] = json.loads((SHARED / "offers" / name).read_bytes())["resultats"]
    return offers


def as_case(offer: dict[str, Any], right: Iterable[str]) -> Case:
    """Return the posting without its occupation."""
    skills = tuple(skill["code"] for skill in offer.get("competences", ()) if skill.get("code"))
    return Case(offer["intitule"], frozenset(right), offer["description"], skills)


def shortened_cases(titles: Sequence[TitleFacts]) -> list[Case]:
    """Return thin postings whose title is a ROME title, with one of its words taken away."""
    draw = random.Random(3)  # noqa: S311 - a repeatable draw, not a secret
    known: defaultdict[frozenset[str], set[str]] = defaultdict(set)
    for title in titles:
        known[frozenset(words(title.label))].add(title.occupation_code)
    cases: dict[tuple[frozenset[str], str], Case] = {}
    for offer in read_offers("france_travail_ardeche_cdi_thin.json"):
        right = known.get(frozenset(words(offer["intitule"])), set())
        telling = list(dict.fromkeys(telling_words(offer["intitule"])))
        if len(right) == 1 and len(telling) > 1:
            telling.pop(draw.randrange(len(telling)))
            shortened = {**offer, "intitule": " ".join(telling)}
            cases.setdefault((frozenset(telling), offer["description"][:80]), as_case(shortened, right))
    return list(cases.values())


def report(name: str, cases: Sequence[Case], suggest: Suggest) -> list[tuple[float, bool]]:
    """Print the shares found first and in the first ten; return (confidence, right) of each first."""
    firsts, tens, outcomes = 0, 0, []
    started = time.perf_counter()
    for case in cases:
        found = suggest(case)
        ranks = [suggestion.occupation_code in case.right for suggestion in found]
        firsts += ranks[:1] == [True]
        tens += any(ranks)
        outcomes.append((found[0].confidence if found else 0.0, ranks[:1] == [True]))
    spent = 1000 * (time.perf_counter() - started) / len(cases)
    share = f"first {firsts / len(cases):.1%}, first ten {tens / len(cases):.1%}"
    print(f"{name:52} {share} of {len(cases)} ({spent:.1f} ms each)")
    return outcomes


def report_confidence(name: str, outcomes: Sequence[tuple[float, bool]]) -> None:
    """Print, for each range of confidence, how often the first suggestion is right."""
    for low, high in pairwise(BUCKETS):
        rights = [right for confidence, right in outcomes if low <= confidence < high]
        if rights:
            print(f"  {name}: confidence {low:.2f}-{high:.2f}: {np.mean(rights):.0%} right of {len(rights)}")


def baseline(titles: Sequence[TitleFacts]) -> Suggest:
    """Return a plain comparison of the groups of letters of whole titles, as a yardstick."""
    rows = SparseRows([letters({fold(title.label): 1.0}) for title in titles])

    def suggest(case: Case) -> list[Suggestion]:
        order = np.argsort(-rows.similarities(letters({fold(case.title): 1.0})), kind="stable")[:500]
        codes = dict.fromkeys(titles[number].occupation_code for number in order.tolist())
        return [Suggestion(code, None, "", 0.0) for code in list(codes)[:10]]

    return suggest


def report_melo() -> None:
    """Print the figures on MELO's French queries, ESCO concepts standing for occupations."""
    folder = SHARED / "melo-bel"

    def read(name: str) -> dict[str, str]:
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        return dict(line.split("\t", 1) for line in lines)

    concepts = read("concept_mapping.tsv")
    right = defaultdict(set)
    for line in (folder / "annotations.tsv").read_text(encoding="utf-8").splitlines():
        query, _, element, _ = line.split("\t")
        right[query].add(concepts[element])
    index = OccupationTitleIndex(
        [TitleFacts(code, label, concepts[code]) for code, label in read("corpus_elements.tsv").items()],
        [OccupationFacts(concept, concept) for concept in sorted(set(concepts.values()))],
    )
    cases = [Case(label, frozenset(right[query])) for query, label in read("queries.tsv").items()]
    report("dev: MELO French titles to ESCO, title", cases, lambda case: index.suggest(case.title))


def main() -> None:
    """Print every figure."""
    if not SHARED.is_dir():
        sys.exit("the shared data folder is not beside the repository")
    titles, occupations, links = read_titles(), read_occupations(), read_links()
    started = time.perf_counter()
    index = OccupationTitleIndex(titles, occupations, links)
    print(f"index of {len(titles)} titles built in {time.perf_counter() - started:.1f} s")

    def by_title(case: Case) -> list[Suggestion]:
        return index.suggest(case.title)

    def by_all(case: Case) -> list[Suggestion]:
        return index.suggest(case.title, case.description, case.skills)

    report_melo()
    held_out = titles[::10]
    kept = [title for number, title in enumerate(titles) if number % 10]
    partial = OccupationTitleIndex(kept, occupations, links)
    cases = [Case(title.label, frozenset({title.occupation_code})) for title in held_out]
    report("dev: one ROME title in ten held out, title", cases, lambda case: partial.suggest(case.title))
    shortened = shortened_cases(titles)
    report("dev: thin postings, a word taken away, all", shortened, by_all)

    codes = defaultdict(set)
    sample = {}
    for offer in read_offers("france_travail_it_thin.json"):
        codes[offer["intitule"]].add(offer["romeCode"])
        sample[offer["intitule"]] = offer
    distinct = [as_case(offer, codes[title]) for title, offer in sample.items()]
    report("dev: IT, distinct titles, plain letters", distinct, baseline(titles))
    report("dev: IT, distinct titles, title", distinct, by_title)
    report_confidence("IT", report("dev: IT, distinct titles, all", distinct, by_all))

    test = [as_case(offer, {offer["romeCode"]}) for offer in read_offers("france_travail_ardeche_100.json")]
    report("test: Ardèche 100, plain letters", test, baseline(titles))
    report("test: Ardèche 100, title", test, by_title)
    report_confidence("Ardèche", report("test: Ardèche 100, all", test, by_all))

    for typed in TYPED:
        started = time.perf_counter()
        found = index.complete(typed, 3)
        spent = 1000 * (time.perf_counter() - started)
        print(f"complete {typed!r}: {spent:.1f} ms, {[completion.label for completion in found]}")


if __name__ == "__main__":
    main()
