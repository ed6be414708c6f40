"""Data folders of every kind: odd, long, foreign, unwritable; each refusal is one sentence."""

import errno
import os
import stat
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from service.core import embedded
from service.core.embedded import EmbeddedDatabaseError, cluster
from service.core.embedded.account import choose


async def _answers(hold: embedded.EmbeddedPostgres) -> bool:
    connection = await asyncpg.connect(hold.url.replace("+asyncpg", ""))
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["Données de l'été", 'a, "b" $HOME `id` %41 \\ ;#', "d" * 120])
async def test_any_path_serves(data_dir: Path, name: str) -> None:
    path = data_dir.parent / name / "postgres"
    with embedded.start(path, durable=False) as hold:
        assert await _answers(hold)
        assert stat.S_IMODE(hold.socket_dir.stat().st_mode) == 0o700
        own = hold.socket_dir == path / "run"
    assert own == (name == "Données de l'été")
    assert own or not hold.socket_dir.exists()


async def test_interrupted_creation_is_made_again(data_dir: Path) -> None:
    leftover = data_dir / "cluster.new-interrupted"
    leftover.mkdir(parents=True)
    (leftover / "PG_VERSION").write_text("18\n")
    with embedded.start(data_dir, durable=False) as hold:
        assert await _answers(hold)
    assert not leftover.exists()


def test_file_in_place_of_a_folder(data_dir: Path) -> None:
    data_dir.write_text("not a folder")
    with pytest.raises(EmbeddedDatabaseError, match="cannot be written"):
        embedded.start(data_dir)


@pytest.mark.usefixtures("ordinary_user")
def test_folder_of_somebody_else(servers_folder: Path) -> None:
    closed = Path(tempfile.gettempdir()).resolve().anchor
    target = Path(closed) / "ancrage-must-not-write-here"
    if os.access(closed, os.W_OK, effective_ids=True):
        pytest.skip("this user may write at the top of the file system")
    with pytest.raises(EmbeddedDatabaseError) as refusal:
        embedded.start(target)
    assert str(refusal.value) == (
        f"The data folder {target} cannot be written (Permission denied): "
        "give it to this user, or set DATA_DIR to a folder that can be written."
    )
    assert servers_folder.exists()


def test_folder_of_another_version(data_dir: Path) -> None:
    (data_dir / "cluster").mkdir(parents=True)
    (data_dir / "cluster" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedDatabaseError, match=r"made by PostgreSQL 16 .* runs PostgreSQL 18"):
        embedded.start(data_dir)


def test_folder_of_another_server(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("18\n")
    with pytest.raises(EmbeddedDatabaseError, match="did not make"):
        embedded.start(data_dir)


def test_damaged_cluster_says_why(data_dir: Path) -> None:
    embedded.start(data_dir, durable=False).stop()
    (data_dir / "cluster" / "global" / "pg_control").unlink()
    with pytest.raises(
        EmbeddedDatabaseError, match=r"could not start \(.*pg_control.*\); see .*postgres\.log"
    ):
        embedded.start(data_dir, durable=False)


def test_full_disk_says_so(data_dir: Path) -> None:
    layout = cluster.Layout(data_dir, choose(data_dir))
    output = "FATAL:  could not write to file: No space left on device\n"
    sentence = f"The disk that holds {data_dir} is full: make room and start again."
    assert str(cluster.refused(layout, "could not start", output)) == sentence
    assert str(cluster.unusable(data_dir, OSError(errno.ENOSPC, "No space left on device"))) == sentence


def test_no_folder_short_enough(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_SOCKET_PATH_BYTES", 10)
    with pytest.raises(EmbeddedDatabaseError, match="too long for a unix socket"):
        embedded.start(data_dir, durable=False)


def test_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EmbeddedDatabaseError, match="is not installed"):
        embedded.executable("postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend rights to another account")
async def test_root_lends_passage_only_and_says_so(data_dir: Path) -> None:
    private = data_dir.parent / "private"
    private.mkdir(mode=0o700)
    said: list[str] = []
    with embedded.start(private / "postgres", said.append, durable=False) as hold:
        assert await _answers(hold)
    assert stat.S_IMODE(private.stat().st_mode) == 0o701
    assert sum(str(private) in sentence and "o+x" in sentence for sentence in said) == 1
    assert (private / "postgres" / "cluster").stat().st_uid != 0


def test_a_folder_made_by_many_at_once_serves_each(data_dir: Path) -> None:
    together = 8
    for attempt in range(60):
        folder = data_dir.parent / f"race-{attempt}" / "postgres"
        start = threading.Barrier(together)

        def prepare(folder: Path = folder, start: threading.Barrier = start) -> Path:
            start.wait(timeout=60)
            return cluster.prepare(folder, lambda _: None).data_dir

        with ThreadPoolExecutor(together) as pool:
            prepared = [pool.submit(prepare) for _ in range(together)]
        assert {each.result() for each in prepared} == {folder}
        assert [path.name for path in folder.parent.iterdir()] == ["postgres"]
