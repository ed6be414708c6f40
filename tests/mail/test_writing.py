"""What mails say and how they look: both languages, text and HTML alike, whatever names try."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, strategies as st

from service.domain.mail import TEMPLATES
from service.domain.mail.colours import NEEDED, PAGE, WHITE, contrast, readable
from service.domain.mail.words import day, language_of, name_of, one_line
from service.domain.mail.writing import Brand, Headers, Letter, compose, write

LINK = "https://api.example.org/sign-in/link/ancrage_lk_0123456789abcdefghijklmnopqrstuvwxyzAB"
FACTS: dict[str, dict[str, Any]] = {
    "sign_in_code": {"digits": "1234 5678", "link": LINK, "minutes": 10},
    "invitation": {
        "place": "Fournil des Sources",
        "role": "Agent",
        "inviter": "Zoé Exemple",
        "until": "1er mars 2026",
        "role_ends": "2 avril 2027",
        "link": LINK,
    },
    "guardian_consent": {"child": "Noé", "purpose": "Recevoir des propositions d'emploi", "link": LINK},
    "dormancy_warning": {"until": "1er mars 2026", "link": LINK},
    "erasure_done": {"on": "1er mars 2026"},
    "privacy_request_received": {
        "wish": "accéder à vos données",
        "title": "accès",
        "received": "1er mars 2026",
        "due": "1er avril 2026",
        "reference": "0198c2a0",
    },
    "privacy_request_answered": {
        "wish": "faire corriger vos données",
        "received": "1er mars 2026",
        "refused": False,
        "answer": "Votre nom est corrigé.\n\nBien à vous",
        "link": LINK,
        "reference": "0198c2a0",
    },
    "privacy_request_due": {
        "wish": "accéder à vos données",
        "title": "accès",
        "received": "1er mars 2026",
        "due": "1er avril 2026",
        "reference": "0198c2a0",
        "link": LINK,
    },
    "test": {},
}
BRAND = Brand("Prenez racine", "#0b6e6e", "https://www.example.org/logo.svg", "bonjour@example.org")
EVERY = [(template, language) for template in FACTS for language in ("fr", "en")]
HEADERS = Headers(
    sender="Ancrage <ancrage@example.org>",
    to="camille@example.fr",
    message_id="<0198c2a0@example.org>",
    date=datetime(2026, 3, 1, 12, tzinfo=UTC),
)


def letter(template: str = "invitation", language: str = "fr", **changes: Any) -> Letter:
    brand = changes.pop("brand", BRAND)
    greeted = changes.pop("greeted", "Camille")
    return Letter(template, language, brand, FACTS[template] | changes, greeted)


def message_of(written: Letter) -> EmailMessage:
    return message_from_bytes(compose(written, HEADERS), EmailMessage, policy=policy.default)


class Page(HTMLParser):
    """What a page is made of, and whether its tags close."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_every_template_is_tried_here() -> None:
    assert set(FACTS) == {*TEMPLATES, "test"}


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_a_page_can_be_read_by_everybody(template: str, language: str) -> None:
    written = write(letter(template, language))
    page = Page(written.html)
    assert page.all("html") == [{"lang": language, "dir": "ltr"}]
    assert f"<title>{written.subject}</title>" in written.html.replace("&#39;", "'")
    assert len(page.all("h1")) == len(page.all("main")) == 1
    # The logo says nothing that the name beside it does not: it is passed over, or never loaded.
    assert [image["alt"] for image in page.all("img")] == [""]
    assert not {"script", "style", "link", "form", "iframe", "object", "input"} & {
        tag for tag, _ in page.tags
    }
    addresses = [str(link["href"]) for link in page.all("a")]
    assert all(address == LINK for address in addresses)
    assert "http://" not in written.html
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_every_colour_of_letters_can_be_read_on_what_is_behind(template: str, language: str) -> None:
    for colour in ("#0b6e6e", "#ffe600", "#ffffff", "#000000", "not a colour"):
        brand = Brand("Prenez racine", readable(colour), None, None)
        html = write(letter(template, language, brand=brand)).html
        for style in re.findall(r'style="([^"]*)"', html):
            letters = re.search(r"(?:^|;)color:(#[0-9a-f]{6})", style)
            behind = re.search(r"(?:^|;)background:(#[0-9a-f]{6})", style)
            if letters is None:
                continue
            for ground in [behind.group(1)] if behind else [WHITE, PAGE]:
                assert contrast(letters.group(1), ground) >= NEEDED


@given(st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True))
def test_any_colour_becomes_one_that_can_be_read(colour: str) -> None:
    found = readable(colour)
    assert contrast(found, PAGE) >= NEEDED
    assert contrast(WHITE, found) >= NEEDED
    if contrast(colour, PAGE) >= NEEDED:
        assert found == colour.lower()


def test_contrast_as_wcag_measures_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_text_and_page_say_the_same(template: str, language: str) -> None:
    written = write(letter(template, language))
    page = Page(written.html)
    said = set(page.words)
    for word in re.sub(r"^>", "", written.text, flags=re.MULTILINE).split():
        assert {word, word.strip(":-\u00a0")} & {*said, ""}, word
    assert ("\n" + LINK + "\n" in written.text) == ("link" in FACTS[template])
    assert all(len(line) <= 72 or line == LINK for line in written.text.splitlines())


