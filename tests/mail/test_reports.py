"""Reading delivery reports: real shapes are understood, and nothing sent in makes it fail otherwise."""

import base64

import pytest
from hypothesis import given, strategies as st

from service.domain.mail.reports import NotAReport, read
from service.domain.mail.sending import lasting
from service.schemas.mail import BounceOutcome
from tests.mail.dsn import AWAY, EXCHANGE, INTERNATIONAL, POSTFIX

TO = "retours+0123456789abcdef@mail.example.org"
ID = "<0198c2a0@example.org>"


def postfix(**changes: str) -> bytes:
    values = {"to": TO, "action": "failed", "status": "5.1.1", "message_id": ID} | changes
    return POSTFIX.substitute(values).encode()


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("template", [POSTFIX, EXCHANGE])
@pytest.mark.parametrize(
    ("action", "status", "outcome"),
    [
        ("failed", "5.1.1", "permanent"),
        ("failed", "5.7.26", "permanent"),
        ("Failed", "4.4.7", "transient"),
        ("delayed", "4.4.1", "delayed"),
        ("delayed", "5.0.0", "delayed"),
        ("delivered", "2.0.0", "delivered"),
        ("relayed (to elsewhere)", "2.1.9", "delivered"),
        ("expanded", "2.0.0", "delivered"),
    ],
)
def test_what_servers_write(line_end: str, template: object, action: str, status: str, outcome: str) -> None:
    text = template.substitute(to=TO, action=action, status=status, message_id=ID)  # type: ignore[attr-defined]
    report = read(text.replace("\n", line_end).encode())
    assert (report.outcome, report.status) == (BounceOutcome(outcome), status)
    assert TO in report.delivered_to
    assert report.message_ids == (ID,)


def test_the_international_kind() -> None:
    status = (
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: utf-8; zoé@exemple.fr\nAction: failed\nStatus: 5.1.1\n"
    )
    text = INTERNATIONAL.substitute(
        to=TO, message_id=ID, encoded=base64.encodebytes(status.encode()).decode().strip()
    )
    report = read(text.encode())
    assert (report.outcome, report.status) == (BounceOutcome.PERMANENT, "5.1.1")
    assert report.delivered_to == (TO,)
    assert report.message_ids == (ID,)


def test_the_worst_of_several_recipients_counts() -> None:
    more = postfix(status="4.2.2").replace(
        b"Diagnostic-Code",
        b"X-One: 1\n\nFinal-Recipient: rfc822; b@example.fr\nAction: failed\nStatus: 5.1.1\n\n"
        b"Final-Recipient: rfc822; c@example.fr\nAction: delayed\nStatus: 4.0.0\nDiagnostic-Code",
    )
    assert read(more).status == "5.1.1"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"\r\n\r\n",
        b"nothing",
        AWAY.encode(),
        postfix().replace(b"multipart/report", b"multipart/mixed"),
        postfix().replace(b'boundary="4F2A.1/mx.example.net"', b""),
        postfix().replace(b'boundary="4F2A.1/mx.example.net"', b'boundary=""'),
        postfix().replace(b'boundary="4F2A.1/mx.example.net"', b"boundary*=utf-8''%ff%00"),
        postfix().replace(b'boundary="4F2A.1/mx.example.net"', b"boundary*=nothing''x"),
        postfix().replace(b"message/delivery-status", b"text/plain"),
        postfix(status="never"),
        postfix(status="6.1.1"),
        postfix(status="5.1.1111"),
        postfix(action="exploded"),
        postfix().replace(b"\n\n", b"\n"),
        postfix().partition(b"--4F2A")[0],
    ],
)
def test_anything_else_is_no_report(raw: bytes) -> None:
    with pytest.raises(NotAReport, match="no delivery status notification"):
        read(raw)


def test_what_is_returned_is_not_taken_for_the_report_s_own() -> None:
    """The mail inside, which its recipient wrote or saw, names no outcome and no way back."""
    forged = postfix().replace(
        b"Bonjour\n",
        b"--inner\nContent-Type: message/delivery-status\n\nAction: delivered\nStatus: 2.0.0\n",
    )
    forged = forged.replace(b"Subject: Undelivered", b"X-Note: to: a@example.org\nSubject: Undelivered")
    report = read(forged)
    assert report.status == "5.1.1"
    assert set(report.delivered_to) == {TO}


HEAVY = {
    "one line": b"a" * 1_000_000,
    "blank lines": b"\n" * 1_000_000,
    "blanks": b"\n " * 500_000,
    "boundaries": b"Content-Type: multipart/report; boundary=a\n\n" + b"--a\n" * 250_000,
    "nested": b"".join(
        b"Content-Type: multipart/report; boundary=%d\n\n--%d\n" % (number, number)
        for number in range(20_000)
    ),
    "headers": b"Content-Type: multipart/report; boundary=a\n" + b"To: a@a\n" * 100_000,
    "a long header": b"To: " + b"a" * 1_000_000 + b"@",
    "many addresses": b"To: " + b"a@" * 500_000,
    "recipients": b"Content-Type: multipart/report; boundary=a\n\n--a\n"
    b"Content-Type: message/delivery-status\n\n" + b"Action: failed\nStatus: x\n\n" * 40_000,
    "words": b"=?utf-8?q?" * 100_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_megabyte_of_anything_is_read_in_one_pass(name: str) -> None:
    with pytest.raises(NotAReport):
        read(HEAVY[name])


@given(st.binary(max_size=400))
def test_any_bytes(noise: bytes) -> None:
    with pytest.raises(NotAReport):
        read(noise)


@given(st.binary(max_size=60), st.integers(0, 2000), st.integers(0, 60))
def test_any_damage(noise: bytes, at: int, cut: int) -> None:
    raw = postfix()
    damaged = raw[:at] + noise + raw[at + cut :]
    try:
        report = read(damaged)
    except NotAReport:
        return
    assert report.outcome in BounceOutcome
    assert all(len(found) < 400 for found in (*report.delivered_to, *report.message_ids))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, True) for status in ("5.0.0", "5.1.1", "5.1.10", "5.2.0", "5.2.1", "5.4.1", "5.4.4")),
        *((status, False) for status in ("5.2.2", "5.2.3", "5.3.0", "5.5.4", "5.6.7", "5.7.1", "4.1.1", "")),
    ],
)
def test_which_failures_say_that_an_address_is_dead(status: str, expected: bool) -> None:
    assert lasting(status) is expected
