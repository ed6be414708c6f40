"""Referentials for the public: occupations, skills, sectors and communes, found while typing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from service.api.dependencies import After, Limit, PageCursors, ReadSession, entity_tag, not_modified
from service.api.lane.marking import ANYTHING, REFERENTIALS, storable
from service.api.pages import next_page, start_after
from service.api.problems import problems
from service.core.clock import now
from service.domain.referentials import communes, occupations
from service.schemas.base import CommuneCode, OccupationCode, Page, ReadModel, Slug
from service.schemas.referentials import (
    CommuneItem,
    CommuneRead,
    DepartementCode,
    OccupationItem,
    OccupationRead,
    Search,
    SectorItem,
    SkillItem,
)

router = APIRouter(prefix="/v1", tags=["Referentials"])

# Referentials change a few times a year; an hour old is young, and a tag makes the next one cheap.
_CACHING = "public, max-age=3600"
# What is suggested comes from an index in memory, which follows an import after a while.
_KEPT = timedelta(minutes=1)
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified"}}
Item = TypeVar("Item")
Shape = TypeVar("Shape", bound=ReadModel)


async def get_area(
    session: ReadSession,
    commune: Annotated[
        CommuneCode | None, Query(description="Tell the tension there: an INSEE code, such as `07019`.")
    ] = None,
    departement: Annotated[
        DepartementCode | None,
        Query(description="Tell the tension there: a département's code, such as `07`."),
    ] = None,
) -> str | None:
    """Return the place for which tension is asked, the narrower of the two, or None."""
    return await communes.require_area(session, commune=commune, departement=departement)


TensionArea = Annotated[str | None, Depends(get_area)]


@dataclass(frozen=True, slots=True)
class Within:
    """Dependency: which communes to choose among."""

    departement: Annotated[DepartementCode | None, Query(description="Only communes of this one.")] = None
    territory: Annotated[Slug | None, Query(description="Only communes this territory covers.")] = None


def _answer(
    request: Request, response: Response, shape: Shape, *, of: str = REFERENTIALS
) -> Shape | Response:
    storable(request, of, now() + _KEPT)
    etag = entity_tag(shape.model_dump(mode="json"))
    headers = {"ETag": etag, "Cache-Control": _CACHING}
    response.headers.update(headers)
    return not_modified(request, etag, headers) or shape


def _only_page(items: Sequence[Item]) -> Page[Item]:
    return Page[Any](items=list(items), next=None)


@router.get("/occupations", response_model=Page[OccupationItem], responses=_NOT_MODIFIED | problems(400))
async def list_occupations(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    area: TensionArea,
    q: Annotated[
        Search | None,
        Query(
            description="What someone is typing. Left out: all occupations, by label.", examples=["boulang"]
        ),
    ] = None,
    limit: Limit = 10,
    after: After = None,
) -> Page[OccupationItem] | Response:
    """Suggest occupations while someone types, or list them all.

    Accents, elisions, plural, feminine and typing slips are forgiven: `infirmiere`, `aides soignants`,
    `boulenger` find what they mean. Each suggestion is a title that fits, with its occupation, so an
    occupation may come under several titles; call on every keystroke. Suggestions come on one page.
    With `commune` or `departement` each also says whether the trade is in tension there, by which
    official source and year.

    Example: `GET /v1/occupations?q=aide soignante&departement=07&limit=5`
    """
    filters = {"q": q, "area": area}
    start = start_after(cursors, after, scope="occupations", filters=filters)
    if q is not None and q.strip():
        found = await occupations.suggest_occupations(session, q, limit=limit, area=area)
        return _answer(request, response, _only_page(found))
    rows = await occupations.list_occupations(session, after=start, limit=limit + 1, area=area)
    return _answer(
        request,
        response,
        _page(request, response, cursors, rows, limit, scope="occupations", filters=filters),
    )


def _page(
    request: Request,
    response: Response,
    cursors: PageCursors,
    rows: Sequence[tuple[Item, Sequence[str]]],
    limit: int,
    *,
    scope: str,
    filters: dict[str, Any],
) -> Page[Item]:
    page = next_page(
        request, response, cursors, rows, limit, key=lambda row: row[1], scope=scope, filters=filters
    )
    return Page[Any](items=[item for item, _ in page.items], next=page.next)


@router.get("/occupations/{code}", response_model=OccupationRead, responses=_NOT_MODIFIED | problems(404))
async def get_occupation(
    request: Request,
    response: Response,
    session: ReadSession,
    code: OccupationCode,
    area: TensionArea,
) -> OccupationRead | Response:
    """Read one occupation: definition, titles, skills, moves to other occupations, sectors.

    An occupation that ROME has dropped stays readable, with `obsolete: true`. With `commune` or
    `departement` the tension there is told.

    Example: `GET /v1/occupations/D1102?commune=07019`
    """
    return _answer(request, response, await occupations.read_occupation(session, code, area=area))


@router.get("/skills", response_model=Page[SkillItem], responses=_NOT_MODIFIED | problems(400))
async def list_skills(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    q: Annotated[
        Search | None,
        Query(description="Words of the skill, or their beginnings. Left out: all, by label."),
    ] = None,
    occupation: Annotated[
        OccupationCode | None, Query(description="Only skills ROME lists for this occupation.")
    ] = None,
    limit: Limit = 20,
    after: After = None,
) -> Page[SkillItem] | Response:
    """Find skills of ROME: competences and knowledge. Results of a search come on one page.

    Example: `GET /v1/skills?q=soudage&limit=5`
    """
    filters = {"q": q, "occupation": occupation}
    start = start_after(cursors, after, scope="skills", filters=filters)
    searched = q if q is not None and q.strip() else None
    rows = await occupations.list_skills(
        session, q=searched, occupation=occupation, after=start, limit=limit if searched else limit + 1
    )
    return _answer(
        request, response, _page(request, response, cursors, rows, limit, scope="skills", filters=filters)
    )


@router.get("/sectors", response_model=Page[SectorItem], responses=_NOT_MODIFIED)
async def list_sectors(
    request: Request, response: Response, session: ReadSession
) -> Page[SectorItem] | Response:
    """List the sectors of activity: every NAF division, by code, on one page.

    Example: `GET /v1/sectors`
    """
    return _answer(request, response, _only_page(await occupations.list_sectors(session)))


@router.get("/communes", response_model=Page[CommuneItem], responses=_NOT_MODIFIED | problems(400, 404))
async def list_communes(
    request: Request,
    response: Response,
    session: ReadSession,
    cursors: PageCursors,
    within: Annotated[Within, Depends()],
    q: Annotated[
        Search | None,
        Query(
            description="A name or the beginning of one, a postal code or the beginning of one, or both. "
            "Left out: all communes, by name.",
            examples=["st etienne"],
        ),
    ] = None,
    limit: Limit = 10,
    after: After = None,
) -> Page[CommuneItem] | Response:
    """Suggest communes while someone types a name or a postal code, or list them.

    Accents, hyphens, capitals and leading articles do not matter, `st` is Saint and `ste` Sainte; when
    nothing begins with what is typed, a slip or two is forgiven. Larger communes come first.
    Suggestions come on one page. Keep the `code` (INSEE): a postal code may belong to forty communes.

    Example: `GET /v1/communes?q=07200&limit=5`
    """
    chosen = asdict(within)
    filters = {"q": q} | chosen
    start = start_after(cursors, after, scope="communes", filters=filters)
    if q is not None and q.strip():
        found = await communes.suggest_communes(session, q, limit=limit, **chosen)
        return _answer(request, response, _only_page(found), of=ANYTHING)
    rows = await communes.list_communes(session, after=start, limit=limit + 1, **chosen)
    # Which communes a territory covers is the territory's to say.
    page = _page(request, response, cursors, rows, limit, scope="communes", filters=filters)
    return _answer(request, response, page, of=ANYTHING)


@router.get("/communes/{code}", response_model=CommuneRead, responses=_NOT_MODIFIED | problems(404))
async def get_commune(
    request: Request, response: Response, session: ReadSession, code: CommuneCode
) -> CommuneRead | Response:
    """Read one commune by its INSEE code, with what it belongs to and the territories that cover it.

    The code of an arrondissement of Paris, Lyon or Marseille gives the commune.

    Example: `GET /v1/communes/07019`
    """
    return _answer(request, response, await communes.read_commune(session, code), of=ANYTHING)