@pytest.mark.parametrize(("template", "language"), EVERY)
def test_a_mail_says_why_it_came_and_from_whom(template: str, language: str) -> None:
    written = write(letter(template, language))
    footer = written.text.partition("\n-- \n")[2]
    why = {
        "fr": ("Vous recevez ce message parce que", "Pourquoi ce message"),
        "en": ("You receive this", "Why"),
    }
    assert footer.startswith(why[language])
    assert "Prenez racine" in footer.replace("\n", " ")
    assert "Ancrage" in footer
    assert "bonjour@example.org" in footer
    assert len(written.subject) < 90
    if language == "fr":
        # A sign that stands after a space never begins a line.
        assert not re.search(r"[ \n][:;?!»](?!\w)", written.text)


def test_the_sign_in_mail_shows_the_code_and_what_to_do_when_it_was_somebody_else() -> None:
    for language, words in (("fr", "Ce n'était pas vous"), ("en", "Was it not you?")):
        written = write(letter("sign_in_code", language))
        assert "\n    1234 5678\n" in written.text
        assert words in written.text
        # Subjects are shown on locked screens and kept in servers' logs.
        assert "1234" not in written.subject


def test_a_mail_on_the_wire() -> None:
    raw = compose(
        letter(brand=Brand("Vals-les-Bains, vivez pétillant ✨", reply_to="bonjour@example.org")), HEADERS
    )
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    message = message_from_bytes(raw, EmailMessage, policy=policy.default)
    assert message["from"] == '"Vals-les-Bains, vivez pétillant ✨" <ancrage@example.org>'
    assert message["to"] == "camille@example.fr"
    assert message["reply-to"] == "bonjour@example.org"
    assert message["message-id"] == "<0198c2a0@example.org>"
    assert message["auto-submitted"] == "auto-generated"
    assert message["content-language"] == "fr"
    assert message["date"].datetime == HEADERS.date
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert compose(letter(), HEADERS) == compose(letter(), HEADERS)


HOSTILE = [
    "Camille\r\nBcc: all@example.org",
    "Camille\nSubject: Gagné",
    "Camille\r\n\r\n<script>alert(1)</script>",
    "=?utf-8?q?=0D=0ABcc:_all@example.org?=",
    '"Camille" <mallory@example.net>',
    "{{ config }}{% for x in [] %}",
    "</title><img src=x onerror=alert(1)>",
    "\u202egro.elpmaxe\u202c \u0000\u0007\x85\u2028Bcc: x@example.org",
    "a" * 5000,
    "é" * 5000,
    "https://mallory.example.net/gift",
]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("language", ["fr", "en"])
def test_names_cannot_add_headers_or_markup(hostile: str, language: str) -> None:
    """Even unchecked: what reads them for mails makes them shorter and plainer still."""
    brand = Brand(one_line(hostile)[:120], reply_to="bonjour@example.org")
    changes = {"place": one_line(hostile)[:120], "inviter": hostile, "role": hostile, "until": hostile}
    found = message_of(letter("invitation", language, brand=brand, greeted=hostile, **changes))
    plain = message_of(letter("invitation", language))
    assert found.keys() == plain.keys()
    assert found["bcc"] is None
    assert found["to"] == "camille@example.fr"
    (sender,) = found["from"].addresses
    assert sender.addr_spec == "ancrage@example.org"
    html = found.get_body(("html",))
    assert html is not None
    assert [tag for tag, _ in Page(html.get_content()).tags] == [
        tag for tag, _ in Page(write(letter("invitation", language, brand=brand)).html).tags
    ]
    assert found.defects == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_name_makes_a_mail_with_the_same_headers(name: str, place: str) -> None:
    brand = Brand(one_line(name)[:120] or "Ancrage", reply_to="bonjour@example.org")
    facts = {"place": one_line(place)[:120], "inviter": name_of(name), "role": one_line(place)}
    found = message_of(letter("invitation", "fr", brand=brand, greeted=name_of(name), **facts))
    assert found.keys() == message_of(letter()).keys()
    assert [address.addr_spec for address in found["from"].addresses] == ["ancrage@example.org"]
    assert found["to"] == "camille@example.fr"


def test_an_answer_cannot_leave_its_quotation() -> None:
    answer = "Première ligne\n-- \nPour la suite : appelez-nous\r\rFin"
    text = write(letter("privacy_request_answered", answer=answer)).text
    for line in ("Première ligne", "--", "Pour la suite : appelez-nous", "Fin"):
        assert f"\n> {line}\n" in text


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("Zoé", "Exemple"), "Zoé Exemple"),
        ((" Zoé\r\n", None), "Zoé"),
        (("Jean\u202eevil",), "Jeanevil"),
        (("محمد", "علي"), "محمد علي"),
        (("O'Brien-Müller",), "O'Brien-Müller"),
        ((None, ""), None),
        (("Gagnez www.example.net",), None),
        (("Voir example.net/cadeau",), None),
        (("mallory@example.net",), None),
        (("a" * 81,), None),
    ],
)
def test_a_name_is_a_name(parts: tuple[str | None, ...], name: str | None) -> None:
    assert name_of(*parts) == name


def test_days_and_languages() -> None:
    moment = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
    assert day(moment, "fr") == "1er mars 2026"
    assert day(moment, "en") == "1 March 2026"
    assert [language_of(tag) for tag in ("fr", "en-GB", "uk", "ar", "EN", "")] == [
        *("fr", "en", "fr", "fr", "en", "fr")
    ]
