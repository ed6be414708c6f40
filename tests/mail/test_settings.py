"""SMTP_URL, MAIL_FROM and MAIL_BOUNCE_ADDRESS: what they mean, and clear words when they mean nothing."""

import pytest
from pydantic import ValidationError

from service.core.settings import Settings
from service.core.smtp_url import SmtpServer, Tls, parse_smtp_url


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 587, Tls.STARTTLS)),
        ("smtp://mail.example.org:2525", SmtpServer("mail.example.org", 2525, Tls.STARTTLS)),
        ("smtp://mail.example.org?tls=none", SmtpServer("mail.example.org", 25, Tls.NONE)),
        ("smtp://mail.example.org/?tls=tls", SmtpServer("mail.example.org", 465, Tls.TLS)),
        ("smtps://mail.example.org", SmtpServer("mail.example.org", 465, Tls.TLS)),
        ("smtp://[::1]:1025?tls=none", SmtpServer("::1", 1025, Tls.NONE)),
        (
            "smtp://ancrage%40example.org:p%40ss%2Fw%3Ard@mail.example.org:587",
            SmtpServer("mail.example.org", 587, Tls.STARTTLS, "ancrage@example.org", "p@ss/w:rd"),
        ),
        ("smtp://a:b@localhost?tls=none", SmtpServer("localhost", 25, Tls.NONE, "a", "b")),
        (
            "smtps://mail.example.org?timeout=2.5&ca=/etc/ssl/own.pem",
            SmtpServer("mail.example.org", 465, Tls.TLS, timeout=2.5, ca="/etc/ssl/own.pem"),
        ),
    ],
)
def test_an_address_names_a_server(url: str, server: SmtpServer) -> None:
    assert parse_smtp_url(url) == server


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mail.example.org:25", "must look like"),
        ("http://mail.example.org", "must look like"),
        ("smtp://", "must look like"),
        ("smtp://mail.example.org:port", "must look like"),
        ("smtp://mail.example.org:99999", "must look like"),
        ("smtp://mail.example.org/inbox", "must look like"),
        ("smtp://mail.example.org?tls=maybe", "tls must be"),
        ("smtps://mail.example.org?tls=none", "tls must be"),
        ("smtp://mail.example.org?timeout=0", "timeout must be"),
        ("smtp://mail.example.org?timeout=soon", "timeout must be"),
        ("smtp://mail.example.org?timeout=nan", "timeout must be"),
        ("smtp://mail.example.org?verify=no", "verify is not understood"),
        ("smtp://s3cret@mail.example.org", "a user and a password"),
        ("smtp://user:s3cret@mail.example.org?tls=none", "over tls=starttls or tls=tls only"),
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        parse_smtp_url(url)
    assert "s3cret" not in str(error.value)
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"smtp_url": url, "mail_from": "ancrage@example.org"})
    assert "s3cret" not in refused.value.errors()[0]["msg"]


def test_a_password_is_never_shown() -> None:
    assert "s3cret" not in repr(parse_smtp_url("smtp://a:s3cret@mail.example.org"))
    settings = Settings.model_validate(
        {"smtp_url": "smtp://a:s3cret@mail.example.org", "mail_from": "ancrage@example.org"}
    )
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    "sender", ["ancrage@example.org", "Pays des Sources <ancrage@example.org>", "É <a@b.c>"]
)
def test_a_sender(sender: str) -> None:
    assert Settings.model_validate({"mail_from": sender}).mail_from == sender


@pytest.mark.parametrize(
    "sender",
    ["Ancrage", "<ancrage@example.org>", "a@b, c@d", "A\r\nBcc: x@y <a@b>", '"A" <a@b>', "a@b <c@d>x"],
)
def test_no_sender(sender: str) -> None:
    with pytest.raises(ValidationError, match="must look like"):
        Settings.model_validate({"mail_from": sender})


def test_a_server_needs_a_sender() -> None:
    with pytest.raises(ValidationError, match="MAIL_FROM must say who mails come from"):
        Settings.model_validate({"smtp_url": "smtp://mail.example.org"})


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("bounces+{token}@example.org", True),
        ("{token}@bounces.example.org", True),
        ("bounces@example.org", False),
        ("bounces@{token}.example.org", False),
        ("{token}{token}@example.org", False),
        ("Bounces <b+{token}@example.org>", False),
    ],
)
def test_where_bounces_return(address: str, good: bool) -> None:
    if good:
        assert Settings.model_validate({"mail_bounce_address": address}).mail_bounce_address == address
    else:
        with pytest.raises(ValidationError, match="must look like"):
            Settings.model_validate({"mail_bounce_address": address})
