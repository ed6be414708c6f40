"""``ancrage mail test`` and ``ancrage doctor``, run as a person runs them."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.core.database import create_engine
from service.core.migrations import migrate
from service.core.settings import get_settings
from service.domain import mail
from tests.mail.postbox import Postbox, postbox

Ancrage = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ancrage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ancrage:
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MAIL_FROM", "Ancrage <ancrage@example.org>")

    def run(*words: str) -> tuple[int, str, str]:
        get_settings.cache_clear()
        result = CliRunner().invoke(app, list(words))
        get_settings.cache_clear()
        return result.exit_code, result.stdout, result.stderr

    return run


@contextmanager
def postbox_beside() -> Iterator[Postbox]:
    """Run a mail server on a loop of its own: commands have theirs."""
    box, ready, done = Postbox(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with postbox(box):
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(20)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
        loop.close()


def test_a_test_mail_and_what_the_server_said(ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch) -> None:
    with postbox_beside() as box:
        monkeypatch.setenv("SMTP_URL", box.url())
        code, out, said = ancrage("mail", "test", "Camille@example.fr", "--language", "en")
        assert (code, out) == (0, "250 2.0.0 Ok: queued as 4F2A\n")
        assert f"by 127.0.0.1:{box.port}, tls=none, from Ancrage <ancrage@example.org>" in said
        (received,) = box.mails
        assert received.recipient == "camille@example.fr"
        assert received.message["subject"] == "Test of sending: all is well"
        assert "à é è ê ç œ" in received.body()
        box.recipients.append("550 5.1.1 <camille@example.fr>: no such user")
        code, out, said = ancrage("mail", "test", "camille@example.fr")
        assert (code, out) == (1, "")
        assert "(550 5.1.1 recipient). 5.1.1 <camille@example.fr>: no such user" in said
    code, _, said = ancrage("mail", "test", "camille@example.fr")
    assert code == 1
    assert "(no answer connection)" in said


def test_without_a_server_it_says_where_the_file_is(ancrage: Ancrage, tmp_path: Path) -> None:
    code, out, said = ancrage("mail", "test", "camille@example.fr")
    assert code == 0
    assert f"files in {tmp_path / 'mails'} (SMTP_URL is not set)" in said
    (found,) = mail.local_mails(tmp_path / "mails")
    assert out == f"written to {tmp_path / 'mails' / str(found.id)}.eml\n"
    assert found.to == "camille@example.fr"


@pytest.mark.parametrize(
    ("environment", "address", "sentence"),
    [
        ({}, "nobody", "the address must be one e-mail address"),
        (
            {"SMTP_URL": "smtp://a:s3cret@mail.example.org?tls=no"},
            "a@example.org",
            "SMTP_URL is not acceptable",
        ),
        ({"SMTP_URL": "smtp://mail.example.org", "MAIL_FROM": ""}, "a@example.org", "MAIL_FROM must say"),
    ],
)
def test_a_mistake_is_one_clear_sentence(
    ancrage: Ancrage,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    address: str,
    sentence: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code, _, said = ancrage("mail", "test", address)
    assert code == 1
    assert sentence in said
    assert "Traceback" not in said
    assert "s3cret" not in said


def test_the_doctor_says_where_mail_goes(
    ancrage: Ancrage, monkeypatch: pytest.MonkeyPatch, new_database: Callable[..., str], tmp_path: Path
) -> None:
    url = new_database("mail_doctor")

    async def prepare() -> None:
        engine = create_engine(url)
        await migrate(engine)
        await engine.dispose()

    asyncio.run(prepare())
    monkeypatch.setenv("DATABASE_URL", url)
    assert f"Mail: files in {tmp_path / 'mails'}" in ancrage("doctor")[1]
    monkeypatch.setenv("SMTP_URL", "smtp://ancrage:s3cret@mail.example.org")
    monkeypatch.setenv("MAIL_BOUNCE_ADDRESS", "bounces+{token}@example.org")
    out = ancrage("doctor")[1]
    assert (
        "Mail: by mail.example.org:587, tls=starttls, as ancrage, from Ancrage <ancrage@example.org>; "
        "bounces return to bounces+{token}@example.org" in out
    )
    assert "s3cret" not in out
