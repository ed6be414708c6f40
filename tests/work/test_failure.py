"""What is stored about a failure helps an operator and betrays nobody."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.core.database import Database
from service.domain.tasks import describe


def test_a_failure_is_named_with_where_it_happened() -> None:
    employer: dict[str, str] = {}
    with pytest.raises(KeyError) as raised:
        employer["siret"]
    words = describe(raised.value)
    assert words.startswith("KeyError: 'siret'\n")
    assert "tests/work/test_failure.py:" in words
    assert words.endswith("test_a_failure_is_named_with_where_it_happened")


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("cannot reach postgresql://ancrage:hunter2@db/ancrage", "hunter2"),
        ("cannot reach redis://:hunter2@cache:6379/0", "hunter2"),
        ("refused: Authorization: Bearer eyJhbGciOi.abc", "eyJhbGciOi.abc"),
        ("401 for https://api.example/x?client_secret=hunter2&scope=a", "hunter2"),
        ("bad body {'password': 'hunter2', 'name': 'x'}", "hunter2"),
        ('bad body {"access_token": "hunter2 3"}', "hunter2"),
        ("unknown key ancrage_sk_0123456789abcdef", "0123456789abcdef"),
    ],
)
def test_secrets_are_left_out(message: str, secret: str) -> None:
    words = describe(ValueError(message))
    assert secret not in words
    assert "***" in words


def test_a_message_that_says_no_secret_is_kept_as_it_is() -> None:
    message = "the token endpoint answered 503 to https://api.example/offres?range=0-149"
    assert describe(ValueError(message)) == f"ValueError: {message}"


def test_a_long_message_is_cut_and_a_nul_byte_removed() -> None:
    words = describe(ValueError("\x00a" * 5000))
    assert len(words) < 600
    assert "\x00" not in words


async def test_a_database_error_quotes_neither_parameters_nor_rows(database: Database) -> None:
    await insert(database, "Perrine Invented")
    with pytest.raises(DBAPIError) as raised:
        await insert(database, "Perrine Invented")
    words = describe(raised.value)
    assert "Perrine" not in words
    assert "pk_schedule" in words
    assert words.startswith("Database 23505: ")


async def insert(database: Database, name: str) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("INSERT INTO schedule (name, due_at) VALUES (:name, now())"), {"name": name}
        )
