"""Small releases, and the shared data when this machine has them."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from service.demo.referentials.facts import commune_release, rome_release, tension_releases
from tests.referentials.published import publish_communes, publish_rome, publish_tension

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of real data; skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data are not on this machine (../shared/data)")
    return SHARED_DATA


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Return a folder with ``rome``, ``communes`` and ``tension``: the demo's facts, as if published."""
    folder = tmp_path / "published"
    publish_rome(folder / "rome", rome_release())
    publish_communes(folder / "communes" / "communes.csv", commune_release())
    publish_tension(folder / "tension", tension_releases())
    return folder


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., Path]:
    """Return ``write(name, header, *rows, separator=",", encoding="utf-8")``, which makes a file."""

    def write(
        name: str,
        header: str,
        *rows: Sequence[str],
        separator: str = ",",
        encoding: str = "utf-8",
    ) -> Path:
        path = tmp_path / name
        with path.open("w", encoding=encoding, newline="") as stream:
            writer = csv.writer(stream, delimiter=separator)
            writer.writerow(header.split())
            writer.writerows(rows)
        return path

    return write
