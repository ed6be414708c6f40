"""From the two calls of a brand website to a mailbox and back: by the code, and by the link."""

import re

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.database import Database
from service.core.settings import Settings
from service.domain import mail
from service.jobs.runner import drain
from service.jobs.work import Work
from tests.client import ApiClient
from tests.factories import create_key, create_territory


@pytest.mark.parametrize("way", ["code", "link"])
async def test_signing_in_with_what_the_mail_says(
    client: ApiClient, session: AsyncSession, database: Database, settings: Settings, way: str
) -> None:
    territory = await create_territory(session, brand_name="Prenez racine")
    await session.commit()
    client.with_key(await create_key(database, territory, scopes=["sign-in:write"]))
    started = await client.post(
        "/v1/sign-in/codes", json={"email": "Camille@Example.fr", "territory": territory.slug}
    )
    assert started.status_code == 202
    await drain(Work(database, settings))
    (letter,) = mail.local_mails(mail.folder_of(settings))
    assert (letter.to, letter.sender) == ("camille@example.fr", "Prenez racine <ancrage@localhost>")
    code = re.search(r"^    (\d{4}) (\d{4})$", letter.text, re.MULTILINE)
    link = re.search(r"^http://127\.0\.0\.1:8000/sign-in/link/(\S+)$", letter.text, re.MULTILINE)
    assert code
    assert link
    body = {
        "code": {"sign_in_id": started.json()["sign_in_id"], "code": code[1] + code[2]},
        "link": {"link": link[1]},
    }[way]
    answer = await client.post("/v1/sign-in/tokens", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["person"]["email"] == "camille@example.fr"
