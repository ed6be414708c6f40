"""What a brand website's one search box asks, and what it gets: things of several kinds, ranked together."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.core.pagination import MAX_LIMIT
from service.schemas.base import ReadModel
from service.schemas.public import CorrectionRead, HighlightsRead
from service.schemas.public_postings import PublicPosting
from service.schemas.search import SearchKind
from service.schemas.territories import TerritoryRead


class TogetherSearch(BaseModel):
    """What is looked for, and among which kinds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: str = Field(
        "",
        max_length=1000,
        description="Words, as typed. Accents, elisions, plurals, feminines and small typos are understood; "
        "the last word may be unfinished. Up to 12 words are read. Without words, the newest come first.",
        examples=["boulanger aubenas"],
    )
    kinds: list[SearchKind] = Field(
        default=[],
        max_length=20,
        description="What to look for, such as `kinds=postings&kinds=territories`. Left out: everything.",
    )
    highlight: bool = Field(default=True, description="Mark the found words (only when `q` has some).")
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 20
    after: str | None = Field(
        None, max_length=2000, description="The `next` value of the page before, asked with the same words."
    )


class _FoundThing(ReadModel):
    highlights: HighlightsRead | None = Field(
        description="Where the words were found: in the document's title or name, and in its longer text. "
        "Null without words."
    )


class FoundPostingThing(_FoundThing):
    """A posting among what was found."""

    kind: Literal[SearchKind.POSTINGS]
    document: PublicPosting = Field(description="As `GET /v1/territories/{slug}/postings/{posting_id}`.")


class FoundTerritoryThing(_FoundThing):
    """A territory among what was found."""

    kind: Literal[SearchKind.TERRITORIES]
    document: TerritoryRead = Field(description="As `GET /v1/territories/{slug}`.")


FoundThing = Annotated[FoundPostingThing | FoundTerritoryThing, Field(discriminator="kind")]


class FoundTogether(ReadModel):
    """One page of what a territory shows, best first."""

    items: list[FoundThing]
    next: str | None = Field(description="Cursor of the following page, or null on the last one.")
    totals: dict[SearchKind, int] = Field(description="How many there are of each kind that was asked for.")
    engine: str = Field(description="Which engine answered.")
    degraded: bool = Field(
        description="Another engine should have answered and could not: what is found is right, its order "
        "may differ, and nobody may keep this answer."
    )
    relaxed: bool = Field(description="Nothing of any kind has all the words; these have some of them.")
    corrections: list[CorrectionRead] = Field(description="Words that were read as others.")
    ignored: list[str] = Field(description="Words that nothing resembles.")
    cut: bool = Field(description="There were more words than are read.")
