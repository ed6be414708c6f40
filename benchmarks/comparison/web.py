"""The cases over HTTP: who serves, what is asked of them, and that all give the same answers first."""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.comparison import questions
from benchmarks.comparison.figures import Slice
from benchmarks.comparison.outside import Outside
from benchmarks.comparison.processes import Ancrage, Peer, Process, RestFramework, Server
from benchmarks.http_load import measure, request
from benchmarks.search_postings import Material

CONNECTIONS: Final = 16
_DIFFERENT: Final = 60_000
_SEARCHES: Final = 8_000
_BODIES: Final = 256
_COMPARED: Final = 40
_LONGEST: Final = 20.0
_OK: Final = 200
_UNCHANGED: Final = 304


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure: ``run`` does it for about so many seconds; ``process`` is whose memory counts."""

    key: str
    name: str
    run: Callable[[float], Slice]
    process: Process | None = None


class Web:
    """The servers, started one after the other in ``stack``."""

    def __init__(self, stack: ExitStack, folder: Path, url: str, made_of: Material, seed: int) -> None:
        self._stack, self._folder = stack, folder
        dsn = url.replace("postgresql+asyncpg://", "postgresql://")
        self.ours = self._start(Ancrage("ancrage", url, folder))
        different = questions.different(made_of, seed)
        # Not asked in any measure: compared, and for the bare application to send.
        self._paths = list(islice(different, _BODIES))
        self._different = [request(path) for path in islice(different, _DIFFERENT)]
        bodies = [self._get(self.ours, path).content for path in self._paths]
        self.body_bytes = sum(map(len, bodies)) // len(bodies)
        recorded = folder / "bodies"
        recorded.write_bytes(pickle.dumps(bodies))
        self.bare = self._start(Peer("bare", folder, BENCH_BODIES=str(recorded)))
        recorded = folder / "body"
        recorded.write_bytes(pickle.dumps(bodies[:1]))
        self.bare_again = self._start(Peer("bare", folder, name="bare-again", BENCH_BODIES=str(recorded)))
        self.raw = self._start(Peer("raw", folder, BENCH_DSN=dsn))
        self.orm = self._start(Peer("orm", folder, BENCH_URL=url))
        self.rest_framework = self._start(RestFramework(folder, CONNECTIONS, BENCH_DSN=dsn))
        self._agree()
        self._searched: list[str] = []
        self._asked_outside: Ancrage | None = None
        self._answered: dict[str, int] = {}

    def _start(self, server: Any) -> Any:
        self._stack.callback(server.stop)
        server.wait()
        return server

    @staticmethod
    def _get(server: Server, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        answer = httpx.get(f"http://127.0.0.1:{server.port}{path}", headers=headers, timeout=30)
        answer.raise_for_status()
        return answer

    def _agree(self) -> None:
        """Raise ``RuntimeError`` unless every server finds the same postings and total."""
        for path in self._paths[:_COMPARED]:
            told = self._get(self.ours, path).json()
            for server in (self.raw, self.orm):
                other = self._get(server, path).json()
                if other["total"] != told["total"] or _ids(other["items"]) != _ids(told["items"]):
                    raise RuntimeError(f"{server.name} answers otherwise than Ancrage to {path}")
            if self._get(self.raw, path).json()["items"] != told["items"]:
                raise RuntimeError(f"raw gives other documents than Ancrage to {path}")
            page = self._get(self.rest_framework, path).json()
            if page["count"] != told["total"] or _ids(page["results"]) != _ids(told["items"]):
                raise RuntimeError(f"rest_framework answers otherwise than Ancrage to {path}")

    def cases(self) -> list[Case]:
        """Return the cases of the public list."""
        path = self._paths[0]
        tag = self._get(self.ours, path).headers["etag"]
        known = {"if-none-match": tag}
        again, unchanged = [request(path)], [request(path, known)]
        anything = [request("/")]
        return [
            self._case("list", "Ancrage", self.ours, iter(self._different)),
            self._case("list.bare", "bare ASGI, the same bytes", self.bare, anything),
            self._case("list.raw", "asyncpg + orjson", self.raw, iter(self._different)),
            self._case("list.orm", "FastAPI + ORM + response_model", self.orm, iter(self._different)),
            self._case("list.drf", "Django REST Framework", self.rest_framework, iter(self._different)),
            self._case("again", "Ancrage", self.ours, again),
            self._case("again.bare", "bare ASGI, the same bytes", self.bare_again, anything),
            self._case("unchanged", "Ancrage", self.ours, unchanged, status=_UNCHANGED),
            self._case(
                "unchanged.bare",
                "bare ASGI, 304",
                self.bare_again,
                [request("/unchanged")],
                status=_UNCHANGED,
            ),
        ]

    def searches(self, made_of: Material, titles: Sequence[str], seed: int) -> list[Case]:
        """Return the cases of search with two facets, by PostgreSQL."""
        paths = questions.typed(made_of, titles, _SEARCHES, seed)
        half = len(paths) // 2
        self._searched = paths[:half]
        one, several = [request(path) for path in paths[:half]], [request(path) for path in paths[half:]]
        return [
            self._case("search", "PostgreSQL engine, 1 at a time", self.ours, iter(one), connections=1),
            self._case("search.4", "PostgreSQL engine, 4 at a time", self.ours, iter(several), connections=4),
        ]

    def outside(self, outside: Outside) -> list[Case]:
        """Return the cases of the same searches by Meilisearch: through Ancrage, and asked directly.

        Raises ``RuntimeError`` when Ancrage does not come to answer from it.
        """
        outside.fill()
        settings = outside.settings()
        ours = self._start(Ancrage("ancrage-outside", outside.database_url, self._folder, **settings))
        outside.ready(ours, self._searched[0])
        self._asked_outside = ours
        self._answered = outside.answered(ours)
        asked = [request(path) for path in self._searched]
        direct = cycle(outside.questions(self._searched))
        return [
            self._case("outside", "Meilisearch engine, 1 at a time", ours, iter(asked), connections=1),
            self._case("outside.direct", "Meilisearch itself, 1 at a time", outside, direct, connections=1),
        ]

    def answered(self) -> dict[str, int]:
        """Return how many searches of the Meilisearch cases each engine answered."""
        if self._asked_outside is None:
            return {}
        now = Outside.answered(self._asked_outside)
        return {engine: count - self._answered.get(engine, 0) for engine, count in now.items()}

    @staticmethod
    def _case(
        key: str,
        name: str,
        server: Any,
        asked: Iterable[bytes] | Iterator[bytes],
        *,
        connections: int = CONNECTIONS,
        status: int = _OK,
    ) -> Case:
        def run(seconds: float) -> Slice:
            load = measure(server.port, asked, seconds=seconds, connections=connections)
            while not load.times and seconds < _LONGEST:
                # Slower than a slice is long.
                seconds *= 3
                load = measure(server.port, asked, seconds=seconds, connections=connections)
            if set(load.statuses) != {status}:
                raise RuntimeError(f"{key}: {name} answered {dict(load.statuses)}")
            return Slice(tuple(time * 1000 for time in load.times), len(load.times) / load.elapsed)

        return Case(key, name, run, getattr(server, "process", server))


def _ids(items: Sequence[Mapping[str, Any]]) -> list[str]:
    return [item["id"] for item in items]
