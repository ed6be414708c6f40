"""Run the whole application under load and kill it again and again: ``make soak MINUTES=10``.

Starts ``ancrage run`` on an empty folder, reads and writes over HTTP, and every few seconds ends the
process with ``kill -9``, stops it with Ctrl-C's signal, or kills it together with its PostgreSQL;
then starts it again. At the end every write that was acknowledged must be there. Prints what
happened; exits with 1 if an acknowledged write is lost, an answer was a 5xx, or a start failed.
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psutil

from service.core import embedded
from service.core.siret import is_siret

ANCRAGE = Path(sys.executable).with_name("ancrage")
READERS = 4
WRITERS = 2
START_SECONDS = 300.0


@dataclass
class Tally:
    """What happened so far."""

    statuses: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    disturbances: Counter[str] = field(default_factory=Counter)
    start_seconds: list[float] = field(default_factory=list)
    stop_seconds: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)


class Application:
    """One ``ancrage run`` on a data folder and a port, started again after each end."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {**os.environ, "DATA_DIR": str(folder), "LOG_LEVEL": "WARNING"}
        self.environment |= {"PORT": str(self.port), "HOST": "127.0.0.1", "RATE_LIMITS": "false"}
        for name in ("DATABASE_URL", "REDIS_URL", "MEILISEARCH_URL"):
            self.environment.pop(name, None)
        self._folder = folder
        self._tally = tally
        self._log = (folder / "application.log").open("ab")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, client: httpx.AsyncClient) -> None:
        """Start it and wait until it is ready."""
        began = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            ANCRAGE,
            "run",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        while time.monotonic() - began < START_SECONDS:
            if self._process.returncode is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get("/readyz")).is_success:
                    self._tally.start_seconds.append(time.monotonic() - began)
                    return
            await asyncio.sleep(0.1)
        raise SystemExit(f"The application did not start:\n{(self._folder / 'application.log').read_text()}")

    async def stop(self, sign: signal.Signals) -> None:
        """End it with ``sign`` and wait for the end."""
        if self._process is not None:
            began = time.monotonic()
            self._process.send_signal(sign)
            await self._process.wait()
            if sign is signal.SIGINT:
                self._tally.stop_seconds.append(time.monotonic() - began)

    def kill_postgres(self) -> None:
        """End the embedded PostgreSQL with ``kill -9``, like a machine out of memory."""
        lines = (self._folder / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), signal.SIGKILL)

    def note_memory(self) -> None:
        """Record the process's resident memory."""
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._tally.megabytes.append(psutil.Process(self._process.pid).memory_info().rss / 1e6)

    def create_key(self, territory: str) -> str:
        """Return a secret key that may read and write employers of the territory."""
        command = [str(ANCRAGE), "client", "create", "--name", "soak", "--territory", territory]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def _sirets() -> Iterator[str]:
    """Yield valid SIRETs that belong to nobody in particular, each once."""
    for number in range(90_000_000_000_000, 99_999_999_999_999, 7):
        if is_siret(str(number)):
            yield str(number)


async def _read(client: httpx.AsyncClient, paths: list[str], tally: Tally) -> None:
    while True:
        try:
            tally.statuses[(await client.get(random.choice(paths))).status_code] += 1  # noqa: S311 - no secret
        except httpx.HTTPError:
            tally.refused += 1
            await asyncio.sleep(0.05)


async def _write(client: httpx.AsyncClient, territory: str, sirets: Iterator[str], tally: Tally) -> None:
    while True:
        body = {"territory": territory, "siret": next(sirets), "name": "Essai d'endurance"}
        headers = {"Idempotency-Key": str(uuid4())}
        # The same key until an answer comes: what was done before a kill must not be done twice.
        while True:
            try:
                answer = await client.post("/v1/employers", json=body, headers=headers)
            except httpx.HTTPError:
                tally.refused += 1
                await asyncio.sleep(0.05)
                continue
            tally.statuses[answer.status_code] += 1
            if answer.status_code == httpx.codes.CREATED:
                tally.acknowledged.append(answer.json()["id"])
                break
            await asyncio.sleep(0.05)


async def _disturb(application: Application, client: httpx.AsyncClient, tally: Tally, until: float) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(random.uniform(3, 12))  # noqa: S311 - no secret
        application.note_memory()
        kind = random.choice(["kill -9", "kill -9 with PostgreSQL", "Ctrl-C"])  # noqa: S311 - no secret
        tally.disturbances[kind] += 1
        if kind == "kill -9 with PostgreSQL":
            application.kill_postgres()
        await application.stop(signal.SIGINT if kind == "Ctrl-C" else signal.SIGKILL)
        await application.start(client)


async def _lost(client: httpx.AsyncClient, tally: Tally) -> list[str]:
    lost = []
    for employer in tally.acknowledged:
        answer = await client.get(f"/v1/employers/{employer}")
        if not answer.is_success:
            lost.append(employer)
    return lost


async def soak(minutes: float, folder: Path) -> int:
    """Run for ``minutes``; print the tally; return the exit code."""
    tally = Tally()
    application = Application(folder, tally)
    async with httpx.AsyncClient(base_url=application.address, timeout=30) as client:
        await application.start(client)
        try:
            territories = (await client.get("/v1/territories")).raise_for_status().json()["items"]
            slugs = [territory["slug"] for territory in territories]
            key = await asyncio.to_thread(application.create_key, slugs[0])
            client.headers["Authorization"] = f"Bearer {key}"
            paths = ["/v1/territories", "/v1/occupations?q=boulang"]
            paths += [f"/v1/territories/{slug}/postings" for slug in slugs]
            sirets = _sirets()
            load = [asyncio.create_task(_read(client, paths, tally)) for _ in range(READERS)]
            load += [asyncio.create_task(_write(client, slugs[0], sirets, tally)) for _ in range(WRITERS)]
            await _disturb(application, client, tally, time.monotonic() + minutes * 60)
            for task in load:
                task.cancel()
            await asyncio.wait(load)
            lost = await _lost(client, tally)
        finally:
            await application.stop(signal.SIGINT)
    failed = sum(
        count for status, count in tally.statuses.items() if status >= httpx.codes.INTERNAL_SERVER_ERROR
    )
    print(f"answers               {dict(sorted(tally.statuses.items()))}")
    print(f"refused while down    {tally.refused}")
    print(f"disturbances          {dict(tally.disturbances)}")
    print(f"first start           {tally.start_seconds[0]:.1f} s, with creation and demo")
    if again := tally.start_seconds[1:]:
        print(f"starts after an end   median {statistics.median(again):.1f} s, longest {max(again):.1f} s")
    print(f"stops by Ctrl-C       longest {max(tally.stop_seconds):.1f} s")
    if tally.megabytes:
        print(f"memory                {min(tally.megabytes):.0f} to {max(tally.megabytes):.0f} MB")
    print(f"acknowledged writes   {len(tally.acknowledged)}, lost {len(lost)}")
    return 1 if lost or failed else 0


def main() -> None:
    """Parse, run, clean up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ancrage-soak-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        try:
            code = asyncio.run(soak(arguments.minutes, folder))
        finally:
            embedded.stop_if_unheld(folder / "postgres")
    sys.exit(code)


if __name__ == "__main__":
    main()
