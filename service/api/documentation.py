"""The API's own documentation: the OpenAPI document, made exact, and a page that shows it."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import HTMLResponse, JSONResponse, Response

from service.api.dependencies import Permitted
from service.api.limits.policies import EXEMPT
from service.api.problems import MEDIA_TYPE
from service.core.errors import FieldError, Invalid
from service.domain.access import PUBLISHABLE, REASON_ASKED, ROLES, SCOPES

ABOUT: dict[str, Any] = {
    "summary": "The open platform for territorial hospitality: attirer, accueillir, ancrer.",
    "description": """
French territories use Ancrage to show local postings, match candidates with employers and welcome newcomers.

**Public reads** (territories, postings, occupations, communes) need no key. **Everything else** needs one of these; each operation says which:

* `Authorization: Bearer ancrage_sk_…`: the secret key of a program. It belongs on a server, never in a page.
* `Authorization: Bearer ancrage_at_…`: the access token of a person. It comes from the two calls of signing in, `POST /v1/sign-in/codes` and `POST /v1/sign-in/tokens`.
* `Ancrage-Key: ancrage_pk_…`: the publishable key of a page. It starts sign-ins and files requests about personal data, from the page's own origin.

Managers make keys with `POST /v1/api-clients`; the first one comes from `ancrage client create` on the server.

* **Errors** are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems. Decide on `type`, which never changes; read `detail`, which says what to change;
  `errors` lists every value at once, each with a JSON pointer. Quote `instance` when you ask for help: it holds the `X-Request-ID` of the answer.
* **Lists** come in pages: give `next` back as `after`, with the same filters, until it is null.
* **Caching**: public answers carry an `ETag`; send it back as `If-None-Match` and a 304 costs almost nothing.
* **Pages of any origin** may read what is public, by GET and HEAD. With a key or token, or to write, only pages of the origins that a publishable key was made for may call.
* **Limits**: `RateLimit-Policy` says how often you may ask, `RateLimit` how much of it is left (draft-ietf-httpapi-ratelimit-headers); 429 comes with `Retry-After`. A person or API client is counted
  wherever they call from; without a key, and with a publishable one, your network is counted (an IPv4 address, an IPv6 /64). After twenty wrong keys or tokens in ten minutes no key from that
  network is looked at for a while, not even a right one. A request may take thirty seconds, a slow body included.
