"""A local HTTP server that answers in the shapes the API "Offres d'emploi" v2 documents.

Everything it serves is invented. Faults are played in order, one per search call.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

CLIENT_ID = "PAR_invented_0001"
CLIENT_SECRET = "invented-secret"


def offer(number: int, *, departement: str = "07", day: int = 1, **fields: object) -> dict[str, object]:
    """Return an invented offer; ``number`` makes its identity, ``day`` of May 2025 its date."""
    return {
        "id": f"{number:03d}INVT",
        "intitule": f"Menuisier / Menuisière n° {number} (H/F)",
        "description": "Vous fabriquez des meubles.",
        "dateCreation": f"2025-05-{day:02d}T08:00:{number % 60:02d}.000Z",
        "lieuTravail": {"libelle": f"{departement} - AUBENAS"},
        "typeContrat": "CDI",
        "departement": departement,
        **fields,
    }


@dataclass
class Fault:
    """What to answer instead of a page. ``cut`` sends only that many bytes, then hangs up."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    cut: int | None = None


@dataclass
class InventedApi:
    """The offers it holds, what it was asked, and the faults still to play."""

    offers: list[dict[str, object]] = field(default_factory=list)
    faults: list[Fault | None] = field(default_factory=list)
    token_faults: list[Fault] = field(default_factory=list)
    before_page: Callable[[int], None] | None = None
    searches: list[dict[str, str]] = field(default_factory=list)
    tokens_given: int = 0
    token_seconds: int = 1499
    reachable: int = 3150
    page: int = 150
    content_range: bool = True
    address: str = ""
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def revoke_tokens(self) -> None:
        """Refuse every token given so far."""
        self.tokens_given += 1

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request_line, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, target, _version = request_line.split(" ")
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if method == "POST" and url.path == "/token":
            answer = self._token(query, {name: v[0] for name, v in parse_qs(body.decode()).items()})
        else:
            answer = self._search(url.path, query, headers.get("authorization", ""))
        sent = answer.body if answer.cut is None else answer.body[: answer.cut]
        extra = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        writer.write(
            f"HTTP/1.1 {answer.status} Invented\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n{extra}\r\n".encode()
            + sent
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _token(self, query: Mapping[str, str], form: Mapping[str, str]) -> Fault:
        if self.token_faults:
            return self.token_faults.pop(0)
        asked = (form.get("client_id"), form.get("client_secret"), form.get("grant_type"))
        known = asked == (CLIENT_ID, CLIENT_SECRET, "client_credentials")
        if not known or query.get("realm") != "/partenaire":
            return Fault(status=400, body=b'{"error": "invalid_client"}')
        self.tokens_given += 1
        token = {
            "access_token": f"token-{self.tokens_given}",
            "token_type": "Bearer",
            "scope": form.get("scope"),
            "expires_in": self.token_seconds,
        }
        return Fault(body=json.dumps(token).encode())

    def _search(self, path: str, query: dict[str, str], authorization: str) -> Fault:
        if path != "/v2/offres/search":
            return Fault(status=404)
        if authorization != f"Bearer token-{self.tokens_given}":
            return Fault(status=401)
        self.searches.append(query)
        if self.before_page is not None:
            self.before_page(len(self.searches))
        fault = self.faults.pop(0) if self.faults else None
        return fault or self._answer(query)

    def _answer(self, query: Mapping[str, str]) -> Fault:
        first, last = map(int, query["range"].split("-"))
        if last - first >= self.page or first > self.reachable - self.page or last >= self.reachable:
            return Fault(status=400, body=b'{"message": "Plage de pagination invalide."}')
        found = [offer for offer in self.offers if _matches(offer, query)]
        found.sort(key=lambda offer: str(offer["dateCreation"]), reverse=True)
        shown = found[first : last + 1]
        if not found:
            return Fault(status=204, headers={"Content-Range": "*/0"}, body=b"")
        headers = {}
        if self.content_range:
            headers["Content-Range"] = f"offres {first}-{first + len(shown) - 1}/{len(found)}"
        whole = len(shown) == len(found)
        body = json.dumps({"resultats": shown}).encode()
        return Fault(status=200 if whole else 206, headers=headers, body=body)


def _matches(offer: Mapping[str, object], query: Mapping[str, str]) -> bool:
    created = str(offer["dateCreation"])
    return query.get("departement", offer["departement"]) == offer["departement"] and query.get(
        "minCreationDate", "0"
    ) <= created <= query.get("maxCreationDate", "9")
