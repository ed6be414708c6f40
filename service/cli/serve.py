"""``ancrage run``: everything in one process, from an empty folder to an open door."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from service.app import Companion, create_app
from service.cli.connections import connection
from service.cli.context import fail, open_database, say, settings_or_fail
from service.core.database import Database
from service.core.settings import Settings
from service.demo import load_demo
from service.jobs.runner import Runner
from service.jobs.work import Work
from service.worker import ArqWake


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything long begins, so that a taken one is known at once."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sends small packets at once only where it reads that this is TCP; else every answer on a
        # kept-alive connection waits 40 ms for the caller's acknowledgement of its head.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except socket.gaierror:
        fail(f"HOST {host} is not a name or address of this machine.")
    except PermissionError:
        fail(f"this account may not use port {port}; choose one above 1023, for instance PORT=8000.")
    except OSError as error:
        fail(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another port, "
            f"for instance PORT={port + 1}."
        )
    return listener


def _companion(database: Database, settings: Settings) -> Companion:
    """Return the in-process worker, or what carries wake-ups to the workers behind Redis."""

    @asynccontextmanager
    async def companion() -> AsyncIterator[None]:
        if settings.redis_url is None:
            runner = Runner(Work(database, settings))
            database.wake = runner.wake
            async with runner.running():
                yield
        else:
            carrier = ArqWake(settings.redis_url)
            database.wake = carrier
            async with carrier.running():
                yield

    return companion


def _program() -> str:
    """Return how this shell calls the command."""
    own = Path(sys.executable).with_name("ancrage")
    return "ancrage" if shutil.which("ancrage") else os.path.relpath(own)


def _welcome(address: str, territory: str | None, *, mails_at_home: bool) -> str:
    lines = [
        "",
        f"Ancrage answers at {address}",
        f"  Documentation  {address}/docs",
        f"  Console        {address}/console",
        "",
        f"Become operator: {_program()} person operator you@example.org, then sign in with that address.",
    ]
    if mails_at_home:
        lines.append(f"Mails, codes included, wait at {address}/console/mails until SMTP_URL is set.")
    lines.append("")
    if territory is not None:
        lines += [
            "Try:",
            f"  curl '{address}/v1/territories/{territory}'",
            f"  curl '{address}/v1/territories/{territory}/postings?q=boulanger&facets=contract'",
            f"  curl '{address}/v1/occupations?q=aide%20soign'",
            "",
        ]
    return "\n".join([*lines, "Ctrl-C stops everything, the database included."])


class _Server(uvicorn.Server):
    """uvicorn, saying what to open once it listens."""

    welcome = ""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at Ctrl-C or SIGTERM, a second one at once; never raise the signal again.

        Raised again, it would cancel what closes the database.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            say(self.welcome)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    # Before the server listens: leave through every `finally`, so that the database is stopped.
    raise SystemExit(0)


async def run(*, demo: bool) -> None:
    """Start the database, migrate, load the demo once, serve until told to stop."""
    settings = settings_or_fail()
    listener = _listen(settings.host, settings.port)
    signal.signal(signal.SIGTERM, _terminated)
    async with open_database(migrating=True) as database:
        territory = await load_demo(database, say) if demo else None
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        address = settings.public_url or f"http://{shown}:{port}"
        app = create_app(database, settings=settings, companions=[_companion(database, settings)])
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                timeout_graceful_shutdown=10,
                http=connection(head_bytes=settings.max_header_bytes, body_bytes=settings.max_body_bytes),
                ws="none",
                forwarded_allow_ips=settings.forwarded_allow_ips,
            )
        )
        server.welcome = _welcome(address, territory, mails_at_home=settings.smtp_url is None)
        await server.serve(sockets=[listener])
        if not server.started:
            fail("the application could not start; the reason is in the log above.")
