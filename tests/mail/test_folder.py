"""Without a mail server each mail is a file, whole, private and never changed."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.adapters import mail_folder
from service.core.database import Database
from service.core.ids import new_id
from service.core.settings import Settings
from service.domain import mail
from tests.factories import create_territory
from tests.mail.makers import ask, create_sign_in, row, send


@pytest.fixture
def local(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"data_dir": tmp_path / "data"})


async def test_mails_are_listed_and_read(database: Database, session: AsyncSession, local: Settings) -> None:
    territory = await create_territory(session, brand_name="Vals-les-Bains, vivez pétillant")
    sign_in = await create_sign_in(session, email="zoé@exemple.fr")
    await session.commit()
    ids = [
        await ask(
            database,
            "sign_in_code",
            sign_in.email,
            territory_id=territory.id,
            data={"sign_in_id": sign_in.id},
            language=language,
        )
        for language in ("fr", "en")
    ]
    await send(database, local)
    folder = mail.folder_of(local)
    found = mail.local_mails(folder)
    assert [each.id for each in found] == ids[::-1]
    english, french = found
    assert french.subject == "Votre code de connexion"
    assert french.to == "zoé@exemple.fr"
    assert french.sender == '"Vals-les-Bains, vivez pétillant" <ancrage@localhost>'
    assert "Voici votre code" in french.text
    assert "<h1" in english.html
    assert english.sent_at == (await row(session, ids[1])).created_at.replace(microsecond=0)
    assert mail.local_mail(folder, ids[0]) == french
    assert mail.local_mail(folder, new_id()) is None
    assert mail.local_mails(folder, limit=1) == [english]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert mail.remove_local(folder, [ids[0], new_id()]) == 1
    assert [each.id for each in mail.local_mails(folder)] == ids[1:]
    for mail_id in ids:
        stored = await row(session, mail_id)
        assert (stored.state, stored.error) == ("sent", None)


def test_no_folder_is_no_mails(tmp_path: Path) -> None:
    assert mail.local_mails(tmp_path / "none") == []
    assert mail.local_mail(tmp_path / "none", new_id()) is None
    assert mail.remove_local(tmp_path / "none", [new_id()]) == 0


def test_a_mail_is_never_changed_whoever_writes_it_again(tmp_path: Path) -> None:
    mail_id = new_id()
    with ThreadPoolExecutor(8) as threads:
        written = list(
            threads.map(lambda number: mail_folder.write(tmp_path, mail_id, b"%d" % number * 9), range(40))
        )
    assert written.count(True) == 1
    content = (tmp_path / f"{mail_id}.eml").read_bytes()
    assert content == b"%d" % written.index(True) * 9
    # Nothing half-written stays.
    assert os.listdir(tmp_path) == [f"{mail_id}.eml"]  # noqa: PTH208 - hidden files too


def test_what_a_killed_writer_left_goes_with_its_mail(tmp_path: Path) -> None:
    mail_id = new_id()
    (tmp_path / f".{mail_id}.abc.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "not-an-id.eml").write_text("Subject: x\n\n")
    assert mail.local_mails(tmp_path) == []
    assert mail.remove_local(tmp_path, [mail_id]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["not-an-id.eml", "notes.txt"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"Subject: =?utf-8?q?=ff?=\n\n", b"Date: never\n\nx"])
def test_a_file_somebody_put_there_is_shown_as_far_as_it_goes(tmp_path: Path, content: bytes) -> None:
    mail_id = UUID("01a20140-0000-7000-8000-000000000000")
    mail_folder.write(tmp_path, mail_id, content)
    (found,) = mail.local_mails(tmp_path)
    assert json.dumps([found.subject, found.to, found.text, found.html])
    assert found.sent_at is None
