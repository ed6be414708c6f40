"""The page of who may do what says what the rules say."""

from pathlib import Path
from typing import get_args

from typer.testing import CliRunner

from service.cli import app
from service.domain.access import PERMISSIONS, ROLES, SCOPES
from service.domain.roles_page import roles_page
from service.schemas.members import RoleName

PAGE = Path(__file__).parents[2] / "docs" / "roles.md"


def test_the_page_is_as_the_rules_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == roles_page(), "run `ancrage roles > docs/roles.md`"


def test_the_command_prints_the_page() -> None:
    answer = CliRunner().invoke(app, ["roles"])
    assert (answer.exit_code, answer.stdout) == (0, roles_page())


def test_every_role_scope_and_permission_is_on_it() -> None:
    page = roles_page()
    for name in (*ROLES, *SCOPES, *PERMISSIONS):
        assert f"`{name}`" in page


def test_a_mark_stands_for_every_permission_a_role_holds() -> None:
    rows = [line.split("|")[1:-1] for line in roles_page().splitlines() if line.startswith("| ")]
    marks = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows if len(row) == len(ROLES) + 1}
    for place, (name, role) in enumerate(ROLES.items()):
        marked = {what for what, cells in marks.items() if cells[place] in {"●", "○", "own"}}
        assert len(marked) == len(role.permissions), name
        assert all(any(f"`{each}`" in what for what in marked) for each in role.permissions), name


def test_the_api_names_every_role_that_can_be_given() -> None:
    assert set(get_args(RoleName)) == set(ROLES) - {"person"}


def test_no_program_does_what_the_page_says_persons_do() -> None:
    for scope, allowed in SCOPES.items():
        reserved = {each for each in allowed if each.partition(".")[0] in _OF_PERSONS}
        assert not reserved, scope


_OF_PERSONS = {"api_client", "audit", "invitation", "member"}
