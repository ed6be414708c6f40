"""The SMTP client against real servers, and against servers that break off, hang and lie."""

import asyncio
from pathlib import Path

import pytest

from service.adapters.smtp import Deferred, Envelope, Refused, Stage, send
from service.core.smtp_url import SmtpServer, Tls
from tests.mail.postbox import TAKEN, answer_until_data, certificate, misbehaving, postbox

ENVELOPE = Envelope(
    sender="ancrage@example.org",
    recipient="camille@example.fr",
    content=b"From: ancrage@example.org\r\nSubject: Essai\r\n\r\n.Un point seul :\r\n.\r\nFin\r\n",
)
ACCOUNT = "ancrage:s%40cret%2F1@"


async def test_a_mail_arrives_byte_for_byte() -> None:
    async with postbox() as box:
        reply = await send(box.server(), ENVELOPE)
    assert f"{reply.code} {reply.text}" == TAKEN
    assert reply.status == "2.0.0"
    (mail,) = box.mails
    assert (mail.sender, mail.recipient) == (ENVELOPE.sender, ENVELOPE.recipient)
    assert mail.content == ENVELOPE.content
    assert not mail.encrypted


@pytest.mark.parametrize("way", ["starttls", "tls"])
async def test_over_an_encrypted_line(tmp_path: Path, way: str) -> None:
    authority, context = certificate(tmp_path, "127.0.0.1")
    async with postbox(context=context, from_the_start=way == "tls") as box:
        await send(box.server(f"tls={way}&ca={authority}", user=ACCOUNT), ENVELOPE)
    (mail,) = box.mails
    assert mail.encrypted
    assert mail.user == "ancrage"


@pytest.mark.parametrize("way", ["starttls", "tls"])
@pytest.mark.parametrize("fault", ["unknown authority", "other name", "no such file"])
async def test_a_certificate_that_proves_nothing_is_not_spoken_to(
    tmp_path: Path, way: str, fault: str
) -> None:
    authority, context = certificate(tmp_path, "elsewhere.example" if fault == "other name" else "127.0.0.1")
    query = {
        "unknown authority": f"tls={way}",
        "other name": f"tls={way}&ca={authority}",
        "no such file": f"tls={way}&ca={tmp_path / 'none.pem'}",
    }[fault]
    async with postbox(context=context, from_the_start=way == "tls") as box:
        with pytest.raises(Deferred) as failure:
            await send(box.server(query, user=ACCOUNT), ENVELOPE)
    assert failure.value.reply.stage in {Stage.ENCRYPTION, Stage.CONNECTION}
    assert box.mails == []


async def test_a_server_that_cannot_encrypt_gets_no_password() -> None:
    async with postbox() as box:
        with pytest.raises(Deferred, match="no answer encryption"):
            await send(box.server("tls=starttls", user=ACCOUNT), ENVELOPE)
    assert box.mails == []


async def test_an_account_is_used_and_a_wrong_one_is_not_the_mail_s_fault() -> None:
    async with postbox() as box:
        await send(box.server(user=ACCOUNT), ENVELOPE)
        assert box.mails[0].user == "ancrage"
        with pytest.raises(Deferred, match=r"535 5\.7\.8 login"):
            await send(box.server(user="ancrage:other@"), ENVELOPE)
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("stage", "answer", "kind", "words"),
    [
        ("senders", "451 4.3.0 Later", Deferred, "451 4.3.0 sender"),
        ("senders", "550 5.7.1 Not you", Deferred, "550 5.7.1 sender"),
        ("recipients", "450 4.2.0 Greylisted", Deferred, "450 4.2.0 recipient"),
        ("recipients", "452 4.2.2 Mailbox full", Deferred, "452 4.2.2 recipient"),
        ("recipients", "530 5.7.0 Must issue a STARTTLS command first", Deferred, "530 5.7.0 recipient"),
        ("recipients", "503 5.5.1 Bad sequence", Deferred, "503 5.5.1 recipient"),
        ("recipients", "550 5.1.1 <camille@example.fr>: unknown", Refused, "550 5.1.1 recipient"),
        ("recipients", "550 No such user camille", Refused, "550 recipient"),
        ("messages", "452 4.3.1 Disk full", Deferred, "452 4.3.1 message"),
        ("messages", "554 5.7.1 Spam", Refused, "554 5.7.1 message"),
    ],
)
async def test_what_the_server_answers_decides(
    stage: str, answer: str, kind: type[Exception], words: str
) -> None:
    async with postbox() as box:
        getattr(box, stage).append(answer)
        with pytest.raises(kind) as failure:
            await send(box.server(), ENVELOPE)
        assert words in str(failure.value)
        # Nothing that may be stored or logged tells who was written to.
        assert "camille" not in f"{failure.value} {failure.value!r}"
        assert failure.value.__cause__ is None
        await send(box.server(), ENVELOPE)
    assert len(box.mails) == 1


