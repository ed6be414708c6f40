"""What was erased after a backup is erased again when the backup is restored, and nothing newer is."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from service.cli import app as command_line
from service.core.clock import frozen, in_days, now
from service.core.database import Database, create_engine
from service.core.migrations import migrate
from service.core.security import Keyring
from service.core.settings import Settings, get_settings
from service.domain import candidates, consents
from service.domain.access import system
from service.domain.platform import get_keyring
from service.domain.privacy import ledger
from service.domain.privacy.erasure import erase_address, erase_person
from service.jobs.runner import drain
from service.jobs.work import Work
from service.models import CandidateProfile, Consent, Employer, Person, Territory
from tests.factories import create_candidate, create_employer, create_person, create_territory
from tests.privacy.looking import holds, in_database
from tests.privacy.planting import Canaries, plant

ACTOR = system("test")


class Backups:
    """A database, and copies of it: what a dump restores, row by row."""

    def __init__(self, new_database: Callable[..., str]) -> None:
        self._new = new_database
        self.url = new_database("ledger")

    @staticmethod
    async def opened(url: str) -> Database:
        engine = create_engine(url)
        await migrate(engine)
        return Database(engine)

    def restored(self) -> str:
        """Return the address of a copy of the database as it is now; it must not be open."""
        return self._new("restored", template=make_url(self.url).database or "")


@pytest.fixture
def backups(new_database: Callable[..., str]) -> Backups:
    return Backups(new_database)


async def _keyring(database: Database, settings: Settings) -> Keyring:
    async with database.transaction() as session:
        return await get_keyring(session, settings)


async def test_a_restored_backup_is_erased_again_whole(backups: Backups, settings: Settings) -> None:
    gone, stays = Canaries("qxza"), Canaries("qxzb")
    written_down = "parti@example.org"
    database = await Backups.opened(backups.url)
    # Made when the platform first starts, and part of every backup.
    keyring = await _keyring(database, settings)
    async with database.transaction() as session:
        territory: Territory = await create_territory(session, slug="bassin")
        elsewhere = await create_territory(session)
        person = await plant(session, territory, gone)
        other = await plant(session, elsewhere, stays)
        employer = await create_employer(session, territory, contact_email="Parti@Example.org")
        profile = await create_candidate(session, territory, reference="souhaits")
        withdrawn = Consent(
            person_id=other.id,
            purpose="community_mail",
            text_version="1",
            language="fr",
            channel="website",
            given_at=now(),
        )
        session.add(withdrawn)
    await database.close()
    copy = backups.restored()

    # Life goes on after the backup.
    database = await Backups.opened(backups.url)
    async with database.transaction() as session:
        assert await erase_person(session, keyring, ACTOR, person.id, because="asked")
        await erase_address(session, keyring, ACTOR, written_down, because="asked")
        await candidates.delete_candidate_profile(session, ACTOR, profile.id)
        consent = await session.get_one(Consent, withdrawn.id)
        consents.end(session, consent, actor=ACTOR.name, channel="website")
    await drain(Work(database, settings))
    await database.close()
    path = ledger.path_of(settings)
    lines = path.read_text().splitlines()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not holds(path.read_text(), [gone.mark, "parti"])
    assert {entry.what for entry in ledger.parse(lines)} == {
        "person",
        "address",
        "candidate_profile",
        "consent",
    }

    # The disk is lost, the backup restored: everything is back.
    restored = await Backups.opened(copy)
    strings = gone.every()
    async with restored.transaction() as session:
        assert len(await in_database(session, strings)) >= 15
        others = await in_database(session, stays.every())
    await restored.close()
    for round_ in ("first", "second"):
        said = await asyncio.to_thread(_replay, copy, settings.data_dir)
        assert said[0] == 0, said
        assert ("ended again: nothing" in said[1]) is (round_ == "second"), said
    restored = await Backups.opened(copy)
    async with restored.transaction() as session:
        assert await in_database(session, strings) == {}
        assert (await session.get_one(Employer, employer.id)).contact_email is None
        assert await session.get(CandidateProfile, profile.id) is None
        consent = await session.get_one(Consent, withdrawn.id)
        assert (consent.withdrawn_at is not None, consent.withdrawn_channel) == (True, "replayed")
        before = {row for table, rows in others.items() if table != "consent" for row in rows}
        after = await in_database(session, stays.every())
        assert {row for table, rows in after.items() if table != "consent" for row in rows} == before
    await restored.close()


def _replay(url: str, data_dir: Path) -> tuple[int, str]:
    """Run the command as an operator does, on the restored database."""
    get_settings.cache_clear()
    result = CliRunner().invoke(
        command_line,
        ["privacy", "replay"],
        env={"DATABASE_URL": url, "DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"},
    )
    get_settings.cache_clear()
    return result.exit_code, result.stderr


async def test_who_came_back_after_they_were_erased_stays(
    fresh_database: Database, settings: Settings
) -> None:
    keyring = await _keyring(fresh_database, settings)
    address = "camille@example.org"
    with frozen(in_days(-10)):
        async with fresh_database.transaction() as session:
            territory = await create_territory(session)
            person = await create_person(session, email=address)
            assert await erase_person(session, keyring, ACTOR, person.id, because="asked")
    await drain(Work(fresh_database, settings))
    async with fresh_database.transaction() as session:
        session.add(territory)
        again = await create_person(session, email=address)
        employer = await create_employer(session, territory, contact_email=address)
        entries = ledger.parse(ledger.path_of(settings).read_text().splitlines())
        done = await ledger.replay(session, keyring, entries)
    assert done.ended == {}
    async with fresh_database.transaction() as session:
        assert (await session.get_one(Person, again.id)).email == address
        assert (await session.get_one(Employer, employer.id)).contact_email == address


async def test_a_line_made_with_another_secret_is_told(fresh_database: Database, settings: Settings) -> None:
    keyring = await _keyring(fresh_database, settings)
    async with fresh_database.transaction() as session:
        await create_employer(session, await create_territory(session), contact_email="a@example.org")
        entry = ledger.Entry(
            now() + timedelta(days=1), "address", UUID(int=1), b"x" * 32, ledger.key_name(Keyring(b"other"))
        )
        done = await ledger.replay(session, keyring, [entry])
        assert (done.ended, done.other_keys) == ({}, 1)
        assert (
            len((await session.scalars(select(Employer).where(Employer.contact_email.is_not(None)))).all())
            == 1
        )


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"at": "2026-11-22T12:00:00Z", "what": "person"}',
        '{"at": "2026-11-22T12:00:00", "what": "person", "id": "01a20140-0000-7000-8000-000000000000"}',
        '{"at": "2026-11-22T12:00:00Z", "what": "all", "id": "01a20140-0000-7000-8000-000000000000"}',
        (
            '{"at": "2026-11-22T12:00:00Z", "what": "person", "id": "01a20140-0000-7000-8000-000000000000", '
            '"address": "z"}'
        ),
    ],
)
def test_a_line_that_cannot_be_read_stops_the_replay_and_says_which(line: str) -> None:
    with pytest.raises(ledger.LedgerError, match="Line 2 of the ledger"):
        ledger.parse(["", line])


def test_a_ledger_that_is_not_there_is_one_clear_sentence(tmp_path: Path) -> None:
    result = CliRunner().invoke(command_line, ["privacy", "replay", "--ledger", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "there is no ledger at" in result.stderr
