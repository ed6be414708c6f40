"""Attempts to read what a territory does not show, through the whole application; `make probes`: 10,000."""

import base64
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service.app import create_app
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.models import SearchFeed
from service.models.enums import ContractKind
from service.schemas.search import SearchKind
from service.search.meilisearch.administration import Administration
from service.search.meilisearch.documents import document
from service.search.meilisearch.engine import PREFIX
from service.search.meilisearch.settings import settings as index_settings
from tests.search.meilisearch_server.real import MeilisearchServer
from tests.search.terrain import WORDS, Terrain, build, facts_of

# Of each engine; 5,000 make ten thousand in all.
PROBES: Final = int(os.environ.get("ANCRAGE_PROBES", "1000"))
SHARDS: Final = 2
# Never typed: where it stands in an answer, the answer holds the posting.
_MARK: Final = re.compile(rb"Marque([0-9]+)Fin")
_ENGINE: Final = re.compile(r"ancrage-search: ([^\n]+)")
KINDS: Final = frozenset(
    ("feed", "foreign cursor", "forged cursor", "injected", "listed", "named", "one", "together")
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and what kind of attempt it is."""

    kind: str
    slug: str
    path: str
    query: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


async def ask(app: FastAPI, probe: Probe) -> tuple[int, bytes]:
    """Return status and body of the answer, its headers before it: they are read as well."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/v1/territories/{probe.slug}{probe.path}"
    await app(
        {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "query_string": probe.query.encode(),
            "root_path": "",
            "headers": [(b"host", b"testserver"), *probe.headers],
            "client": ("127.0.0.1", 5),
            "server": ("testserver", 80),
        },
        receive,
        send,
    )
    headers = b"\n".join(name + b": " + value for name, value in sent[0]["headers"])
    return sent[0]["status"], headers + b"\n\n" + b"".join(one.get("body", b"") for one in sent[1:])


class Attempts:
    """Makes probes, the same ones for the same seed."""

    def __init__(self, terrain: Terrain, seed: int) -> None:
        self.terrain = terrain
        self.random = random.Random(seed)  # noqa: S311 - chooses attempts, keeps no secret
        self.slugs = sorted(terrain.places)
        self.kinds: list[Callable[[str], Probe]] = [
            self.listed,
            self.named,
            self.injected,
            self.unknown_parameter,
            self.foreign_cursor,
            self.forged_cursor,
            self.one,
            self.together,
            self.feed,
            self.as_somebody,
        ]

    def probes(self, number: int) -> Iterator[Probe]:
        """Yield so many probes; one in five is a former one again, which kept bytes may answer."""
        former: list[Probe] = []
        for _ in range(number):
            if former and self.random.random() < 0.2:
                yield replace(self.random.choice(former), kind="again")
                continue
            made = self.random.choice(self.kinds)(self.random.choice(self.slugs))
            former.append(made)
            yield made

    def target(self, slug: str) -> int:
        """Return the number of a posting that is not to be found in the territory."""
        return self.random.choice(self.terrain.hidden_from(slug))

    def filters(self) -> dict[str, Any]:
        """Return parameters that are all allowed."""
        every = (
            ("contract", self.random.choice(list(ContractKind)).value),
            ("commune", "07019"),
            ("departement", "07"),
            ("near", "44.62,4.39"),
            ("order", "date"),
            ("facets", ["contract", "commune"]),
            ("limit", self.random.randint(1, 100)),
            ("source", "ancrage"),
            ("employer", self.random.choice(self.terrain.employers)),
            ("q", self.random.choice(WORDS)),
        )
        return {name: value for name, value in every if self.random.random() < 0.25}

    def listed(self, slug: str) -> Probe:
        return Probe("listed", slug, "/postings", urlencode(self.filters(), doseq=True))

    def named(self, slug: str) -> Probe:
        words = f"zq{self.target(slug)}zq"
        if self.random.random() < 0.3:
            words = f"{words} {self.random.choice(WORDS)}"
        return Probe("named", slug, "/postings", urlencode(self.filters() | {"q": words}, doseq=True))

    def injected(self, slug: str) -> Probe:
        other = self.terrain.places[self.random.choice(self.slugs)].territory.id
        text = self.random.choice(
            [
                f'" OR territory = "{other}"',
                f"' OR '1'='1' OR territory = {other} --",
                f"x) OR (territory = {other}",
                '07019" OR territory EXISTS OR commune = "07019',
                f'\\" OR territory IN [{other}] OR \\"',
                "_geoRadius(0, 0, 99999999)",
                "*",
                "\x00 OR 1=1",
                "%' UNION SELECT document FROM posting_document --",
                '{"filter":"territory EXISTS"}',
            ]
        )
        name = self.random.choice(["q", "q", "source", "commune", "employer", "near", "order", "facets"])
        return Probe("injected", slug, "/postings", urlencode(self.filters() | {name: text}, doseq=True))

    def unknown_parameter(self, slug: str) -> Probe:
        other = str(self.terrain.places[self.random.choice(self.slugs)].territory.id)
        name, value = self.random.choice(
            [
                ("territory_ids", other),
                ("territory", other),
                ("filter", "territory EXISTS"),
                ("state", "draft"),
                ("shown", "false"),
                ("offset", "0"),
                ("limit", "1000000"),
                ("limit", "-1"),
            ]
        )
        query = urlencode(self.filters() | {name: value}, doseq=True)
        return Probe("unknown parameter", slug, "/postings", query)

    def foreign_cursor(self, slug: str) -> Probe:
        place = self.terrain.places[self.random.choice(self.slugs)]
        if not place.cursors:
            return self.forged_cursor(slug)
        query, cursor = self.random.choice(place.cursors)
        return Probe("foreign cursor", slug, "/postings", f"{query}&{urlencode({'after': cursor})}")

    def forged_cursor(self, slug: str) -> Probe:
        places = [place for place in self.terrain.places.values() if place.cursors]
        query, cursor = self.random.choice(self.random.choice(places).cursors)
        raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        way = self.random.randrange(4)
        if way == 0:
            raw[self.random.randrange(len(raw))] ^= 1 << self.random.randrange(8)
        elif way == 1:
            raw = bytearray(self.random.randbytes(len(raw)))
        elif way == 2:
            raw[12:] = orjson.dumps(["m", 0, "9999-12-31T00:00:00.000000", str(new_id())])
        else:
            del raw[self.random.randrange(len(raw)) :]
        after = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
        return Probe("forged cursor", slug, "/postings", f"{query}&{urlencode({'after': after})}")

    def one(self, slug: str) -> Probe:
        posting = self.terrain.postings[self.target(slug)]
        accept = self.random.choice([b"application/json", b"application/ld+json", b"*/*"])
        return Probe("one", slug, f"/postings/{posting.id}", headers=((b"accept", accept),))

    def together(self, slug: str) -> Probe:
        words = self.random.choice([*WORDS, f"zq{self.target(slug)}zq"])
        return Probe("together", slug, "/search", urlencode({"q": words, "limit": 50}))

    def feed(self, slug: str) -> Probe:
        return Probe("feed", slug, "/feed.atom", urlencode({"limit": self.random.randint(1, 100)}))

    def as_somebody(self, slug: str) -> Probe:
        header = self.random.choice(
            [
                (b"ancrage-key", b"sk_" + self.random.randbytes(8).hex().encode()),
                (b"authorization", b"Bearer " + self.random.randbytes(8).hex().encode()),
                (b"cookie", b"session=" + self.random.randbytes(8).hex().encode()),
                (b"if-none-match", b"*"),
                (b"x-forwarded-host", b"nord.example.org"),
                (b"x-original-url", b"/v1/territories/sud/postings"),
                (b"accept-language", b"en"),
            ]
        )
        made = self.random.choice([self.listed, self.named])(slug)
        return replace(made, kind="as somebody", headers=(header,))


async def gather_cursors(app: FastAPI, terrain: Terrain) -> None:
    """Keep, of each territory, cursors of lists asked with filters that another could be asked with."""
    for slug, place in terrain.places.items():
        for query in ("limit=2", "limit=2&order=date", "limit=1&q=nuit", "limit=1&q=nuit&order=date"):
            status, answer = await ask(app, Probe("cursor", slug, "/postings", query))
            following = orjson.loads(answer.partition(b"\n\n")[2])["next"] if status == 200 else None
            if following is not None:
                place.cursors.append((query, following))


async def probe(app: FastAPI, terrain: Terrain, seed: int, number: int) -> tuple[Counter[str], Counter[str]]:
    """Make the attempts; return how many were made of each kind, and who answered. Any leak fails."""
    await gather_cursors(app, terrain)
    made: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    leaks: list[str] = []
    found = 0
    for attempt in Attempts(terrain, seed).probes(number):
        status, answer = await ask(app, attempt)
        made[attempt.kind] += 1
        answered.update(_ENGINE.findall(answer.partition(b"\n\n")[0].decode("latin-1")))
        assert status < 500, (attempt, answer[:500])
        shown = terrain.places[attempt.slug].shown
        told = {int(mark) for mark in _MARK.findall(answer)}
        found += len(told)
        leaks += [f"{attempt}: posting {number}" for number in told - shown]
    print(f"{sum(made.values())} probes, {len(leaks)} leaks; {found} times a posting was shown that may be")  # noqa: T201 - the count is the point
    print(dict(sorted(made.items())), dict(answered))  # noqa: T201 - as above
    assert not leaks, leaks[:20]
    assert found, "attempts that find nothing at all would show nothing"
    return made, answered


@asynccontextmanager
async def serving(database: Database, settings: Settings, **changed: Any) -> AsyncIterator[FastAPI]:
    """Yield the whole application, its layers included."""
    app = create_app(database, settings=settings.model_copy(update={"rate_limits": False} | changed))
    async with app.router.lifespan_context(app):
        yield app


@pytest.mark.parametrize("seed", range(SHARDS))
async def test_no_probe_finds_in_postgresql_what_a_territory_does_not_show(
    fresh_database: Database, settings: Settings, seed: int
) -> None:
    terrain = await build(fresh_database)
    async with serving(fresh_database, settings) as app:
        made, answered = await probe(app, terrain, seed=seed, number=PROBES // SHARDS)
    assert made.keys() >= {"again", *KINDS}
    assert answered.keys() == {"postgresql"}


async def _misled(database: Database, terrain: Terrain, server: MeilisearchServer) -> None:
    """Tell Meilisearch of every posting, some in a territory they never were in, and say it is ready."""
    administration = Administration(server.url, server.key)
    territories = [place.territory for place in terrain.places.values()]
    for kind in SearchKind:
        await administration.create(f"{PREFIX}-{kind.value}")
        await administration.apply(f"{PREFIX}-{kind.value}", index_settings())
    documents = []
    for number, posting in terrain.postings.items():
        own = next(one for one in territories if one.id == posting.territory_id)
        wrong = territories[number % len(territories)] if number % 3 == 0 else own
        documents.append(document(facts_of(number, posting, wrong)))
    await administration.wait(await administration.put(f"{PREFIX}-{SearchKind.POSTINGS.value}", documents))
    async with database.transaction() as session:
        session.add_all(SearchFeed(kind=kind.value, ready=True) for kind in SearchKind)


@pytest.mark.parametrize("seed", range(SHARDS))
async def test_no_probe_finds_what_a_misled_engine_outside_would_show(
    fresh_database: Database, settings: Settings, own_meilisearch: MeilisearchServer, seed: int
) -> None:
    terrain = await build(fresh_database)
    await _misled(fresh_database, terrain, own_meilisearch)
    outside = {"meilisearch_url": own_meilisearch.url, "meilisearch_key": SecretStr(own_meilisearch.key)}
    async with serving(fresh_database, settings, **outside) as app:
        made, answered = await probe(app, terrain, seed=100 + seed, number=PROBES // SHARDS)
    assert made.keys() >= {"again", *KINDS}
    assert answered["meilisearch"] > answered["postgresql; degraded"], "the engine outside is what is probed"
