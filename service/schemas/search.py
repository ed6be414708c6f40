"""What is asked of a search engine, what it answers, and what it is told to index.

The same shapes serve every engine (PostgreSQL now, Meilisearch later) and, with other filters and
facts, every kind of thing that can be found.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from service.core.pagination import MAX_LIMIT
from service.models.enums import ContractKind, RemoteKind, WorkingTime

MAX_WORDS = 12
"""Words of a query that are read; the others are left out and the page says so."""

FACET_SIZE = 100
"""Values listed per facet, the most frequent first, plus every selected one."""


class SearchKind(StrEnum):
    """What is searched for. Postings have their own facts and filters; all other kinds share `DocumentFacts`.

    ``domain.finding.KINDS`` says where each kind's public documents are.
    """

    POSTINGS = "postings"
    TERRITORIES = "territories"


class SearchOrder(StrEnum):
    """Order of the hits. Without a usable word, relevance is the same as date."""

    RELEVANCE = "relevance"  # best first, then newest first
    DATE = "date"  # newest first


class PostingFacet(StrEnum):
    """What postings can be counted by."""

    CONTRACT = "contract"
    SECTOR = "sector"
    OCCUPATION = "occupation"
    COMMUNE = "commune"
    IN_TENSION = "in_tension"
    REMOTE = "remote"
    WORKING_TIME = "working_time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """A circle on the ground: degrees (WGS 84) and kilometres."""

    latitude: float
    longitude: float
    kilometres: float

    def __post_init__(self) -> None:
        """Refuse what is no place on Earth."""
        if not (abs(self.latitude) <= 90 and abs(self.longitude) <= 180 and self.kilometres > 0):  # noqa: PLR2004 - degrees
            message = f"no circle of {self.kilometres} km around {self.latitude}, {self.longitude}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingFilters:
    """Conditions that all hold; inside one condition any of the values will do, and none means any.

    ``occupation_domains`` are ROME's major domains (``"D"``) or domains (``"D12"``); ``sectors`` are
    NAF divisions. ``yearly_salary_from`` (euros) keeps postings whose upper (else lower) yearly salary
    reaches it: those that state no salary are left out. ``around`` leaves out postings without a point.
    """

    occupations: tuple[str, ...] = ()
    occupation_domains: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    contracts: tuple[ContractKind, ...] = ()
    working_times: tuple[WorkingTime, ...] = ()
    in_tension: bool | None = None
    communes: tuple[str, ...] = ()
    departements: tuple[str, ...] = ()
    around: Around | None = None
    yearly_salary_from: Decimal | None = None
    remotes: tuple[RemoteKind, ...] = ()
    published_since: datetime | None = None
    employers: tuple[uuid.UUID, ...] = ()
    sources: tuple[str, ...] = ()


SortValues = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """One page of a search.

    ``territory_ids`` are those of the territory and of every territory inside it: nothing outside them
    is ever found. ``text`` is what the visitor typed, unchanged; its last word counts as the beginning
    of a word unless ``text`` ends with a space. ``after`` holds the ``next`` values of the page before,
    asked with the same query. A facet's counts ignore the filter on that facet.
    """

    territory_ids: tuple[uuid.UUID, ...]
    kind: SearchKind = SearchKind.POSTINGS
    text: str = ""
    filters: PostingFilters = field(default_factory=PostingFilters)
    facets: tuple[PostingFacet, ...] = ()
    order: SearchOrder = SearchOrder.RELEVANCE
    limit: int = 20
    after: SortValues | None = None
    highlight: bool = True

    def __post_init__(self) -> None:
        """Refuse a page size no list offers."""
        if not 1 <= self.limit <= MAX_LIMIT:
            message = f"limit is {self.limit}, not 1 to {MAX_LIMIT}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlights:
    """HTML in which the found words are inside ``<mark>`` and everything else is escaped.

    ``description`` is an extract around the found words, with ``…`` where text was left out; it is
    ``None`` when the posting has no description.
    """

    title: str
    description: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One found thing. ``highlights`` is ``None`` when none were asked, or no word was typed."""

    id: uuid.UUID
    highlights: Highlights | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """How many hits a value would leave. ``label`` is the referential's (French), when there is one.

    ``value`` of ``in_tension`` is ``"true"`` or ``"false"``; of the others, the code or enum value.
    """

    value: str
    label: str | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A word that no document holds, and the close words searched for in its place."""

    typed: str
    read_as: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """What an engine answers.

    ``total`` is exact and, like the facets, does not depend on ``after``. ``next`` is ``None`` on the
    last page. ``relaxed``: no document has all the words, these have some. ``ignored``: words typed
    that nothing holds, even approximately. ``cut``: there were more than ``MAX_WORDS`` words.
    ``degraded``: another engine should have answered, and did not. ``wanted`` tells whether a folded word is
    one to mark, for whoever has the texts at hand; ``None`` when no words were searched.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[PostingFacet, tuple[FacetValue, ...]]
    next: SortValues | None
    engine: str
    relaxed: bool = False
    ignored: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    cut: bool = False
    degraded: bool = False
    wanted: Callable[[str], bool] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingFacts:
    """What an engine is told about one posting that the public may see.

    ``occupation_titles`` are the titles ROME lists for the occupation: they serve as synonyms.
    ``places`` are names a visitor may type (commune, département, région); ``details`` are short
    texts worth finding (hours, licences, languages, qualification). Salaries are euros a year.
    """

    id: uuid.UUID
    territory_id: uuid.UUID
    title: str
    published_at: datetime
    source: str
    description: str | None = None
    valid_through: datetime | None = None
    employer_id: uuid.UUID | None = None
    employer_name: str | None = None
    occupation_code: str | None = None
    occupation_label: str | None = None
    occupation_titles: tuple[str, ...] = ()
    sector_code: str | None = None
    sector_label: str | None = None
    contract_kind: ContractKind | None = None
    working_time: WorkingTime | None = None
    remote: RemoteKind | None = None
    in_tension: bool = False
    commune_code: str | None = None
    departement_code: str | None = None
    places: tuple[str, ...] = ()
    postal_codes: tuple[str, ...] = ()
    latitude: float | None = None
    longitude: float | None = None
    yearly_salary_min: Decimal | None = None
    yearly_salary_max: Decimal | None = None
    skills: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """What an engine is told about one thing of any other kind that the public may see.

    A word weighs most in ``title``, then in ``names`` (what else the thing is called), then in ``places``
    and ``details``; in ``description`` it finds without weighing. ``title`` and ``description`` are shown
    with the found words marked. Beginnings of words are looked for in the title, names and places first.
    """

    kind: SearchKind
    id: uuid.UUID
    territory_id: uuid.UUID
    title: str
    published_at: datetime
    description: str | None = None
    valid_through: datetime | None = None
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """One kind among those searched together, and where: nothing outside ``territory_ids`` is ever found.

    ``weight`` multiplies the scores of its hits.
    """

    kind: SearchKind
    territory_ids: tuple[uuid.UUID, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherQuery:
    """One page of a search over several kinds, ranked together. ``text`` and ``after`` as in `SearchQuery`.

    Without a usable word the newest come first, whatever their kind.
    """

    sought: tuple[Sought, ...]
    text: str = ""
    limit: int = 20
    after: SortValues | None = None
    highlight: bool = True

    def __post_init__(self) -> None:
        """Refuse a page size no list offers, and a kind asked for twice."""
        if not 1 <= self.limit <= MAX_LIMIT:
            message = f"limit is {self.limit}, not 1 to {MAX_LIMIT}"
            raise ValueError(message)
        kinds = [one.kind for one in self.sought]
        if not kinds or len(set(kinds)) < len(kinds):
            message = f"each kind is sought once, and at least one: {kinds}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherHit:
    """One found thing of some kind. A greater ``score`` is better; engines count differently."""

    kind: SearchKind
    id: uuid.UUID
    score: float
    highlights: Highlights | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TogetherPage:
    """What an engine answers to a search over kinds; see `SearchPage`.

    ``totals`` names every kind sought, and does not depend on ``after``.
    """

    hits: tuple[TogetherHit, ...]
    totals: Mapping[SearchKind, int]
    next: SortValues | None
    engine: str
    relaxed: bool = False
    ignored: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    cut: bool = False
    degraded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild did: documents indexed, documents removed because the public may not see them."""

    indexed: int
    removed: int
