"""Every error leaves as ``application/problem+json``, with words that say what to change."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from service.core import errors
from service.core.errors import FieldError, Problem
from service.schemas.base import ProblemDocument

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger(__name__)

_BY_STATUS: dict[int, type[Problem]] = {
    problem.status: problem
    for problem in (errors.BadRequest, errors.NotFound, errors.TooLarge, errors.UnsupportedMediaType)
}
# Deadlock, serialization failure, lock not available: the same request sent again may well succeed.
_CROSSED = frozenset({"40P01", "40001", "55P03"})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route for the given error statuses, for the OpenAPI document."""
    return {
        status: {
            "model": ProblemDocument,
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def problem_response(document: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return ``document`` as an answer with its own status."""
    return Response(
        orjson.dumps(document), status_code=document["status"], media_type=MEDIA_TYPE, headers=headers
    )


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def pointer(location: Sequence[object]) -> str:
    """Return Pydantic's error location as a JSON pointer, ``?name``, ``{name}`` or ``Header-Name:``."""
    where, *rest = location or ("body",)
    if where == "body":
        return "".join(f"/{_escape(part)}" for part in rest)
    name = ".".join(str(part) for part in rest)
    return {"query": f"?{name}", "path": f"{{{name}}}", "header": f"{name}:"}.get(str(where), name)


def _answer(request: Request, problem: Problem) -> Response:
    document = problem.as_dict() | {"instance": f"urn:ancrage:request:{request.state.request_id}"}
    return problem_response(document, problem.headers)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - Starlette dispatches by class
    return _answer(request, error)


def _advice(item: Mapping[str, Any]) -> str:
    """Return Pydantic's message in words for whoever sent the request."""
    if tuple(item["loc"]) == ("body",):
        return "Send a JSON object as the body, with the header `Content-Type: application/json`."
    return str(item["msg"]).removeprefix("Value error, ")


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - Starlette dispatches by class
    found = list(error.errors())
    if any(item["type"] == "json_invalid" for item in found):
        position = found[0]["loc"][-1]
        why = found[0].get("ctx", {}).get("error", "")
        return _answer(request, errors.BadRequest(f"The body is not JSON: {why} at character {position}."))
    media_type = request.headers.get("content-type", "")
    if (
        request.method in {"POST", "PUT", "PATCH"}
        and "json" not in media_type
        and any(tuple(item["loc"]) == ("body",) for item in found)
        and request.headers.get("content-length", "0") != "0"
    ):
        return _answer(
            request,
            errors.UnsupportedMediaType("Send JSON, with the header `Content-Type: application/json`."),
        )
    fields = [
        FieldError(pointer=pointer(item["loc"]), detail=_advice(item), code=item["type"]) for item in found
    ]
    listed = ", ".join(sorted({field.pointer or "the body" for field in fields}))
    return _answer(request, errors.Invalid(f"Change {listed} and send it again.", errors=fields))


def _allowed(request: Request) -> list[str]:
    """Return the methods that the request's path answers."""
    found = {"OPTIONS"}
    for route in request.app.routes:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            match, _ = route.matches({**request.scope, "method": method})
            if match is Match.FULL:
                found |= {method, "HEAD"} if method == "GET" else {method}
    return sorted(found)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette dispatches by class
    kind = _BY_STATUS.get(error.status_code)
    if error.status_code == HTTPStatus.NOT_FOUND:
        problem: Problem = errors.NotFound(
            f"No endpoint answers {request.method} {request.url.path}. The whole list is at /docs."
        )
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(_allowed(request))
        problem = errors.MethodNotAllowed(
            f"{request.url.path} does not answer {request.method}, only {allowed}.",
            headers={"Allow": allowed},
        )
    elif error.status_code == HTTPStatus.BAD_REQUEST:
        # FastAPI's one reason: bytes that its reader of JSON gives up on.
        problem = errors.BadRequest(
            "The body cannot be read. Send JSON in UTF-8, without numbers of thousands of digits."
        )
    elif kind is not None:
        problem = kind(str(error.detail))
    else:
        phrase = HTTPStatus(error.status_code).phrase
        problem = errors.BadRequest(f"{phrase}: {error.detail}")
        problem.status = error.status_code
        problem.title = phrase
        problem.type_name = phrase.lower().replace(" ", "-")
    problem.headers = dict(error.headers or {}) | problem.headers
    return _answer(request, problem)


async def _on_database(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _CROSSED:
        log.warning("two changes met", error=str(error.orig).splitlines()[0])
        return _answer(
            request,
            errors.Unavailable(
                "Another change of the same rows came in between. Nothing was stored; send it again.",
                headers={"Retry-After": "1"},
            ),
        )
    unavailable = isinstance(error, PoolTimeoutError | OSError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
    if not unavailable:
        # Not an outage: a mistake of ours, which the edge records and answers.
        raise error
    log.error("database unavailable", error=(str(error) or type(error).__name__).splitlines()[0])
    return _answer(
        request,
        errors.Unavailable(
            "The database does not answer. Nothing was stored; try again shortly.",
            headers={"Retry-After": "5"},
        ),
    )


def our_fault() -> Problem:
    """Return the problem of a mistake in this program, which tells nothing of its inside."""
    problem = Problem("Our fault, not yours. It is recorded under the id given as `instance`.")
    problem.status, problem.type_name, problem.title = 500, "internal", "Something broke here"
    return problem


def install(app: FastAPI) -> None:
    """Register every handler on ``app``."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(DBAPIError, _on_database)
    app.add_exception_handler(PoolTimeoutError, _on_database)
    app.add_exception_handler(OSError, _on_database)
