"""Every text exists in both languages, says the same things, and is said somewhere."""

import re
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest

import service.console
from service.console import texts
from service.console.wording import TEXTS

FOLDER = Path(service.console.__file__).parent
# Chosen by what is shown, not by name.
CHOSEN = re.compile(
    r"does\.|problem|invitation\.(accepted|revoked|expired)|guardian\.(confirmed|declined)|sign_in\.error\.|account\.wrong\."
)


def _values(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_say_it(key: str) -> None:
    french, english = TEXTS[key]
    assert french
    assert english
    assert _values(french) == _values(english)


def test_every_text_is_said_somewhere() -> None:
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("*.py")]
    said = "\n".join(path.read_text() for path in sources)
    unsaid = [
        key for key in TEXTS if not CHOSEN.match(key) and f'"{key}"' not in said and f"'{key}'" not in said
    ]
    assert unsaid == []


def test_templates_hold_no_words_of_their_own() -> None:
    for path in FOLDER.glob("templates/*.html"):
        markup = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", "", path.read_text(), flags=re.DOTALL)
        words = re.sub(r"<[^>]*>", " ", markup, flags=re.DOTALL)
        left = set(re.findall(r"[^\W\d_]{2,}", words)) - {
            "doctype",
            "html",
            "Français",
            "English",
            "narrow",
            "wide",
        }
        assert not left, (path.name, left)
        assert "<script" not in markup
        assert not re.search(r"\son\w+=|\sstyle=", markup), path.name


def test_french_signs_stay_with_their_word() -> None:
    assert texts.text("home.growing", "fr").count("\u00a0;") == 1
    assert texts.spaced("Quoi ? Ici : là !", "fr") == "Quoi\u00a0? Ici\u00a0: là\u00a0!"
    assert texts.spaced("What ? Here", "en") == "What ? Here"


def test_days_and_moments_are_those_of_paris() -> None:
    moment = datetime(2026, 2, 28, 23, 5, tzinfo=UTC)
    assert texts.day(moment, "fr") == "1er mars 2026"
    assert texts.moment(moment, "fr") == "1er mars 2026 à 0 h 05"
    assert texts.moment(moment, "en") == "1 March 2026 at 00:05"
    assert texts.moment(None, "fr") == "–"
