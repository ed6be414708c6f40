"""Handing one mail to a mail server, by the standard library's SMTP client in a thread.

Every answer of the server becomes a :class:`Reply`; its text may name persons and is for the terminal alone.
"""

import asyncio
import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from service.core.smtp_url import SmtpServer, Tls

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_LONGEST_TEXT: Final = 500


class Stage(StrEnum):
    """What was being said when the server answered."""

    CONNECTION = "connection"
    ENCRYPTION = "encryption"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered: ``code`` is None when it answered nothing."""

    stage: Stage
    code: int | None = None
    status: str | None = None
    text: str = field(default="", repr=False)

    @property
    def positive(self) -> bool:
        """Tell whether the server agreed."""
        return self.code is not None and 200 <= self.code < 300  # noqa: PLR2004 - as RFC 5321 groups them

    @property
    def final(self) -> bool:
        """Tell whether the same mail will be refused for ever.

        Not so 50x and 53x: they speak of how this server is set up, which its operator can mend.
        """
        return self.code is not None and 510 <= self.code < 600 and self.code // 10 != 53  # noqa: PLR2004

    def __str__(self) -> str:
        """Return the reply without its text, fit to be stored: ``550 5.1.1 recipient``."""
        return " ".join(part for part in (str(self.code or "no answer"), self.status, self.stage) if part)


class NotAccepted(Exception):  # noqa: N818 - what the server said, not a fault of ours
    """The server did not take the mail: not now, or never."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"The mail server did not take the mail ({reply}).")
        self.reply = reply


class Deferred(NotAccepted):
    """Not now, or not as this server is set up: the same mail may be taken later."""


class Refused(NotAccepted):
    """Never: the recipient or the mail itself was refused for good."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A mail as it goes out: whom bounces go to, whom it goes to, its bytes with CRLF line ends."""

    sender: str
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


def ascii_address(address: str) -> str:
    """Return ``address`` with its domain as DNS writes it.

    Raises :class:`UnicodeError` when it has no such form.
    """
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}"


class _Conversation:
    """One connection, held in a thread; :meth:`abandon` ends it from another."""

    def __init__(self, server: SmtpServer, envelope: Envelope) -> None:
        self._server = server
        self._envelope = envelope
        self._smtp: smtplib.SMTP | None = None
        self._abandoned = False

    def abandon(self) -> None:
        """End the conversation at once: a mail that was not said to its end is not taken."""
        self._abandoned = True
        sock = getattr(self._smtp, "sock", None)
        if sock is not None:
            with contextlib.suppress(OSError):
                # The plain socket's: an encrypted one would forget in mid-sentence that it is encrypted.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def hold(self) -> Reply:
        """Hand the mail over; return the answer to it. Raises :class:`NotAccepted`."""
        try:
            smtp = self._connect()
            self._introduce(smtp)
            return self._hand_over(smtp)
        finally:
            if self._smtp is not None:
                # Whether the mail was taken has been said already.
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    self._smtp.quit()
                self._smtp.close()

    def _ask(self, stage: Stage, call: Callable[[], tuple[int, bytes]]) -> Reply:
        """Return what the server answers to ``call``; no answer at all is a reason to try later."""
        if self._abandoned:
            raise Deferred(Reply(stage, text="given up"))
        try:
            code, text = call()
        except smtplib.SMTPResponseException as error:
            code, text = error.smtp_code, error.smtp_error if isinstance(error.smtp_error, bytes) else b""
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            # The error may quote an address.
            raise Deferred(Reply(stage, text=str(error)[:_LONGEST_TEXT])) from None
        return _reply(stage, code, text)

    def _expect(self, stage: Stage, call: Callable[[], tuple[int, bytes]]) -> None:
        """Raise :class:`Deferred` unless the server agrees: nothing here is the mail's fault."""
        reply = self._ask(stage, call)
        if not reply.positive:
            raise Deferred(reply)

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        own_name = self._envelope.sender.rpartition("@")[2]
        if server.tls is Tls.TLS:
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                timeout=server.timeout, local_hostname=own_name, context=self._context()
            )
        else:
            smtp = smtplib.SMTP(timeout=server.timeout, local_hostname=own_name)
        # The name that certificates are checked against. The constructor would set it, and connect at once.
        smtp._host = server.host  # type: ignore[attr-defined] # noqa: SLF001
        self._smtp = smtp
        self._expect(Stage.CONNECTION, lambda: smtp.connect(server.host, server.port))
        return smtp

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._server.ca)
        except OSError as error:
            raise Deferred(Reply(Stage.ENCRYPTION, text=f"{self._server.ca}: {error}")) from None

    def _introduce(self, smtp: smtplib.SMTP) -> None:
        if self._server.tls is Tls.STARTTLS:
            context = self._context()
            self._expect(Stage.ENCRYPTION, lambda: smtp.starttls(context=context))
        user, password = self._server.user, self._server.password
        if user is not None and password is not None:
            self._expect(Stage.LOGIN, lambda: smtp.login(user, password))
        self._expect(Stage.CONNECTION, lambda: _greet(smtp))

    def _hand_over(self, smtp: smtplib.SMTP) -> Reply:
        envelope = self._envelope
        try:
            recipient = ascii_address(envelope.recipient)
        except UnicodeError:
            raise Refused(Reply(Stage.RECIPIENT, None, "5.1.2", "no such domain can exist")) from None
        options = [] if recipient.isascii() else ["SMTPUTF8"]
        if options and not smtp.has_extn("smtputf8"):
            raise Refused(Reply(Stage.RECIPIENT, None, "5.6.7", "the server takes no accents in addresses"))
        self._expect(Stage.SENDER, lambda: smtp.mail(envelope.sender, options))
        for stage, call in (
            (Stage.RECIPIENT, lambda: smtp.rcpt(recipient)),
            (Stage.MESSAGE, lambda: smtp.data(envelope.content)),
        ):
            reply = self._ask(stage, call)
            if reply.final:
                raise Refused(reply)
            if not reply.positive:
                raise Deferred(reply)
        return reply


def _greet(smtp: smtplib.SMTP) -> tuple[int, bytes]:
    smtp.ehlo_or_helo_if_needed()
    return 250, b""


def _reply(stage: Stage, code: int, text: bytes) -> Reply:
    words = text.decode("utf-8", "replace").replace("\n", " ")[:_LONGEST_TEXT]
    status = _ENHANCED.match(words)
    return Reply(stage, code if code > 0 else None, status.group() if status else None, words)


async def send(server: SmtpServer, envelope: Envelope) -> Reply:
    """Hand ``envelope`` to ``server``; return the answer by which it took it.

    Raises :class:`Deferred` when it may take the same mail later (it cannot be reached, answers 4xx, does not
    let us in), :class:`Refused` when it never will. Cancelled, it ends the conversation.
    """
    conversation = _Conversation(server, envelope)
    try:
        return await asyncio.to_thread(conversation.hold)
    except asyncio.CancelledError:
        conversation.abandon()
        raise
