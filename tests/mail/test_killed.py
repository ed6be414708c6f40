"""Killed after the mail server took a mail and before that was recorded: it sends the same mail again."""

import asyncio
import json
import subprocess
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import select

from service.core.database import Database
from service.models import Mail
from tests.mail.makers import ask, create_sign_in
from tests.mail.postbox import Postbox, postbox
from tests.work.support import until


class Killing(Postbox):
    """Kills the sender of the first mail once it has the whole of it."""

    victim: subprocess.Popen[str] | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if self.victim is not None:
            self.victim.kill()
            await asyncio.to_thread(self.victim.wait, 20)
            self.victim = None
        return answer


def start(options: dict[str, object]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mail.worker"], stdin=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdin
    with process.stdin:
        json.dump(options, process.stdin)
    return process


async def test_the_retry_of_a_killed_sender_is_recognisable(fresh_database: Database) -> None:
    async with fresh_database.transaction() as session:
        sign_in = await create_sign_in(session)
    mail_id = await ask(fresh_database, "sign_in_code", sign_in.email, data={"sign_in_id": sign_in.id})

    async def sent() -> bool:
        async with fresh_database.sessions() as session:
            return await session.scalar(select(Mail.state).where(Mail.id == mail_id)) == "sent"

    async with postbox(Killing()) as box:
        assert isinstance(box, Killing)
        options: dict[str, object] = {
            "database_url": fresh_database.bind.engine.url.render_as_string(hide_password=False),
            "worker_lease_seconds": 1.0,
            "worker_poll_seconds": 0.2,
            "smtp_url": box.url(),
            "mail_from": "ancrage@example.org",
        }
        killed = box.victim = start(options)
        await until(lambda: asyncio.to_thread(lambda: killed.poll() is not None))
        assert len(box.mails) == 1
        assert not await sent()
        second = start(options)
        try:
            await until(sent)
        finally:
            second.kill()
            await asyncio.to_thread(second.wait, 20)
    first, again = box.mails
    assert first.message["message-id"] == again.message["message-id"]
    # Whoever keeps both sees one mail twice: they are the same to the byte.
    assert first.content == again.content
