import pytest
from hypothesis import given, strategies as st

from service.core.text import fold
from service.search.highlight import EXTRACT_LENGTH, highlights
from service.search.query import parse
from service.search.words import LONGEST_WORD, STOP_WORDS, occurrences, stem, title_key, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("infirmier", "infirmières"),
        ("serveur", "serveuses"),
        ("directeur", "directrice"),
        ("technicien", "techniciennes"),
        ("commercial", "commerciaux"),
        ("employé", "employées"),
        ("commis", "commise"),
        ("chef", "cheffe"),
        ("boulanger", "boulangère"),
        ("bureau", "bureaux"),
        ("sportif", "sportives"),
        ("maître", "maîtresse"),
        ("travail", "travaux"),
        ("maçon", "maçonne"),
        ("français", "françaises"),
        ("œuvre", "oeuvres"),
        ("heureux", "heureuse"),
        ("saint", "st"),
        ("manager", "manageuses"),
        ("barman", "barmaid"),
        ("caméraman", "camerawoman"),
        ("pizzaïolo", "pizzaïola"),
        ("privé", "privées"),
        ("paie", "paye"),
    ],
)
def test_plural_and_feminine_share_a_stem(one: str, other: str) -> None:
    assert stem(fold(one)) == stem(fold(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("boulanger", "boulangerie"),
        ("infirmier", "infirmerie"),
        ("cuisine", "cuisinier"),
        ("vendeur", "vente"),
        ("c++", "c#"),
        ("caces", "cac"),
        ("07", "71"),
    ],
)
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@given(st.from_regex(r"[a-z]{1,40}", fullmatch=True))
def test_a_stem_is_never_too_short_nor_longer_than_a_spelling(word: str) -> None:
    assert min(len(word), 3) <= len(stem(word)) <= max(len(word), 7)


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Serveur / Serveuse de restaurant (H/F)", "serveur restaurant"),
        ("L'Aide-soignante (H/F) à Œuilly", "aid soignant oeuilly"),
        ("Directeur (trice) de camping H/F", "directeur camping"),
        ("TECHNICIEN(NE) F/H/X", "technicien"),
        ("H/F", ""),
    ],
)
def test_a_title_without_its_noise(title: str, key: str) -> None:
    assert title_key(title) == key


@given(st.text(max_size=200))
def test_words_agree_with_the_folding_everyone_else_uses(text: str) -> None:
    # Characters that fold to several letters, ligatures aside, only separate words here.
    whole = set(fold(text).replace("+", " ").replace("#", " ").split())
    if all(len(fold(char)) <= 1 or char.lower() in "œæß" for char in text):
        for word in words(text):
            assert any(word.folded.rstrip("+#") in part for part in (*whole, "".join(fold(text).split())))


@given(st.text(max_size=200))
def test_offsets_are_those_of_the_text(text: str) -> None:
    for word in words(text):
        assert 0 <= word.start < word.end <= len(text)
        shown = fold(text[word.start : word.end]).replace(" ", "")
        assert shown == word.folded
        assert word.folded not in STOP_WORDS
        assert len(word.folded) <= LONGEST_WORD


@given(st.text(alphabet="aàbeéœ'-+# \u0301sL", max_size=80))
def test_occurrences_are_found_where_words_are(text: str) -> None:
    found = list(words(text))
    for word in found:
        assert (word.start, word.end) in occurrences(text, word.folded.__eq__)


@given(st.text(max_size=600), st.text(max_size=1_500))
def test_highlights_hold_no_html_but_marks(title: str, description: str) -> None:
    shown = highlights(title, description, lambda word: len(word) % 2 == 0)
    for html in (shown.title, shown.description or ""):
        bare = html.replace("<mark>", "").replace("</mark>", "")
        assert "<" not in bare
        assert ">" not in bare
        assert html.count("<mark>") == html.count("</mark>")
    assert len(shown.description or "") < EXTRACT_LENGTH * 20


@given(st.text(max_size=3_000))
def test_any_text_can_be_parsed(text: str) -> None:
    parsed = parse(text)
    assert len(parsed.words) <= 12
    assert len({word.stem for word in parsed.words}) == len(parsed.words)
    for word in parsed.words:
        assert set(word.stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789+#")
