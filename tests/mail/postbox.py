"""Mail servers for tests: a real one that answers as told, and two that misbehave."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from service.core.settings import Settings
from service.core.smtp_url import SmtpServer, parse_smtp_url

TAKEN = "250 2.0.0 Ok: queued as 4F2A"


@dataclass
class Received:
    """One mail as the server got it."""

    sender: str
    recipient: str
    content: bytes
    encrypted: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, EmailMessage, policy=policy.default)

    def body(self, kind: str = "plain") -> str:
        """Return the text, or the page (``html``)."""
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


@dataclass
class Postbox:
    """A mail server in this process.

    ``senders``, ``recipients`` and ``messages`` are answers to give, one an attempt, before all is well.
    """

    port: int = 0
    mails: list[Received] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.senders:
            return self.senders.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.recipients:
            return self.recipients.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.messages:
            return self.messages.pop(0)
        assert isinstance(envelope.content, bytes)
        assert server.transport is not None
        self.mails.append(
            Received(
                sender=str(envelope.mail_from),
                recipient=envelope.rcpt_tos[0],
                content=envelope.content,
                encrypted=server.transport.get_extra_info("sslcontext") is not None,
                user=getattr(session.auth_data, "login", b"").decode() or None,
            )
        )
        return TAKEN

    def server(self, query: str = "tls=none", *, user: str = "") -> SmtpServer:
        return parse_smtp_url(self.url(query, user=user))

    def url(self, query: str = "tls=none", *, user: str = "") -> str:
        return f"smtp://{user}127.0.0.1:{self.port}?{query}&timeout=5"

    def settings(self, settings: Settings, query: str = "tls=none", **overrides: Any) -> Settings:
        """Return ``settings`` that send to this server."""
        return settings.model_copy(
            update={
                "smtp_url": SecretStr(self.url(query)),
                "mail_from": "Ancrage <ancrage@example.org>",
                "public_url": "https://api.example.org",
                **overrides,
            }
        )


def _authenticate(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
) -> AuthResult:
    good = (data.login, data.password) == (b"ancrage", b"s@cret/1")
    return AuthResult(success=good, handled=good, auth_data=data)


@asynccontextmanager
async def postbox(
    box: Postbox | None = None,
    *,
    context: ssl.SSLContext | None = None,
    from_the_start: bool = False,
    utf8: bool = False,
) -> AsyncIterator[Postbox]:
    """Run a mail server on this loop; ``context``: for STARTTLS, or for TLS ``from_the_start``."""
    box = box or Postbox()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            box,
            hostname="mail.example.org",
            enable_SMTPUTF8=utf8,
            tls_context=None if from_the_start else context,
            authenticator=_authenticate,
            auth_require_tls=False,
            loop=loop,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if from_the_start else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def misbehaving(behaviour: Behaviour) -> AsyncIterator[SmtpServer]:
    """Run a server that says what ``behaviour`` writes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        except ConnectionError:
            # The client left first.
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parse_smtp_url(f"smtp://127.0.0.1:{port}?tls=none&timeout=5")
    finally:
        server.close()
        await server.wait_closed()


async def answer_until_data(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say yes to everything, up to and including DATA."""
    writer.write(b"220 mail.example.org\r\n")
    while line := await reader.readline():
        if line.upper().startswith(b"DATA"):
            writer.write(b"354 go on\r\n")
            return
        writer.write(b"250 Ok\r\n")


def certificate(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that vouches for itself; return its file and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
                    for name in names
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context
