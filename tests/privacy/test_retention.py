"""What is due goes within a day of its date, and nothing a minute before it."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import frozen
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain.privacy.retention import PROFESSIONAL, RULES
from service.jobs import SCHEDULE
from service.jobs.privacy import apply_retention
from service.jobs.runner import drain
from service.jobs.work import TaskFacts, Work
from service.models import (
    Erasure,
    Partner,
    Person,
    PersonSession,
)
from tests.factories import (
    create_employer,
    create_person,
    create_role,
    create_territory,
)
from tests.privacy.due import DAY, MINUTE, NOON, PLANTERS, Row, add
from tests.privacy.support import mails

TICKS = {name: tick for name, tick in SCHEDULE.items() if name in {"retention", "sign-ins"}}


async def tick(database: Database, settings: Settings, moment: datetime) -> None:
    """Let the clock start what is due at ``moment``."""
    with frozen(moment):
        await drain(Work(database, settings), handlers={}, schedule=TICKS)


def test_every_rule_is_tried() -> None:
    """Tasks end by the database's own clock (see tests/work); two rules below wait for no span of time."""
    others = {"finished tasks", "grown up", "sessions of the erased"}
    assert {rule.name for rule in RULES} - set(PLANTERS) == others


@pytest.mark.parametrize("name", sorted(PLANTERS))
async def test_a_minute_decides(
    session: AsyncSession, database: Database, settings: Settings, name: str
) -> None:
    territory = await create_territory(session)
    past = await PLANTERS[name](session, territory, NOON - MINUTE)
    coming = await PLANTERS[name](session, territory, NOON + MINUTE)
    await session.commit()
    await tick(database, settings, NOON - 8 * 60 * MINUTE)
    assert not await past.ended(session), "before its time"
    # Both handlers at this very minute.
    with frozen(NOON):
        work = Work(database, settings)
        for handler in {entry.handler.name: entry.handler for entry in TICKS.values()}.values():
            await handler(work, TaskFacts(new_id(), new_id(), "clock.ticked"))
    assert await past.ended(session)
    assert not await coming.ended(session), "a minute early"


