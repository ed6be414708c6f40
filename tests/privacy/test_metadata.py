"""Every personal column is said, traced, exported, erased, kept for a purpose and no longer than needed."""

import re
from pathlib import Path

import orjson
import pytest
from sqlalchemy import Column, Table
from typer.testing import CliRunner

from service.cli import app as command_line
from service.domain.privacy import words
from service.domain.privacy.purposes import PURPOSES
from service.domain.privacy.register import columns_of, markdown, register
from service.domain.privacy.retention import RULES, rules_of
from service.domain.privacy.traces import Ending, traces, traces_of
from service.jobs import HANDLERS, SCHEDULE
from service.models import Base
from service.models.personal import (
    CATEGORIES,
    category_of,
    concerns_persons,
    is_said,
    personal_columns,
    personal_tables,
)

COLUMNS = [column for table in Base.metadata.sorted_tables for column in table.columns]
PERSONAL = [column for column in COLUMNS if category_of(column) is not None]
# What a column of personal data is likely to be called.
SMELLS = re.compile(
    r"e?mail|phone|(^|_)(given|family|first|last|full|contact|sur)_?name|address|birth|(^|_)age$|(^|_)ip(_|$)|"
    r"agent|guardian|contact|gender|(^|_)sex|national|photo|network|surname|signature|health|iban|social"
)


@pytest.mark.parametrize(
    "table",
    [table for table in Base.metadata.sorted_tables if concerns_persons(table)],
    ids=lambda table: table.name,
)
def test_every_column_of_a_table_about_persons_says_whether_it_is_personal(table: Table) -> None:
    unsaid = [column.name for column in table.columns if not is_said(column)]
    assert unsaid == [], (
        f'Give each column of {table.name} info={{"pii": category}} or {{"pii": None}}, or list it under '
        '"plain" in the info of the table.'
    )


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_what_smells_personal_says_whether_it_is(column: Column[object]) -> None:
    if SMELLS.search(column.name) and not column.foreign_keys:
        assert is_said(column), f'{column} smells personal: say info={{"pii": …}}'


def test_tables_list_as_plain_only_columns_they_have() -> None:
    for table in Base.metadata.sorted_tables:
        plain = table.info.get("plain", frozenset())
        assert plain <= set(table.columns.keys()), table.name
        assert not plain & {column.name for column in personal_columns(table)}, table.name


def test_a_new_column_of_a_table_about_persons_fails_the_build() -> None:
    added: Column[object] = Column("nickname")
    Table("person_copy", Base.metadata.__class__(), added, info={"plain": frozenset()})
    assert not is_said(added)


@pytest.mark.parametrize("column", PERSONAL, ids=str)
def test_a_personal_column_is_of_a_known_kind_and_has_words(column: Column[object]) -> None:
    assert category_of(column) in CATEGORIES
    assert category_of(column) in words.CATEGORIES
    assert column.name in words.COLUMNS, f"add {column.name} to domain.privacy.words.COLUMNS"
    assert column.table.name in words.TABLES, f"add {column.table.name} to domain.privacy.words.TABLES"


@pytest.mark.parametrize("column", PERSONAL, ids=str)
def test_a_personal_column_is_found_shown_and_erased(column: Column[object]) -> None:
    found = [trace for trace in traces_of(column.table.name) if column.name in trace.concerned]
    assert found, f"no trace of {column}: see domain.privacy.traces"
    assert any(trace.exported for trace in found)
    ended = [
        trace
        for trace in found
        if trace.ending is not Ending.BLANK
        or column.name in trace.empty
        # Proof that a request was answered stays, without what it said.
        or column.table.name == "privacy_request"
    ]
    assert ended, f"nothing ends {column}"


@pytest.mark.parametrize("column", PERSONAL, ids=str)
def test_a_personal_column_serves_a_purpose_and_stands_in_the_register(column: Column[object]) -> None:
    serving = [purpose for purpose in PURPOSES.values() if (column.table.name, column) in columns_of(purpose)]
    assert serving, f"{column} serves no purpose: see domain.privacy.purposes"
    shown = [
        (each["table"], each["column"])
        for processing in register("fr")["processings"]
        for each in processing["data"]
    ]
    assert (column.table.name, column.name) in shown


def test_traces_name_what_there_is() -> None:
    for trace in traces():
        columns = trace.rows.columns
        assert {trace.column, *trace.concerned, *trace.shown, *trace.empty, *trace.secret} <= set(
            columns.keys()
        ), trace
        if trace.ending is Ending.BLANK:
            for name, value in trace.empty.items():
                assert columns[name].nullable or value is not None, (trace.table, name)


def test_purposes_name_tables_and_rules_there_are() -> None:
    rules = {rule.name for rule in RULES}
    for purpose in PURPOSES.values():
        assert set(purpose.rules) <= rules, purpose.name
        assert purpose.rules or purpose.kept, f"{purpose.name} says not how long data stay"
        versions = [text.version for text in purpose.texts]
        assert len(set(versions)) == len(versions)
    used = {rule for purpose in PURPOSES.values() for rule in purpose.rules}
    assert rules - used == {"dormancy warnings"}


def test_whatever_a_rule_ends_is_run_by_the_clock() -> None:
    ticking = {tick.handler.name for tick in SCHEDULE.values()}
    assert {rule.by for rule in RULES} <= ticking
    handled = {handler.name for handlers in HANDLERS.values() for handler in handlers}
    assert {"stop_processing", "keep_ledger", "sweep_files", "review_consents"} <= handled


@pytest.mark.parametrize("table", personal_tables(), ids=lambda table: table.name)
def test_personal_data_of_a_table_end_by_a_rule_or_with_what_they_are_part_of(table: Table) -> None:
    # What is managed by an organisation ends with it, roles and identities with the person, matches with the
    # profile, documents and histories with the posting.
    kept = {
        "employer",
        "identity",
        "import_report",
        "match",
        "partner",
        "posting_change",
        "posting_document",
        "role_grant",
        "territory",
    }
    assert bool(rules_of(table.name)) != (table.name in kept), table.name


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_register_is_readable(language: str) -> None:
    text = markdown(language)
    assert text.count("\n## ") == len(PURPOSES) + 1
    for purpose in PURPOSES.values():
        assert purpose.title[language] in text
        assert purpose.text.words[language] in text
    for column in PERSONAL:
        assert f"(`{column.name}`)" in text


def test_whatever_refers_to_a_person_is_traced() -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name == "person":
                assert key.parent.name in {trace.column for trace in traces_of(table.name)}, table.name


@pytest.mark.parametrize("options", [(), ("--json",), ("--language", "en"), ("--language", "en", "--json")])
def test_the_command_prints_the_register_without_a_database(options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(command_line, ["privacy", "register", *options], env={"DATABASE_URL": "x"})
    assert result.exit_code == 0
    language = "en" if "en" in options else "fr"
    if "--json" in options:
        assert orjson.loads(result.stdout) == register(language)
    else:
        assert result.stdout == markdown(language)


def test_the_register_speaks_two_languages() -> None:
    result = CliRunner().invoke(command_line, ["privacy", "register", "--language", "de"])
    assert (result.exit_code, "fr or en" in result.stderr) == (1, True)


def test_the_page_for_operators_lists_the_rules_there_are() -> None:
    page = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
    listed = [line for line in page.splitlines() if line.startswith("| `")]
    assert listed == [f"| `{rule.model.__tablename__}` | {rule.words['en']} |" for rule in RULES]
