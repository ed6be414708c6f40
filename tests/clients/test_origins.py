"""Origins, as browsers send them: checked against a browser's own rules, and answered with what was meant."""

import pytest
from hypothesis import given, strategies as st
from pydantic import TypeAdapter, ValidationError

from service.schemas.origins import Origin, is_origin, nearest

READER: TypeAdapter[str] = TypeAdapter(Origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://www.pays-des-sources.example",
        "https://pays.example:8443",
        "https://a.b.c.d.example",
        "https://xn--rgion-bsa.example",
        "https://xn--strae-oqa.example",
        "https://xn--80ak6aa92e.example",
        "https://1and1.example",
        "https://my_preview.example",
        "https://localhost",
        "https://localhost:3000",
        "http://localhost",
        "http://localhost:5173",
        "http://site.localhost:8080",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "https://[2001:db8::1]",
        "https://203.0.113.7:444",
        "https://" + "a" * 63 + ".example",
    ],
)
def test_what_browsers_send_is_taken_as_it_is(origin: str) -> None:
    assert READER.validate_python(origin) == origin


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://www.bassin.example/", "https://www.bassin.example"),
        ("https://www.bassin.example/accueil?x=1#y", "https://www.bassin.example"),
        ("https://WWW.Bassin.example", "https://www.bassin.example"),
        ("HTTPS://www.bassin.example", "https://www.bassin.example"),
        ("https://www.bassin.example:443", "https://www.bassin.example"),
        ("https://www.bassin.example:08443", "https://www.bassin.example:8443"),
        ("https://www.bassin.example.", "https://www.bassin.example"),
        ("http://www.bassin.example", "https://www.bassin.example"),
        ("http://www.bassin.example:80", "https://www.bassin.example"),
        ("http://localhost:80", "http://localhost"),
        ("www.bassin.example", "https://www.bassin.example"),
        ("https://www.région.example", "https://www.xn--rgion-bsa.example"),
        ("https://straße.example", "https://xn--strae-oqa.example"),
        ("https://ВОДА.example", "https://xn--80adg3b.example"),
        ("https://[2001:DB8:0::1]", "https://[2001:db8::1]"),
    ],
)
def test_what_was_meant_is_said(written: str, meant: str) -> None:
    with pytest.raises(ValidationError, match="must be written as browsers send it") as raised:
        READER.validate_python(written)
    assert raised.value.errors()[0]["msg"].endswith(f": {meant}")
    assert is_origin(meant)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "null",
        "*",
        "https://*",
        "https://*.bassin.example",
        "https://",
        "https:///chemin",
        "ftp://bassin.example",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/html,x",
        "chrome-extension://abcdefgh",
        "https://user@bassin.example",
        "https://user:secret@bassin.example",
        "https://bassin.example:0",
        "https://bassin.example:65536",
        "https://bassin.example:port",
        "https://bassin",
        "https://-bassin.example",
        "https://bassin-.example",
        "https://bas..sin.example",
        "https://.example",
        "https://bas sin.example",
        "https://bassin.example\\evil.example",
        "https://bassin.example,https://evil.example",
        "https://bassin.example https://evil.example",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 130 + "example",
        "https://xn--a.example",
        "https://xn--.example",
        "https://xn--bassin-.example",
        "https://256.0.0.1",
        "https://1.2.3",
        "https://127.1",
        "https://0x7f.0.0.1.1",
        "https://[::1",
        "https://[fe80::1%eth0]",
        "https://[::ffff:1.2.3.4.5]",
    ],
)
def test_what_no_browser_sends_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="must"):
        READER.validate_python(written)
    assert not is_origin(written)


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\t", "\u2028", "\ufeff", "\u200b"])
def test_nothing_hides_at_the_ends(character: str) -> None:
    for written in (f"https://bassin.example{character}", f"{character}https://bassin.example"):
        assert not is_origin(written)


@given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{1,40}(:[0-9]{1,6})?/?", fullmatch=True))
def test_whatever_is_written_is_judged_without_falling_over(written: str) -> None:
    meant = nearest(written)
    assert meant is None or is_origin(meant)
    if is_origin(written):
        assert meant == written
        assert written == written.lower()
        assert written.isascii()
