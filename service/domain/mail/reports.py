"""Reading what mail servers say about mail they could not deliver (RFC 3464), without trusting a byte of it.

Anybody can send anything to the address bounces return to. The message is cut at its boundary and no deeper,
so that nesting and size cost no more than one pass.
"""

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from service.schemas.mail import BounceOutcome

_BLANK_LINE: Final = re.compile(rb"\r?\n[ \t]*\r?\n")
_STATUS: Final = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,300}>")
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"()]{1,64}@[^\s<>,;:\"()]{1,255}")
# Where servers write to whom the report itself was delivered.
_DELIVERED_TO: Final = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_REPORT_TYPES: Final = frozenset({"message/delivery-status", "message/global-delivery-status"})
_RETURNED_TYPES: Final = frozenset(
    {"text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"}
)
_MOST_PARTS: Final = 20
_MOST_RECIPIENTS: Final = 50
_LONGEST_HEADERS: Final = 32_000


_WORSE: Final = (
    BounceOutcome.DELIVERED,
    BounceOutcome.DELAYED,
    BounceOutcome.TRANSIENT,
    BounceOutcome.PERMANENT,
)


class NotAReport(ValueError):  # noqa: N818 - what it is not
    """The message is no delivery status notification; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: the worst outcome it tells of, its status, and what it may be about."""

    outcome: BounceOutcome
    status: str
    delivered_to: tuple[str, ...]
    message_ids: tuple[str, ...]


def read(raw: bytes) -> Report:
    """Return what the message ``raw`` reports. Raises :class:`NotAReport`."""
    head, body = _split(raw)
    headers = _headers(head)
    boundary = headers.get_param("boundary")
    if headers.get_content_type() != "multipart/report" or not isinstance(boundary, str) or not boundary:
        raise NotAReport("It is no delivery status notification: its Content-Type is not multipart/report.")
    parts = _parts(body, boundary.encode("utf-8", "surrogateescape"))
    outcomes = [found for part in parts for found in _outcomes(part)]
    if not outcomes:
        raise NotAReport(
            "It is no delivery status notification: no part of type message/delivery-status holds an Action "
            "and a Status."
        )
    outcome, status = max(outcomes, key=lambda found: _WORSE.index(found[0]))
    return Report(
        outcome=outcome,
        status=status,
        delivered_to=tuple(
            address.lower()
            for name in _DELIVERED_TO
            for value in headers.get_all(name, [])
            for address in _ADDRESS.findall(str(value))
        ),
        message_ids=tuple(found for part in parts for found in _returned_ids(part)),
    )


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """Return the headers and the rest."""
    if raw[:1] in b"\r\n" and raw:
        return b"", raw
    blank = _BLANK_LINE.search(raw)
    return (raw, b"") if blank is None else (raw[: blank.start()], raw[blank.end() :])


def _headers(head: bytes) -> Message:
    return BytesHeaderParser().parsebytes(head[:_LONGEST_HEADERS] + b"\r\n\r\n")


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Return what stands between the boundary lines."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?=\r?\n|\Z)")
    return [part.lstrip(b"\r\n") for part in line.split(body, _MOST_PARTS)[1:]]


def _content(part: bytes, types: frozenset[str]) -> bytes | None:
    """Return the content of a part of one of these types, decoded; None for another."""
    head, body = _split(part)
    headers = _headers(head)
    if headers.get_content_type() not in types:
        return None
    # The international types may be encoded (RFC 6533). The type would have the content parsed.
    leaf = Message()
    leaf["Content-Transfer-Encoding"] = str(headers.get("content-transfer-encoding", "8bit")).strip()
    leaf.set_payload(body.decode("latin-1"))
    content = leaf.get_payload(decode=True)
    return content if isinstance(content, bytes) else body


def _outcomes(part: bytes) -> list[tuple[BounceOutcome, str]]:
    content = _content(part, _REPORT_TYPES)
    if content is None:
        return []
    found = []
    for group in _BLANK_LINE.split(content, _MOST_RECIPIENTS):
        fields = _headers(group.strip(b"\r\n"))
        status = _STATUS.match(str(fields.get("status", "")))
        action = str(fields.get("action", "")).partition("(")[0].strip().lower()
        if status is not None and (outcome := _outcome(action, status.group(1))) is not None:
            found.append((outcome, ".".join(status.groups())))
    return found


def _outcome(action: str, status_class: str) -> BounceOutcome | None:
    if action == "failed":
        return BounceOutcome.PERMANENT if status_class == "5" else BounceOutcome.TRANSIENT
    if action == "delayed":
        return BounceOutcome.DELAYED
    return BounceOutcome.DELIVERED if action in {"delivered", "relayed", "expanded"} else None


def _returned_ids(part: bytes) -> list[str]:
    content = _content(part, _RETURNED_TYPES)
    if content is None:
        return []
    values = _headers(_split(content.lstrip(b"\r\n"))[0]).get_all("message-id", [])
    return [found for value in values[:1] for found in _MESSAGE_ID.findall(str(value))[:1]]
