"""The committed contract, attacked: no server error, and no answer that breaks its own schema."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select

from service.app import create_app, openapi_document
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.settings import Settings
from service.demo import load_demo
from service.domain import clients
from service.domain.access import SCOPES, system
from service.models import Territory
from service.schemas.api_clients import ApiClientCreate
from tests.factories import sign_in_as

pytestmark = pytest.mark.xdist_group("schemathesis")
# A message is sent as it is, like any bytes.
schemathesis.serializer.alias("message/rfc822", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(openapi_document(), config=SchemathesisConfig())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


# Attacked as fast as it answers: with limits, most answers would be theirs.
_SETTINGS = Settings(log_level="ERROR", rate_limits=False, lockout_failures=0)


class _Server:
    """The application on a real socket, in a thread with a loop of its own."""

    def __init__(self, url: str) -> None:
        self.key = ""
        # An operator's, one for each operation: some end the session they come with.
        self.tokens: dict[str, str] = {}
        self.port = 0
        self._url = url
        self._server: uvicorn.Server | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(30)

    async def _serve(self) -> None:
        engine = create_engine(self._url)
        await migrate(engine)
        database = Database(engine)
        await load_demo(database, lambda _: None)
        async with database.transaction() as session:
            slugs = list(await session.scalars(select(Territory.slug)))
            data = ApiClientCreate(name="Fuzz", territories=slugs, scopes=list(SCOPES))
            self.key = (await clients.create_client(session, system("test"), data)).key.value
            for operation_id in OPERATIONS:
                self.tokens[operation_id] = await sign_in_as(session, role="operator")
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        # The listener queues what comes before uvicorn accepts.
        self._ready.set()
        app = create_app(database, settings=_SETTINGS)
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        await self._server.serve(sockets=[listener])
        await engine.dispose()


@pytest.fixture(scope="module")
def server(new_database: Callable[..., str]) -> Iterator[_Server]:
    with _Server(new_database("fuzz")) as running:
        yield running


# Asked of persons who read the trail.
_WHY = {"Ancrage-Reason": "Attack"}


def _attack(operation_id: str) -> Callable[..., None]:
    @SCHEMA.include(operation_id=operation_id).parametrize()
    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def test(case: schemathesis.Case[Any], server: _Server) -> None:
        key = server.key if operation_id in BY_KEY else None
        case.call_and_validate(
            base_url=f"http://127.0.0.1:{server.port}",
            headers={"Authorization": f"Bearer {key or server.tokens[operation_id]}", **_WHY},
            checks=CHECKS,
        )

    test.__name__ = f"test_no_input_breaks_{operation_id}"
    attacked: Callable[..., None] = test
    return attacked


# One function per operation: xdist runs tests of one name once, and Schemathesis gives all of one
# function the same name.
_DESCRIBED = [operation for item in openapi_document()["paths"].values() for operation in item.values()]
OPERATIONS = [operation["operationId"] for operation in _DESCRIBED]
# Programs may call these, or anybody; the others are for persons.
BY_KEY = {
    operation["operationId"]
    for operation in _DESCRIBED
    if not operation.get("security") or {"secretKey": []} in operation["security"]
}
for _operation_id in OPERATIONS:
    globals()[f"test_no_input_breaks_{_operation_id}"] = _attack(_operation_id)
