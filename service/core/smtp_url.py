"""``SMTP_URL``: the mail server, how the line to it is protected, and the account used there."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_PARAMETERS: Final = frozenset({"tls", "timeout", "ca"})
_LONGEST_TIMEOUT_SECONDS: Final = 60.0


class Tls(StrEnum):
    """How the line is protected."""

    STARTTLS = "starttls"
    """Plain at first, encrypted before anything is said; a server that cannot is refused."""
    TLS = "tls"
    NONE = "none"


_PORTS: Final = {Tls.STARTTLS: 587, Tls.TLS: 465, Tls.NONE: 25}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server. ``timeout`` is how long it may stay silent, in seconds; ``ca`` a file of authorities."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    ca: str | None = None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _timeout(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT_SECONDS:
        raise ValueError(f"timeout must be a number of seconds up to {_LONGEST_TIMEOUT_SECONDS:g}")
    return seconds


def parse_smtp_url(url: str) -> SmtpServer:
    """Return what ``smtp://user:password@host:587?tls=starttls|tls|none&timeout=30&ca=file`` says.

    ``smtps://`` is ``tls=tls``; ``starttls`` when nothing is said. The messages of :class:`ValueError` never
    repeat the address, which holds a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("it must look like smtp://user:password@host:587") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("it must look like smtp://user:password@host:587 or smtps://user:password@host:465")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(parameters) - _PARAMETERS):
        raise ValueError(f"{unknown[0]} is not understood after the question mark: tls, timeout and ca are")
    named = parameters.get("tls", Tls.TLS if parts.scheme == "smtps" else Tls.STARTTLS)
    if named not in set(Tls) or (parts.scheme == "smtps" and named != Tls.TLS):
        raise ValueError("tls must be starttls, tls or none; with smtps:// it is tls")
    tls = Tls(named)
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    if (user is None) != (password is None):
        raise ValueError("give a user and a password, or neither; percent-encode signs such as @ and /")
    if user is not None and tls is Tls.NONE and not _is_loopback(parts.hostname):
        raise ValueError("a password is sent to another machine over tls=starttls or tls=tls only")
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[tls],
        tls=tls,
        user=user,
        password=password,
        timeout=_timeout(parameters.get("timeout", "30")),
        ca=parameters.get("ca") or None,
    )
