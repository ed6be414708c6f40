"""Count the groups of duplicates in the real feeds, and show some to check by eye.

Reads the shared data beside the repository: ``python -m benchmarks.duplicates [seed]``.
"""

import random
import sys
import time
from collections import Counter

from benchmarks.places import FILES, SHARED, load_index
from service.adapters.france_travail import parse_file
from service.matching.duplicates import DuplicateFacts, group
from service.matching.places import CommuneIndex
from service.schemas.feed import FeedPosting

SHOWN_GROUPS = 20
SHOWN_MEMBERS = 3


def facts_of(posting: FeedPosting, index: CommuneIndex) -> DuplicateFacts[str]:
    """Return what decides whether a posting of a feed is a duplicate."""
    place = posting.place
    resolved = index.resolve(
        place.label,
        place.postal_code,
        place.commune_code,
        place.latitude,
        place.longitude,
        title=posting.title,
        description=posting.description,
    )
    return DuplicateFacts(
        id=posting.source_id,
        source=posting.source_partner or posting.source,
        title=posting.title,
        description=posting.description,
        employer_name=posting.employer.name,
        siret=posting.employer.siret,
        commune_code=resolved.commune_code,
        departement_code=resolved.departement_code,
        contract=posting.contract.kind,
        updated_at=posting.source_updated_at or posting.source_created_at,
        completeness=len(posting.model_dump(exclude_defaults=True)),
    )


def main() -> None:
    """Print the counts, the time and a sample of groups."""
    if not SHARED.is_dir():
        sys.exit("the shared data folder is not beside the repository")
    index = load_index()
    postings: dict[str, FeedPosting] = {}
    for name in FILES:
        batch = parse_file(SHARED / "offers" / f"{name}.json")
        postings.update({posting.source_id: posting for posting in batch.postings})
    facts = [facts_of(posting, index) for posting in postings.values()]
    started = time.perf_counter()
    groups = group(facts)
    spent = time.perf_counter() - started
    hidden = sum(len(members) - 1 for members in groups)
    print(f"{len(facts)} postings: {len(groups)} groups, {hidden} postings hidden, {spent:.1f} s")
    print(f"sizes: {dict(sorted(Counter(map(len, groups)).items()))}")
    draw = random.Random(sys.argv[1] if sys.argv[1:] else "1")  # noqa: S311 - a repeatable draw
    for members in draw.sample(groups, min(SHOWN_GROUPS, len(groups))):
        print(f"\n{len(members)} postings")
        for source_id in members[:SHOWN_MEMBERS]:
            posting = postings[source_id]
            who, pay = posting.employer.name, posting.salary.text
            text = " ".join((posting.description or "").split())[:90]
            print(f"  {source_id} {posting.title!r}, {who}, {pay}: {text!r}")


if __name__ == "__main__":
    main()