* **Updates** need `If-Match` with the `ETag` you read: 428 without, 412 when someone was faster.
* **Retries**: send an `Idempotency-Key` with every POST that lists it; the same key and body within 24 hours have one effect and one answer. POSTs whose answer holds a key or token take none.
* **Words**: a *posting* is an offre d'emploi (schema.org JobPosting); an *occupation* a ROME 4.0 trade; a *tension* tells how hard a trade is to fill.
""".strip(),
    "license_info": {"name": "MIT"},
}

_ALWAYS = {
    "400": "The request cannot be understood",
    "413": "The body is too large",
    "422": "Some values must be changed",
    "429": "Too often, or too many wrong keys from your network; `Retry-After` says when to ask again",
    "431": "The address and headers are too large",
    "500": "Our fault",
    "503": "Temporarily unavailable; `Retry-After` says when to try again",
}
_KEYED = {"401": "A valid key or token is needed", "403": "This key or role may not do that"}
_SCHEMES = {
    "secretKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The secret key of a program (`ancrage_sk_…`), or the access token it got for the key at "
        "`/oauth/token`. It belongs on a server, never in a page.",
    },
    "personToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "The access token of a person who signed in (`ancrage_at_…`).",
    },
    "publishableKey": {
        "type": "apiKey",
        "in": "header",
        "name": "Ancrage-Key",
        "description": "The publishable key of a website (`ancrage_pk_…`), taken only from the origins it was "
        "made for; safe in a page.",
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }


def _header(description: str, *, always: bool = False) -> dict[str, Any]:
    described: dict[str, Any] = {"description": description, "schema": {"type": "string"}}
    return described | {"required": True} if always else described


_ETAG = _header("Names this exact answer; send it back as `If-None-Match`.", always=True)
_VERSION = _header("The version read; send it back as `If-Match` with a change.", always=True)
_LOCATION = _header("Path of what was made.", always=True)
_LINK = _header('`<path>; rel="next"` when another page follows.')
_REPLAYED = _header("`true` when this is the stored answer of an earlier request with the same key.")
_RETRY_AFTER = _header("Seconds to wait before sending the same request again.")
_LIMITED = {
    "RateLimit": _header(
        'What is left under each policy that counted the request, and for how many seconds: `"caller";r=1199;t=60`.'
    ),
    "RateLimit-Policy": _header(
        'The policies that counted the request, each with its quota and window: `"caller";q=1200;w=60`.'
    ),
}
_IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of the answer you have: when it is still right, 304 comes without a body.",
    "schema": {"type": "string", "examples": ['"9f86d081884c7d659a2feaa0"']},
}
_REASON: dict[str, Any] = {
    "name": "Ancrage-Reason",
    "in": "header",
    "required": False,
    "description": "Why you need to see this; kept in the audit trail. A person must say it, a program may.",
    "schema": {"type": "string", "examples": ["A candidate asks who has read their profile"]},
}


def _success(status: str, properties: dict[str, Any], asked: set[str]) -> dict[str, Any]:
    described = {
        "ETag": _VERSION if "version" in properties else None,
        "Location": _LOCATION if status == "201" else None,
        "Link": _LINK if "next" in properties else None,
        "Idempotency-Replayed": _REPLAYED if "idempotency-key" in asked else None,
    }
    return {name: header for name, header in described.items() if header is not None}


def _with_headers(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Describe the headers of an operation's answers, from what it takes and what shape it gives."""
    responses = operation["responses"]
    parameters = operation.get("parameters", [])
    tagged = {"ETag": _ETAG} if "304" in responses else {}
    if tagged:
        operation["parameters"] = [*parameters, _IF_NONE_MATCH]
    asked = {item["name"].lower() for item in parameters}
    for status, response in responses.items():
        headers: dict[str, Any] = {}
        if status.startswith("2"):
            reference = (
                response.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
            )
            properties = schemas.get(reference.rpartition("/")[2], {}).get("properties", {})
            headers = _success(status, properties, asked) | tagged
        elif status == "304":
            headers = tagged
        elif status in {"409", "429", "503"}:
            headers = {"Retry-After": _RETRY_AFTER}
        if "429" in responses and (status.startswith("2") or status == "429"):
            headers |= _LIMITED
        # What an operation says of a header itself stands.
        headers |= response.get("headers", {})
        if headers:
            response["headers"] = headers


def _permission(route: APIRoute) -> str | None:
    """Return what a caller of ``route`` must be permitted; None when anybody may call it."""
    waiting = [*route.dependant.dependencies]
    while waiting:
        dependant = waiting.pop()
        if isinstance(dependant.call, Permitted):
            return dependant.call.permission
        waiting += dependant.dependencies
    return None


def _security(permission: str) -> list[dict[str, list[str]]]:
    """Return the ways to call an operation, each of which is enough."""
    ways = {
        "secretKey": any(permission in allowed for allowed in SCOPES.values()),
        "personToken": any(permission in role.permissions for role in ROLES.values()),
        "publishableKey": permission in PUBLISHABLE,
    }
    return [{scheme: []} for scheme, open_ in ways.items() if open_]


def permissions_of(app: FastAPI) -> dict[str, str | None]:
    """Return the permission each documented operation asks for, by ``operationId``."""
    found = (context.original_route for context in iter_route_contexts(app.routes))
    return {
        route.name: _permission(route)
        for route in found
        if isinstance(route, APIRoute) and route.include_in_schema
    }


