"""Load on an HTTP server, from a process of its own: kept-alive connections, one request at a time on each.

``python -m benchmarks.http_load --port 8000 --requests FILE``, where each line of the file is a path, or a
JSON object ``{"path": …, "headers": {…}}``. Prints one JSON object. From a program: :func:`run`, or
:func:`drive` in the same process.
"""

import argparse
import asyncio
import json
import selectors
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_PIECE: Final = 1 << 18
_WITHOUT_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load met. Times are milliseconds from the last byte sent to the last byte received."""

    requests: int
    seconds: float
    rate: float
    p50: float
    p99: float
    statuses: dict[str, int]
    bytes_each: float


@dataclass(frozen=True, slots=True)
class Load:
    """Every answer of a load: its seconds, and how many had which status; ``elapsed`` and bytes of all."""

    times: list[float]
    elapsed: float
    statuses: Counter[int]
    received: int


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    sent: float = 0.0
    received: bytes = b""
    missing: int = -1
    status: int = 0


def request(path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes of a GET."""
    lines = [f"GET {path} HTTP/1.1", "host: localhost"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode()


def drive(
    port: int,
    requests: Iterable[bytes],
    *,
    seconds: float = 5.0,
    connections: int = 8,
    host: str = "127.0.0.1",
    most: int | None = None,
) -> Outcome:
    """Send ``requests`` for ``seconds`` or until ``most`` answers.

    A sequence begins again at its end; the end of an iterator ends the load.
    """
    load = measure(port, requests, seconds=seconds, connections=connections, host=host, most=most)
    return _outcome(load.times, load.elapsed, load.statuses, load.received)


def measure(
    port: int,
    requests: Iterable[bytes],
    *,
    seconds: float = 5.0,
    connections: int = 8,
    host: str = "127.0.0.1",
    most: int | None = None,
) -> Load:
    """Do as :func:`drive` does, and return every time."""
    coming = iter(requests) if isinstance(requests, Iterator) else cycle(requests)
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        opened = socket.create_connection((host, port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(opened, selectors.EVENT_READ, _Connection(opened))
    times: list[float] = []
    statuses: Counter[int] = Counter()
    received = 0
    started = time.perf_counter()
    for key in selector.get_map().values():
        _send(key.data, next(coming))
    until = started + seconds
    while time.perf_counter() < until and (most is None or len(times) < most):
        for key, _ in selector.select(1.0):
            connection: _Connection = key.data
            piece = connection.socket.recv(_PIECE)
            if not piece:
                message = "the server closed a connection"
                raise ConnectionError(message)
            received += len(piece)
            if _whole(connection, piece):
                times.append(time.perf_counter() - connection.sent)
                statuses[connection.status] += 1
                following = next(coming, None)
                if following is None:
                    until = 0.0
                    break
                _send(connection, following)
    elapsed = time.perf_counter() - started
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return Load(times, elapsed, statuses, received)


def _send(connection: _Connection, what: bytes) -> None:
    connection.received, connection.missing = b"", -1
    connection.sent = time.perf_counter()
    connection.socket.sendall(what)


def _whole(connection: _Connection, piece: bytes) -> bool:
    """Take ``piece``; tell whether the answer is whole."""
    if connection.missing >= 0:
        connection.missing -= len(piece)
        return connection.missing <= 0
    connection.received += piece
    end = connection.received.find(_HEAD_END)
    if end < 0:
        return False
    head = connection.received[:end].lower()
    connection.status = int(head[9:12])
    at = head.find(_LENGTH)
    length = 0 if at < 0 else int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    if connection.status in _WITHOUT_BODY:
        length = 0
    connection.missing = length - (len(connection.received) - end - len(_HEAD_END))
    return connection.missing <= 0


def _outcome(times: list[float], elapsed: float, statuses: Counter[int], received: int) -> Outcome:
    ordered = sorted(times) or [0.0]
    return Outcome(
        requests=len(times),
        seconds=round(elapsed, 3),
        rate=round(len(times) / elapsed, 1),
        p50=round(ordered[len(ordered) // 2] * 1000, 3),
        p99=round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 3),
        statuses={str(status): number for status, number in statuses.items()},
        bytes_each=round(received / max(1, len(times)), 1),
    )


async def run(
    port: int,
    asked: Sequence[str | Mapping[str, object]],
    *,
    seconds: float = 5.0,
    connections: int = 8,
    most: int | None = None,
) -> Outcome:
    """Drive ``asked`` from a process of its own, so that the load shares no interpreter with the server."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        file.writelines(json.dumps(one) + "\n" for one in asked)
        file.flush()
        arguments = ["--port", str(port), "--requests", file.name, "--seconds", str(seconds)]
        arguments += ["--connections", str(connections), *(["--most", str(most)] if most else [])]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.http_load", *arguments, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
    return Outcome(**json.loads(told))


def _read(file: Path) -> list[bytes]:
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(line) if line[:1] in {'"', "{"} else line
        found.append(request(one) if isinstance(one, str) else request(one["path"], one.get("headers")))
    return found


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--most", type=int)
    chosen = parser.parse_args()
    outcome = drive(
        chosen.port,
        _read(chosen.requests),
        seconds=chosen.seconds,
        connections=chosen.connections,
        most=chosen.most,
    )
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    main()
