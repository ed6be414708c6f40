"""Settings as operators write them."""

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.core.settings import Settings


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("postgres://u:p@db.example.org/ancrage", "postgresql+asyncpg://u:p@db.example.org/ancrage"),
        ("postgresql://db/a?sslmode=require", "postgresql+asyncpg://db/a?ssl=require"),
        (
            "postgresql://db/a?application_name=x&sslmode=verify-full",
            "postgresql+asyncpg://db/a?application_name=x&ssl=verify-full",
        ),
    ],
)
def test_a_hosted_database_is_named_as_its_host_names_it(written: str, understood: str) -> None:
    assert Settings(database_url=written).database_url == understood


def test_a_public_address_needs_no_care_about_its_end() -> None:
    assert Settings(public_url="https://api.example.org/").public_url == "https://api.example.org"


def test_a_key_for_longer_than_any_calendar_is_refused_in_words() -> None:
    answer = CliRunner().invoke(
        app, ["client", "create", "--name", "x", "--territory", "y", "--days", "99999999"]
    )
    assert answer.exit_code == 2
    assert "36500" in answer.output
