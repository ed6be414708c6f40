"""One mailbox, one spelling; and what a network and a device are called."""

import pytest
from hypothesis import example, given, strategies as st

from service.core.email_address import MAX_LENGTH, normalise
from service.core.networks import network_of
from service.domain.devices import device_of


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Camille.Exemple@Example.ORG\n", "camille.exemple@example.org"),
        ("zoe\u0301@exemple.fr", "zoé@exemple.fr"),
        ("ZOÉ@exemple.fr", "zoé@exemple.fr"),
        ("a@Exämple.fr", "a@xn--exmple-cua.fr"),
        ("a@XN--EXMPLE-CUA.fr", "a@xn--exmple-cua.fr"),
        ("a@例え.jp", "a@xn--r8jz45g.jp"),
        ("a+b_c-d'e@sous.exemple.fr", "a+b_c-d'e@sous.exemple.fr"),
        ("олена@exemple.fr", "олена@exemple.fr"),
    ],
)
def test_one_mailbox_has_one_spelling(written: str, kept: str) -> None:
    assert normalise(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "",
        "camille",
        "@exemple.fr",
        "a@",
        "a@exemple",
        "a@b@exemple.fr",
        "a b@exemple.fr",
        "a,b@exemple.fr",
        '"a"@exemple.fr',
        "<a@exemple.fr>",
        "a@exemple.fr, b@exemple.fr",
        "a\r\nBcc: b@exemple.fr",
        "a\0@exemple.fr",
        "a\u200b@exemple.fr",
        ".a@exemple.fr",
        "a.@exemple.fr",
        "a..b@exemple.fr",
        "a@.fr",
        "a@exemple.",
        "a@exemple..fr",
        "a@-exemple.fr",
        "a@exemple-.fr",
        "a@exem_ple.fr",
        "a@127.0.0.1",
        "a@[127.0.0.1]",
        "a@straße.example",
        f"{'a' * 65}@exemple.fr",
        f"a@{'e' * 64}.fr",
        f"a@{'e.' * 130}fr",
    ],
)
def test_what_is_no_address_is_told_without_repeating_it(written: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        normalise(written)
    assert written == "" or written not in str(refused.value)


@given(st.text(max_size=80) | st.emails())
@example("İ@x.fr")
@example("a@\u3002fr")
def test_a_spelling_that_was_kept_is_kept_again(written: str) -> None:
    try:
        kept = normalise(written)
    except ValueError:
        return
    assert normalise(kept) == kept
    assert len(kept) <= MAX_LENGTH
    assert kept == kept.lower()


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:0001:0002::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_network_has_one_name(address: str | None, network: str) -> None:
    assert network_of(address) == network


_SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1"
)
_CHROME = (
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (_SAFARI, "Safari, iPhone"),
        (_CHROME, "Chrome, Android"),
        (_CHROME.replace("Chrome/", "SamsungBrowser/28 Chrome/"), "Samsung Internet, Android"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140 Safari/537 Edg/140", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        ("WordPress/6.8; https://www.exemple.fr", "WordPress"),
        ("curl/8.5", "curl"),
        ("Mozilla/5.0", "Mozilla"),
        ("<script>alert(1)</script>", None),
        ("x" * 5000, None),
        ("", None),
        (None, None),
    ],
)
def test_a_device_is_told_in_words(user_agent: str | None, words: str | None) -> None:
    assert device_of(user_agent) == words
