"""Endpoints for whoever keeps the platform running: alive, ready, metrics."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from starlette.concurrency import run_in_threadpool

from service.api.dependencies import get_database
from service.api.problems import problems
from service.core import metrics
from service.core.database import Database
from service.core.errors import Unavailable
from service.core.migrations import head_revision
from service.domain import tasks
from service.domain.platform import get_revision
from service.schemas.base import ReadModel

router = APIRouter(tags=["Operations"])


class Health(ReadModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(ReadModel):
    """The process can serve."""

    status: Literal["ready"] = "ready"
    revision: str


@router.get("/healthz")
async def get_health() -> Health:
    """Answer as long as the process lives; asks nothing of the database.

    For a supervisor that restarts what hangs.
    """
    return Health()


@router.get("/readyz", responses=problems(503))
async def get_readiness(database: Annotated[Database, Depends(get_database)]) -> Readiness:
    """Answer when the database answers and has the structure this code expects.

    For a load balancer: 503 means "send nothing here".
    """
    async with database.transaction() as session:
        revision = await get_revision(session)
    if revision is None or revision != head_revision():
        message = f"The database is at revision {revision}, not {head_revision()}: run `ancrage migrate`."
        raise Unavailable(message)
    return Readiness(revision=revision)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(database: Annotated[Database, Depends(get_database)]) -> Response:
    """Return the process's measures in Prometheus' text format."""
    await tasks.observe(database)
    text, media_type = await run_in_threadpool(metrics.render)
    return Response(text, media_type=media_type)
