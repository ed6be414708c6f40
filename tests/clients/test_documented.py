"""What docs/keys.md tells leak scanners is true of the keys that are made."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.core.security import Keyring, Kind, kind_of, new_key

TEXT = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)\n```", TEXT, re.DOTALL)


def test_the_pattern_finds_every_kind_of_key() -> None:
    whole, secrets = (re.compile(block) for block in _blocks("regex"))
    for kind in Kind:
        for key in (new_key(kind), Keyring(b"master").derive(kind, "test", "part")):
            text = f'const key = "{key}"; // {kind}\nexport KEY={key}\n'
            assert whole.findall(text) == [key, key]
            assert secrets.findall(text) == ([] if kind is Kind.PUBLISHABLE_KEY else [key, key])
        assert f"| `{kind}` |" in TEXT


def test_the_pattern_finds_nothing_else() -> None:
    whole = re.compile(_blocks("regex")[0])
    key = new_key(Kind.SECRET_KEY)
    for other in (key[:-1], f"{key}0", f"x{key}", key.replace("_sk_", "_xx_"), key.upper(), "ancrage_sk_…"):
        assert whole.search(other) is None, other


def test_the_check_that_is_told_is_the_one_that_is_made() -> None:
    (source,) = _blocks("python")
    told: dict[str, Any] = {}
    exec(source, told)  # noqa: S102 - the page's own example
    for kind in Kind:
        key = new_key(kind)
        assert told["is_genuine"](key)
        wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
        assert not told["is_genuine"](wrong)
        assert (kind_of(key), kind_of(wrong)) == (kind, None)


def test_the_example_passes_the_check() -> None:
    (example,) = set(re.findall(_blocks("regex")[0], TEXT))
    assert kind_of(example) is Kind.SECRET_KEY


@pytest.mark.parametrize("language", ["toml"])
def test_the_rule_for_gitleaks_holds_the_same_pattern(language: str) -> None:
    (rule,) = _blocks(language)
    assert f"regex = '''{_blocks('regex')[1]}'''" in rule
