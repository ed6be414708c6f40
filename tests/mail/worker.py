"""A process that sends mail and nothing else, to be killed. Its settings come as JSON on its input."""

import asyncio
import json
import sys
from typing import Any

from pydantic import SecretStr

from service.core.database import Database, create_engine
from service.core.settings import Settings
from service.domain.tasks import Backoff
from service.jobs.mail import send_mail
from service.jobs.runner import Runner
from service.jobs.work import Work


async def work(options: dict[str, Any]) -> None:
    """Work until killed."""
    options["smtp_url"] = SecretStr(options["smtp_url"])
    settings = Settings.model_construct(**{**Settings.model_construct().model_dump(), **options})
    database = Database(create_engine(str(settings.database_url), pool_size=5))
    runner = Runner(
        Work(database, settings),
        handlers={"mail.requested": [send_mail]},
        schedule={},
        backoff=Backoff(base_seconds=0.1),
    )
    async with runner.running():
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(json.load(sys.stdin)))