async def test_nobody_listens() -> None:
    async with postbox() as box:
        server = box.server()
    with pytest.raises(Deferred, match="no answer connection"):
        await send(server, ENVELOPE)


async def test_a_host_that_cannot_exist() -> None:
    with pytest.raises(Deferred, match="no answer connection"):
        await send(SmtpServer("a..b", 25, Tls.NONE), ENVELOPE)


async def test_the_line_breaks_in_the_middle_of_the_mail() -> None:
    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_until_data(reader, writer)
        await reader.readexactly(10)

    async with misbehaving(behaviour) as server:
        with pytest.raises(Deferred, match="no answer message"):
            await send(server, ENVELOPE)


@pytest.mark.parametrize(
    "greeting", [b"", b"554 No service\r\n", b"nonsense\r\n", b"2\r\n", b"x" * 20_000, b"421 4.3.2 Full\r\n"]
)
async def test_a_server_that_does_not_greet(greeting: bytes) -> None:
    async def behaviour(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()

    async with misbehaving(behaviour) as server:
        with pytest.raises(Deferred, match="connection"):
            await send(server, ENVELOPE)


@pytest.mark.parametrize("after", ["connect", "data"])
async def test_a_server_that_hangs_is_given_up(after: str) -> None:
    left = asyncio.Event()

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after == "data":
            await answer_until_data(reader, writer)
        while await reader.read(1000):
            pass
        left.set()

    async with misbehaving(behaviour) as server:
        with pytest.raises(Deferred, match="no answer"):
            await send(SmtpServer(server.host, server.port, Tls.NONE, timeout=0.2), ENVELOPE)
        await asyncio.wait_for(left.wait(), 10)


async def test_a_cancelled_task_hangs_up_before_the_mail_is_said() -> None:
    """Else a thread nobody waits for would hand over a mail that is sent again later."""
    waiting, left = asyncio.Event(), asyncio.Event()

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org\r\n")
        await reader.readline()
        waiting.set()
        while await reader.read(1000):
            pass
        left.set()

    async with misbehaving(behaviour) as server:
        patient = SmtpServer(server.host, server.port, Tls.NONE, timeout=60)
        sending = asyncio.create_task(send(patient, ENVELOPE))
        await asyncio.wait_for(waiting.wait(), 10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        # The line's own limit would not end it yet.
        await asyncio.wait_for(left.wait(), 30)


async def test_addresses_beyond_ascii() -> None:
    accented = Envelope(ENVELOPE.sender, "zoé@exemple.fr", ENVELOPE.content)
    national = Envelope(ENVELOPE.sender, "zoe@éxemple.fr", ENVELOPE.content)
    async with postbox(utf8=True) as box:
        await send(box.server(), accented)
        await send(box.server(), national)
    assert [mail.recipient for mail in box.mails] == ["zoé@exemple.fr", "zoe@xn--xemple-9ua.fr"]
    async with postbox() as box:
        with pytest.raises(Refused, match=r"no answer 5\.6\.7 recipient"):
            await send(box.server(), accented)
        with pytest.raises(Refused, match=r"no answer 5\.1\.2 recipient"):
            await send(box.server(), Envelope(ENVELOPE.sender, f"zoe@{'a' * 70}.fr", b""))
    assert box.mails == []
