"""From facts to the bytes of a mail: one text per language, written as plain text and as HTML."""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import parseaddr
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.core.email_address import normalise
from service.domain.mail.colours import DEFAULT
from service.domain.mail.words import one_line

PLATFORM: Final = "Ancrage"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_WIDTH: Final = 72
# Not the no-break spaces of French: they keep a word and its sign on one line.
_BREAKABLE: Final = re.compile(r"[ \t\r\n]+")
_LONGEST_SUBJECT: Final = 120
_LONGEST_SENDER: Final = 80


@dataclass(frozen=True, slots=True)
class Brand:
    """In whose name a mail speaks. ``colour`` can be read on white, and white on it."""

    name: str = PLATFORM
    colour: str = DEFAULT
    logo_url: str | None = None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a mail says: which template, in which language, in whose name, with which facts."""

    template: str
    language: str
    brand: Brand
    facts: Mapping[str, Any]
    greeted: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A letter in words."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Headers:
    """What stands on the outside. ``to`` is None for a mail that no longer says whom it was for."""

    sender: str
    to: str | None
    message_id: str
    date: datetime


def _wrapped(text: str) -> str:
    line = _BREAKABLE.sub(" ", text).strip(" ")
    return "\n".join(_lines(line))


def _lines(line: str) -> list[str]:
    # textwrap breaks at ASCII blanks alone; a word too long for a line, such as a link, stays whole.
    return textwrap.wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _quoted(text: str) -> str:
    lines = [part for line in text.strip().splitlines() for part in (_lines(line) or [""])]
    return "\n".join(f"> {line}".rstrip() for line in lines)


@cache
def _environment(kind: str) -> Environment:
    """Return the templates for ``html`` or ``txt``."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=kind == "html",  # noqa: S701 - plain text shows every value as it is
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"wrapped": _wrapped, "quoted": _quoted}
    environment.globals |= {"layout": f"layout.{kind}", "parts": f"parts.{kind}", "platform": PLATFORM}
    return environment


def write(letter: Letter) -> Written:
    """Return ``letter`` in words. Raises :class:`jinja2.UndefinedError` for a fact that is missing."""
    values = {
        **letter.facts,
        "language": letter.language,
        "brand": letter.brand,
        "greeted": letter.greeted,
        "base": f"{letter.language}/base.jinja",
        "colon": "\u00a0:" if letter.language == "fr" else ":",
    }
    name = f"{letter.language}/{letter.template}.jinja"
    plain = _environment("txt").get_template(name)
    subject = one_line("".join(plain.blocks["subject"](plain.new_context(values))))[:_LONGEST_SUBJECT]
    values["subject"] = subject
    return Written(
        subject=subject,
        text=plain.render(values).strip() + "\n",
        html=_environment("html").get_template(name).render(values),
    )


def sender_of(mail_from: str | None) -> tuple[str, str]:
    """Return the name (perhaps none) and the address in ``MAIL_FROM``; something local when it is unset."""
    name, address = parseaddr(mail_from or "")
    return name, address or "ancrage@localhost"


def compose(letter: Letter, headers: Headers) -> bytes:
    """Return the mail as it is sent: MIME, CRLF line ends, no line over 78 characters in its headers."""
    written = write(letter)
    name, address = sender_of(headers.sender)
    message = EmailMessage(policy=policy.SMTP)
    # The territory's name in front of the platform's address: the reader knows who writes.
    shown = letter.brand.name if letter.brand.name != PLATFORM else name or PLATFORM
    message["From"] = Address(one_line(shown)[:_LONGEST_SENDER], addr_spec=address)
    message["To"] = headers.to if headers.to is not None else "undisclosed-recipients:;"
    if letter.brand.reply_to is not None:
        message["Reply-To"] = letter.brand.reply_to
    message["Subject"] = written.subject
    message["Date"] = headers.date
    message["Message-ID"] = headers.message_id
    # RFC 3834: no automatic answer is wanted; the second is what Exchange reads.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(written.text, cte="quoted-printable")
    message.add_alternative(written.html, subtype="html", cte="quoted-printable")
    # Setting the content would take it away.
    message["Content-Language"] = letter.language
    # Taken from the mail's own id, so that the same mail written twice is the same to the byte.
    message.set_boundary(f"=_{headers.message_id.strip('<>').partition('@')[0]}")
    return message.as_bytes()


def usable_address(text: object) -> str | None:
    """Return ``text`` as an address in its one spelling; None when it is none, or none for a header.

    Python's own writer of headers would decode an encoded word (``=?…?=``), line ends included.
    """
    if not isinstance(text, str) or "=?" in text:
        return None
    try:
        return normalise(text)
    except ValueError:
        return None
