"""A client that turns every test into a test of the documentation."""

import re
from functools import cache
from typing import Any, Self

import httpx
import orjson
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from sqlalchemy.ext.asyncio import AsyncSession

_UNDOCUMENTED = ("/openapi.json", "/docs")


class DocumentationError(AssertionError):
    """An answer differs from what the OpenAPI document says."""


@cache
def _document_of(key: int, app: FastAPI) -> dict[str, Any]:
    del key
    return app.openapi()


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    for template, item in document["paths"].items():
        pattern = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in item:
            operation: dict[str, Any] = item[method.lower()]
            return operation
    return None


def _check_headers(name: str, described: dict[str, Any], response: httpx.Response) -> None:
    for header, value in described.get("headers", {}).items():
        if value.get("required") and header not in response.headers:
            message = f"{name} {response.status_code} came without {header}"
            raise DocumentationError(message)


def check(document: dict[str, Any], response: httpx.Response) -> None:
    """Raise :class:`DocumentationError` unless ``response`` is as ``document`` describes it."""
    request = response.request
    path = request.url.path
    # OpenAPI documents what HEAD answers as GET, and no browser's preflight.
    if path in _UNDOCUMENTED or request.method == "OPTIONS":
        return
    operation = _operation(document, "GET" if request.method == "HEAD" else request.method, path)
    if operation is None and response.status_code in {404, 405}:
        return
    if operation is None:
        message = f"{request.method} {path} is not documented"
        raise DocumentationError(message)
    described = operation["responses"].get(str(response.status_code))
    if described is None:
        name = operation["operationId"]
        message = f"{name} answered an undocumented {response.status_code}: {response.text[:500]}"
        raise DocumentationError(message)
    _check_headers(operation["operationId"], described, response)
    contents = described.get("content")
    if not response.content:
        if contents and response.status_code not in {204, 304} and request.method != "HEAD":
            message = f"{operation['operationId']} answered {response.status_code} without a body"
            raise DocumentationError(message)
        return
    media_type = response.headers["content-type"].split(";")[0]
    if not contents or media_type not in contents:
        name = operation["operationId"]
        message = f"{name} {response.status_code} answered {media_type}, not {list(contents or [])}"
        raise DocumentationError(message)
    schema = contents[media_type].get("schema")
    if schema is None or "json" not in media_type:
        return
    whole = {**schema, "components": document["components"]}
    validator = validator_for(whole, default=Draft202012Validator)(whole)
    errors = [
        f"{error.json_path}: {error.message}"
        for error in validator.iter_errors(orjson.loads(response.content))
    ]
    if errors:
        message = f"{operation['operationId']} {response.status_code}: {errors[:5]}"
        raise DocumentationError(message)


class ApiClient(httpx.AsyncClient):
    """httpx on the application itself; every answer is checked against the OpenAPI document."""

    def __init__(self, app: FastAPI, session: AsyncSession | None = None) -> None:
        super().__init__(
            transport=httpx.ASGITransport(app=app, raise_app_exceptions=False), base_url="http://testserver"
        )
        self.app = app
        self.session = session

    def with_key(self, key: str) -> Self:
        """Return this client, sending ``key`` from now on."""
        self.headers["Authorization"] = f"Bearer {key}"
        return self

    async def send(self, request: httpx.Request, **arguments: Any) -> httpx.Response:
        """Send, then check the answer. Rows the test holds are forgotten first, so it reads afresh."""
        if self.session is not None:
            await self.session.flush()
            self.session.expunge_all()
        response = await super().send(request, **arguments)
        await response.aread()
        check(_document_of(id(self.app), self.app), response)
        return response
