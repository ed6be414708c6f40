"""What operators copy says what the code reads."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.core.settings import Settings

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "deploy"


def _documented() -> dict[str, str]:
    text = (_DEPLOY / "env.example").read_text()
    return dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_every_setting_is_documented_and_exists() -> None:
    assert sorted(_documented()) == sorted(name.upper() for name in Settings.model_fields)


@pytest.mark.parametrize(
    "name", sorted(name for name, field in Settings.model_fields.items() if field.default is not None)
)
def test_documented_default_is_the_default(name: str) -> None:
    shown = _documented()[name.upper()]
    assert getattr(Settings.model_validate({name: shown}), name) == Settings.model_fields[name].default


def _environments(document: Any) -> Iterator[str]:
    for name, service in document["services"].items():
        if name in {"api", "worker", "migrate"}:
            yield from service["environment"]


def test_compose_sets_only_settings_that_exist() -> None:
    document = yaml.safe_load((_DEPLOY / "compose.yaml").read_text())
    names = set(_environments(document))
    assert {"DATABASE_URL", "REDIS_URL"} <= names
    assert {name.lower() for name in names} <= set(Settings.model_fields)


def test_locks_name_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock"):
        lines = (_ROOT / name).read_text().splitlines()
        assert not [line for line in lines if "://" in line or line.startswith("-") or " @ " in line]
        requirements = [line for line in lines if "==" in line]
        assert requirements
        assert all(line.endswith("\\") for line in requirements), "a requirement has no hash"