async def test_over_the_years_everything_goes_within_a_day_of_its_date(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    territory = await create_territory(session)
    waiting: list[tuple[datetime, str, Row]] = []
    for number, (name, planter) in enumerate(PLANTERS.items()):
        for years in range(6):
            # At every hour of the day, in summer as in winter.
            due = NOON + timedelta(days=365 * years + 23 * number, hours=5 * number, minutes=7 * years)
            waiting.append((due, name, await planter(session, territory, due)))
    await session.commit()
    checked = 0
    for due, name, row in sorted(waiting, key=lambda entry: entry[0]):
        await tick(database, settings, due - MINUTE)
        assert not await row.ended(session), (name, due)
        for hours in (6, 12, 18, 24):
            await tick(database, settings, due + timedelta(hours=hours))
            if await row.ended(session):
                break
        assert await row.ended(session), (name, due)
        checked += 1
    print(f"\n{checked} rows of {len(PLANTERS)} rules over six years: none early, all within 24 h")  # noqa: T201 - the figure asked for


async def test_a_dormant_account_is_warned_then_anonymised(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    sleeper = await create_person(session, last_seen_at=NOON - 701 * DAY, email="dort@example.org")
    back = await create_person(session, last_seen_at=NOON - 701 * DAY)
    sleeper_id, back_id = sleeper.id, back.id
    await session.commit()
    await tick(database, settings, NOON)
    await tick(database, settings, NOON + DAY)
    assert len(await mails(session, "dormancy_warning")) == 2
    (await session.get_one(Person, back_id)).last_seen_at = NOON + 10 * DAY
    await session.commit()
    for days in range(2, 33):
        await tick(database, settings, NOON + days * DAY)
    session.expire_all()
    gone = await session.get_one(Person, sleeper_id)
    assert (gone.email, gone.anonymised_at is not None) == (None, True)
    assert (await session.get_one(Person, back_id)).email is not None
    assert len(await mails(session, "dormancy_warning")) == 1, "with the person, the mails to them"
    erasure = (await session.scalars(select(Erasure))).one()
    assert (erasure.subject_id, erasure.because) == (sleeper_id, "dormant")
    assert await mails(session, "erasure_done") == []


async def test_who_works_for_a_place_does_not_sleep(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    territory = await create_territory(session)
    employer = await create_employer(session, territory)
    partner = Partner(territory_id=territory.id, name="P", kind="other")
    session.add(partner)
    await session.flush()
    places = {"operator": None, "employer_member": employer, "partner_member": partner}
    sleepers: dict[str, UUID] = {}
    for role in (*PROFESSIONAL, "ambassador"):
        person = await create_person(session, last_seen_at=NOON - 800 * DAY)
        await create_role(session, person, role, places.get(role, territory))
        sleepers[role] = person.id
    left = await create_person(session, last_seen_at=NOON - 800 * DAY)
    await create_role(session, left, "concierge_agent", territory, revoked_at=NOON - DAY)
    sleepers["left"] = left.id
    expired = await create_person(session, last_seen_at=NOON - 800 * DAY)
    await create_role(session, expired, "concierge_agent", territory, expires_at=NOON - DAY)
    sleepers["expired"] = expired.id
    await session.commit()
    await tick(database, settings, NOON - DAY)
    await tick(database, settings, NOON)
    session.expire_all()
    warned = {
        name
        for name, person_id in sleepers.items()
        if (await session.get_one(Person, person_id)).dormancy_warned_at is not None
    }
    assert warned == {"ambassador", "left", "expired"}


@pytest.mark.parametrize(("days", "kept"), [(-1, True), (0, False)])
async def test_a_parent_s_address_stays_until_the_child_is_fifteen(
    session: AsyncSession, database: Database, settings: Settings, days: int, kept: bool
) -> None:
    birthday = NOON.replace(year=NOON.year - 15).date()
    child = await create_person(session, birth_date=birthday, guardian_email="parent@example.org")
    child_id = child.id
    await session.commit()
    await tick(database, settings, NOON - 3 * DAY)
    await tick(database, settings, NOON + days * DAY)
    session.expire_all()
    assert ((await session.get_one(Person, child_id)).guardian_email is not None) is kept


async def test_a_session_of_the_erased_goes_at_once(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    gone = await create_person(session, email=None, anonymised_at=NOON)
    here = await create_person(session)
    rows = []
    for person in (gone, here):
        opened = PersonSession(person_id=person.id, kind="api", expires_at=NOON + DAY, last_used_at=NOON)
        rows.append(await add(session, opened))
    await session.commit()
    await tick(database, settings, NOON - DAY)
    await tick(database, settings, NOON)
    assert [await row.ended(session) for row in rows] == [True, False]


async def test_what_fails_does_not_hold_up_the_rest(
    session: AsyncSession, database: Database, settings: Settings
) -> None:
    territory = await create_territory(session)
    stuck = await PLANTERS["invitations"](session, territory, NOON - DAY)
    stubborn = await PLANTERS["candidates"](session, territory, NOON - DAY)
    others = [await PLANTERS[name](session, territory, NOON - DAY) for name in ("candidates", "erasures")]
    for table in ("invitation", "candidate_profile"):
        condition = f"OLD.id = '{stuck.key if table == 'invitation' else stubborn.key}'"
        await session.execute(
            text(
                f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF {condition} THEN RAISE EXCEPTION 'no'; END IF; RETURN OLD; END $$"
            )
        )
        await session.execute(
            text(
                f"CREATE TRIGGER refuse BEFORE DELETE ON {table} FOR EACH ROW"
                f" EXECUTE FUNCTION refuse_{table}()"
            )
        )
    await session.commit()
    with frozen(NOON), pytest.raises(ExceptionGroup) as failed:
        await apply_retention(Work(database, settings), TaskFacts(new_id(), new_id(), "clock.ticked"))
    assert len(failed.value.exceptions) == 2
    assert not await stuck.ended(session)
    assert not await stubborn.ended(session)
    assert all([await row.ended(session) for row in others])
