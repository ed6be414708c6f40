"""The public facts the demonstration stands on, loaded by the same verbs as whole releases."""

from service.core.database import Database
from service.demo.referentials.facts import commune_release, rome_release, tension_releases
from service.domain import referentials
from service.domain.access import system
from service.domain.referentials.importing import COMMUNES, FAMILIES, ROME, TENSION_REFERENTIALS
from service.domain.referentials.releases import ImportOutcome, latest_release
from service.schemas.referential_files import Progress

_ACTOR = system("demo")


async def load_demo_referentials(
    database: Database, progress: Progress = lambda _: None
) -> list[ImportOutcome]:
    """Import, in one transaction, the facts of those referentials that were never imported; return them.

    A referential that has a release, whole or from here, is left alone: these few facts must never
    make the rest of a whole release obsolete.
    """
    outcomes = []
    tension = tension_releases()
    async with database.transaction() as session:
        if await latest_release(session, ROME) is None:
            rome = rome_release()
            outcomes.append(await referentials.import_rome(session, _ACTOR, rome, progress=progress))
        if await latest_release(session, COMMUNES) is None:
            communes = commune_release()
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
