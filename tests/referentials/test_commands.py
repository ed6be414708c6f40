"""``ancrage import rome|communes|tension``, as an operator runs it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from service.cli import app
from service.core.settings import get_settings

Run = Callable[..., Result]


@pytest.fixture
def ancrage(new_database: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Yield ``run(*words)``, which runs the command on an empty database of its own."""
    url = new_database("commands").replace("postgresql+asyncpg://", "postgresql://")
    monkeypatch.setenv("DATABASE_URL", url)
    get_settings.cache_clear()

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    migrated = run("migrate")
    assert migrated.exit_code == 0, migrated.output
    yield run
    get_settings.cache_clear()


def test_three_referentials_come_in_and_a_second_time_change_nothing(ancrage: Run, published: Path) -> None:
    for name in ("rome", "communes", "tension"):
        files = sorted((published / name).iterdir())
        first = ancrage("import", name, *files)
        assert first.exit_code == 0, first.output
        assert "imported" in first.stdout
        assert "Reading" in first.stderr
        second = ancrage("import", name, published / name)
        assert second.exit_code == 0, second.output
        assert "nothing changed" in second.stdout
        assert "imported" not in second.stdout


def test_each_file_is_told_what_it_was_taken_for(ancrage: Run, published: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing")
    result = ancrage("import", "tension", published / "tension", tmp_path / "notes.md")
    assert result.exit_code == 0, result.output
    assert "dares_tensions_2019_fap_nat_reg_dep.csv: Dares indicator, 50 of 51 rows" in result.stderr
    assert "notes.md: ignored, not a kind of file tension comes in" in result.stderr


def test_what_cannot_be_imported_is_one_sentence_and_a_failure(
    ancrage: Run, published: Path, tmp_path: Path
) -> None:
    missing = ancrage("import", "rome", tmp_path / "nowhere")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr.splitlines()[-1].startswith("ancrage: There is no file or folder")
    partial = ancrage("import", "rome", published / "rome" / "unix_secteur_naf_v460_utf8.csv")
    assert partial.exit_code == 1
    assert "This is not a whole release of ROME: occupations" in partial.stderr.splitlines()[-1]
    assert "Traceback" not in partial.output


def test_a_partial_list_is_refused_unless_forced(ancrage: Run, published: Path, tmp_path: Path) -> None:
    whole = published / "communes" / "communes.csv"
    assert ancrage("import", "communes", whole, "--release", "2025").exit_code == 0
    part = tmp_path / "part.csv"
    part.write_text(
        "".join(whole.read_text(encoding="utf-8").splitlines(keepends=True)[:20]), encoding="utf-8"
    )
    refused = ancrage("import", "communes", part)
    assert refused.exit_code == 1
    assert "lack 9 of the 28 communes in force" in refused.stderr
    forced = ancrage("import", "communes", part, "--release", "2026", "--force")
    assert forced.exit_code == 0, forced.output
    assert "communes 2026: imported" in forced.stdout
    assert "9 obsoleted" in forced.stdout


def test_communes_without_coordinates_are_counted_and_named(
    ancrage: Run, published: Path, tmp_path: Path
) -> None:
    whole = published / "communes" / "communes.csv"
    assert "without coordinates" not in ancrage("import", "communes", whole).stderr
    lines = whole.read_text(encoding="utf-8").splitlines()
    cells = [line.rsplit(",", 2)[0] + ",," for line in lines[1:]]
    (tmp_path / "bare.csv").write_text("\n".join([lines[0], *cells[:7], *lines[8:]]), encoding="utf-8")
    result = ancrage("import", "communes", tmp_path / "bare.csv")
    assert result.exit_code == 0, result.output
    assert "7 without coordinates" in result.stderr
    assert "Ailhon, Aizac, Vallées-d'Antraigues-Asperjoc, Aubenas, Fons…" in result.stderr
