"""The origin of a web page, judged strictly: exactly as browsers send it, or it would never match."""

import ipaddress
import re
import unicodedata
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_USUAL_PORT: Final = {"https": "443", "http": "80"}
_NOT_IN_NAMES: Final = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_LAST_PORT: Final = 65_535
_LONGEST_HOST: Final = 253
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


def _is_local(host: str) -> bool:
    return host in _LOOPBACK or host.endswith(".localhost")


def _is_ascii_form(label: str) -> bool:
    """Tell whether an ``xn--`` label is the Punycode of something, and written as it would be again."""
    try:
        meant = label.removeprefix("xn--").encode().decode("punycode")
    except UnicodeError:
        return False
    return (
        not meant.isascii()
        and f"xn--{meant.encode('punycode').decode()}" == label
        and unicodedata.normalize("NFKC", meant.lower()) == meant
        and _NOT_IN_NAMES.isdisjoint(map(unicodedata.category, meant))
    )


def _is_host(host: str) -> bool:
    """Tell whether ``host`` is a name or address in the one form browsers send."""
    try:
        if host.startswith("["):
            return str(ipaddress.IPv6Address(host[1:-1])) == host[1:-1]
        labels = host.split(".")
        if labels[-1].isdigit():
            return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False
    return (
        len(host) <= _LONGEST_HOST
        and (len(labels) > 1 or host == "localhost")
        and all(
            _LABEL.fullmatch(label) and (not label.startswith("xn--") or _is_ascii_form(label))
            for label in labels
        )
    )


def is_origin(value: str) -> bool:
    """Tell whether ``value`` is an origin as browsers send it in the header ``Origin``.

    ``https``, or ``http`` for this machine alone; a host in lower case and ASCII; a port unless it is the
    scheme's own; nothing after it.
    """
    found = _ORIGIN.fullmatch(value)
    if found is None or not _is_host(found["host"]):
        return False
    if found["port"] and (int(found["port"]) > _LAST_PORT or found["port"] == _USUAL_PORT[found["scheme"]]):
        return False
    return found["scheme"] == "https" or _is_local(found["host"])


def _ascii(host: str) -> str:
    labels = (unicodedata.normalize("NFKC", label.lower()) for label in host.split("."))
    return ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in labels
    )


def nearest(value: str) -> str | None:
    """Return the origin that ``value`` seems to mean (an address, capitals, accents), or None."""
    try:
        parts = urlsplit(value if "://" in value else f"https://{value}")
        host, port = parts.hostname, parts.port
        if not host or parts.username is not None:
            return None
        scheme = parts.scheme.lower()
        if scheme == "http" and not _is_local(host):
            scheme, port = "https", None if port == int(_USUAL_PORT["http"]) else port
        name = f"[{ipaddress.IPv6Address(host)}]" if ":" in host else _ascii(host.rstrip("."))
    except ValueError:
        return None
    own = port is None or str(port) == _USUAL_PORT.get(scheme)
    meant = f"{scheme}://{name}" if own else f"{scheme}://{name}:{port}"
    return meant if is_origin(meant) else None


def _origin(value: str) -> str:
    if is_origin(value):
        return value
    meant = nearest(value)
    message = "must be an origin as browsers send it: https://, the host, a port if not 443, no path"
    if meant is not None:
        message = f"must be written as browsers send it: {meant}"
    elif "*" in value:
        message = "must name one host, without *: list every origin"
    raise ValueError(message)


Origin = Annotated[
    str,
    Field(max_length=300),
    AfterValidator(_origin),
    Field(examples=["https://www.pays-des-sources.example"]),
]
