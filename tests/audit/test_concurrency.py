"""Many write the trail at once: no entry is lost, none waits for ever, every chain stays whole."""

import asyncio
import random
import uuid
from collections import Counter

from sqlalchemy import update

from service.core.database import Database, create_engine
from service.core.ids import new_id
from service.domain import audit
from service.domain.audit.chain import PLATFORM_CHAIN
from service.domain.events import record
from service.models import Employer
from tests.audit.support import verify
from tests.factories import create_employer, create_territory

WRITERS = 100


class Changed(Exception):  # noqa: N818 - not an error: a writer who thinks better of it
    pass


def think_better(gives_up: bool) -> None:
    if gives_up:
        raise Changed


async def test_a_hundred_writers_on_three_chains(fresh_database: Database) -> None:
    async with fresh_database.transaction() as session:
        places = [await create_territory(session) for _ in range(2)]
        employers = [await create_employer(session, places[number % 2]) for number in range(6)]
    chains = [PLATFORM_CHAIN, *(place.id for place in places)]
    luck = random.Random(20_260_101)  # noqa: S311 - a repeatable order
    # In any order: what each writes, what business row it holds meanwhile, and whether it gives up.
    plans = [
        (luck.choices(chains, k=luck.randint(1, 12)), luck.choice(employers).id, luck.random() < 0.1)
        for _ in range(WRITERS)
    ]
    bind = fresh_database.bind
    engine = create_engine(bind.engine.url.render_as_string(hide_password=False), pool_size=25)
    database = Database(engine)

    async def write(number: int) -> Counter[uuid.UUID]:
        wanted, employer_id, gives_up = plans[number]
        try:
            async with database.transaction() as session:
                for chain_id in wanted[:-1]:
                    audit.note(
                        session,
                        actor=f"system:{number}",
                        action="thing.done",
                        territory_id=None if chain_id == PLATFORM_CHAIN else chain_id,
                    )
                await session.execute(
                    update(Employer).where(Employer.id == employer_id).values(name=f"Fournil {number}")
                )
                record(
                    session,
                    "employer.updated",
                    actor=f"system:{number}",
                    territory_id=None if wanted[-1] == PLATFORM_CHAIN else wanted[-1],
                    subject_id=employer_id,
                )
                think_better(gives_up)
        except Changed:
            return Counter()
        return Counter(wanted)

    try:
        written = sum(await asyncio.gather(*(write(number) for number in range(WRITERS))), Counter())
    finally:
        await engine.dispose()
    assert 0 < sum(plan[2] for plan in plans) < WRITERS
    for chain_id in chains:
        found = await verify(fresh_database, chain_id)
        assert (found.length, found.breaks) == (written[chain_id], [])


async def test_two_who_begin_the_same_chains_do_not_wait_for_each_other(fresh_database: Database) -> None:
    first, second = sorted((new_id(), new_id()))

    async def write(*chains: uuid.UUID) -> None:
        async with fresh_database.transaction() as session:
            for chain_id in chains:
                audit.note(session, actor="system:test", action="thing.done", territory_id=chain_id)

    await asyncio.gather(
        *(write(first, second) if number % 2 else write(second, first) for number in range(20))
    )
    for chain_id in (first, second):
        assert (await verify(fresh_database, chain_id)).length == 20