def _exact(path: str, operation: dict[str, Any], permission: str | None, *, has_body: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None) if "HTTPValidationError" in str(responses.get("422")) else None
    expected = dict(_ALWAYS)
    if not has_body:
        expected.pop("413")
    if path in EXEMPT:
        expected.pop("429")
    if permission is not None:
        expected |= _KEYED
        operation["security"] = _security(permission)
        operation["x-permission"] = permission
    if permission in REASON_ASKED:
        operation["parameters"] = [*operation.get("parameters", []), _REASON]
    if has_body:
        expected["415"] = "This kind of body is not read here"
    if any(item["name"].lower() == "idempotency-key" for item in operation.get("parameters", ())):
        expected["409"] = "The first request with this Idempotency-Key is still running"
    for status, description in expected.items():
        responses.setdefault(status, _problem(description))
    for status, response in responses.items():
        content = response.get("content", {})
        if status >= "400" and MEDIA_TYPE in content:
            content.pop("application/json", None)
    operation["responses"] = dict(sorted(responses.items()))


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the operation does not document, or twice one that it reads once.

    A misspelt filter must not be ignored, nor one of two values. Raises :class:`Invalid`, naming what is
    understood.
    """
    if not request.query_params:
        return
    operation = (
        request.app.openapi()["paths"].get(request.scope["route"].path, {}).get(request.method.lower())
    )
    if operation is None:
        # A page: links to it come from everywhere, with parameters of their own.
        return
    parameters = {item["name"]: item for item in operation.get("parameters", []) if item["in"] == "query"}
    known = sorted(parameters)
    unknown = sorted(set(request.query_params) - set(known))
    if unknown and OTHERS_IGNORED not in operation:
        understood = f"Understood here: {', '.join(known)}." if known else "None is understood here."
        errors = [FieldError(f"?{name}", f"Unknown parameter. {understood}", "unknown") for name in unknown]
        message = f"Unknown query parameter {', '.join(unknown)}. {understood}"
        raise Invalid(message, errors=errors)
    repeated = sorted(
        name
        for name, item in parameters.items()
        if len(request.query_params.getlist(name)) > 1 and "array" not in str(item["schema"])
    )
    if repeated:
        message = f"Give {', '.join(repeated)} once: only one value is read."
        raise Invalid(message, errors=[FieldError(f"?{name}", message, "repeated") for name in repeated])


# In an operation's ``openapi_extra``: whoever calls it adds parameters of their own, which mean nothing here.
OTHERS_IGNORED = "x-other-parameters-ignored"

_built: dict[tuple[str, int], dict[str, Any]] = {}


def _build(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        license_info=app.license_info,
    )
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = _SCHEMES
    permissions = permissions_of(app)
    for path, item in document["paths"].items():
        for operation in item.values():
            _exact(
                path, operation, permissions[operation["operationId"]], has_body="requestBody" in operation
            )
            _with_headers(operation, schemas)
    return document


_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2733;background:#fff}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:2px solid #0b6e6e}code,pre{background:#f2f5f7;border-radius:4px;padding:.1em .3em}
pre{padding:1rem;overflow:auto;white-space:pre-wrap}details{margin:.5rem 0;border:1px solid #d5dde3;border-radius:6px;padding:.5rem .8rem}
summary{cursor:pointer}.method{display:inline-block;min-width:4rem;font-weight:700;color:#0b6e6e}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #e3e9ed}
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ancrage: the API</title>
<link rel="stylesheet" href="/docs.css"></head><body>
<h1>Ancrage</h1><p>@SUMMARY@ The whole contract: <a href="/openapi.json">openapi.json</a>.</p>
@CONTENT@
</body></html>"""


def install(app: FastAPI) -> None:
    """Serve ``/openapi.json`` and ``/docs`` without anything from another site."""
    from service.api.reference import render  # noqa: PLC0415 - needs only the finished document

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            # Takes over a second, and depends on nothing but the code and how many routes were added to it.
            key = (app.version, len(app.routes))
            app.openapi_schema = _built.get(key) or _built.setdefault(key, _build(app))
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to change the document

    async def get_openapi_document() -> Response:
        return JSONResponse(app.openapi())

    async def get_documentation() -> Response:
        content = render(app.openapi())
        return HTMLResponse(_PAGE.replace("@SUMMARY@", app.summary or "").replace("@CONTENT@", content))

    async def get_documentation_style() -> Response:
        return Response(_STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    for path, endpoint in (
        ("/openapi.json", get_openapi_document),
        ("/docs", get_documentation),
        ("/docs.css", get_documentation_style),
    ):
        app.router.routes.append(APIRoute(path, endpoint, include_in_schema=False))
