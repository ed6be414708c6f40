"""The public facts the demonstration stands on, loaded by the same verbs as whole releases."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from service.adapters.referentials import read_communes, read_rome, read_tension
from service.core.database import Database
from service.domain import referentials
from service.domain.access import system
from service.domain.referentials.importing import COMMUNES, FAMILIES, ROME, TENSION_REFERENTIALS
from service.domain.referentials.releases import ImportOutcome, latest_release
from service.schemas.referential_files import Progress

ROME_VERSION = "60 (demo)"
COMMUNES_VERSION = "decoupage-administratif 6.0.0 (demo)"
_ACTOR = system("demo")


@contextmanager
def folder() -> Iterator[Path]:
    """Yield the folder that holds ``rome``, ``communes`` and ``tension``."""
    with as_file(files(__name__)) as path:
        yield path


async def load_demo_referentials(
    database: Database, progress: Progress = lambda _: None
) -> list[ImportOutcome]:
    """Import, in one transaction, the excerpts of those referentials that were never imported; return them.

    A referential that has a release, whole or from here, is left alone: an excerpt must never make
    the rest of a whole release obsolete.
    """
    outcomes = []
    with folder() as path:
        rome = read_rome([path / "rome"], version=ROME_VERSION, progress=progress)
        communes = read_communes([path / "communes"], version=COMMUNES_VERSION, progress=progress)
        tension = read_tension([path / "tension"], progress=progress)
    async with database.transaction() as session:
        if await latest_release(session, ROME) is None:
            outcomes.append(await referentials.import_rome(session, _ACTOR, rome, progress=progress))
        if await latest_release(session, COMMUNES) is None:
            outcomes.append(await referentials.import_communes(session, _ACTOR, communes, progress=progress))
        if tension.families is not None and await latest_release(session, FAMILIES) is None:
            outcomes.append(
                await referentials.import_families(session, _ACTOR, tension.families, progress=progress)
            )
        outcomes += [
            await referentials.import_tension(session, _ACTOR, release, progress=progress)
            for release in tension.releases
            if await latest_release(session, TENSION_REFERENTIALS[release.source]) is None
        ]
    return outcomes
