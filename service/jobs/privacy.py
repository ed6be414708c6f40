"""What follows a consent, an erasure and the clock, so that data end when they must."""

import asyncio

import structlog

from service.adapters import ledger_file, mail_folder
from service.domain import consents, mail, privacy_requests
from service.domain.platform import get_keyring
from service.domain.privacy import files, ledger, resting, retention
from service.jobs.work import Scope, TaskFacts, Work, handler

# Small enough that a batch never holds its locks for long.
BATCH = 500

log = structlog.get_logger(__name__)


@handler(scope=Scope.EVERYWHERE)
async def stop_processing(work: Work, task: TaskFacts) -> None:
    """Stop what rested on a consent that was withdrawn."""
    assert task.subject_id is not None  # noqa: S101 - every event that leads here is about a consent
    async with work.completing(task) as session:
        count = await resting.stop(session, task.subject_id)
    log.info("consent.stopped", consent_id=str(task.subject_id), count=count)


@handler(coalesce=True, scope=Scope.EVERYWHERE)
async def review_consents(work: Work, task: TaskFacts) -> None:
    """Ask the parent, and stop what rests on consents, once somebody says that they are under 15."""
    assert task.subject_id is not None  # noqa: S101 - every event that leads here is about a person
    async with work.completing(task) as session:
        keyring = await get_keyring(session, work.settings)
        for consent in await consents.review(session, keyring, task.subject_id):
            await resting.stop(session, consent.id)


@handler(max_attempts=100, scope=Scope.EVERYWHERE)
async def keep_ledger(work: Work, task: TaskFacts) -> None:
    """Write what ended into the ledger outside the database. Twice says no more than once."""
    assert task.subject_id is not None  # noqa: S101 - every event that leads here is about something
    async with work.database.transaction() as session:
        keyring = await get_keyring(session, work.settings)
        entries = await ledger.entries_about(session, keyring, task.subject_id)
    path = ledger.path_of(work.settings)
    await asyncio.to_thread(ledger_file.append, path, [entry.line() for entry in entries])


@handler(coalesce=True, scope=Scope.EVERYWHERE)
async def sweep_files(work: Work, _task: TaskFacts) -> None:
    """Delete the local files of mails whose address was erased."""
    await _sweep(work)


@handler(timeout_seconds=3 * 3600, coalesce=True, scope=Scope.EVERYWHERE)
async def apply_retention(work: Work, _task: TaskFacts) -> None:
    """Delete, empty or end everything whose time has come. What fails does not hold up the rest."""
    failed: list[Exception] = []
    for rule in retention.RULES:
        if rule.by != retention.HERE:
            continue
        try:
            count = await (_one_by_one if rule.verb else _in_batches)(work, rule, failed)
        except Exception as error:
            log.exception("retention.failed", rule=rule.name)
            failed.append(error)
        else:
            log.info("retention.applied", rule=rule.name, count=count)
    await _sweep(work)
    if failed:
        raise ExceptionGroup("Some data that were due are still there.", failed)


async def _in_batches(work: Work, rule: retention.Rule, _: list[Exception]) -> int:
    total = 0
    while True:
        async with work.database.transaction() as session:
            count = await retention.end_batch(session, rule, limit=BATCH)
        total += count
        if count < BATCH:
            return total


async def _one_by_one(work: Work, rule: retention.Rule, failed: list[Exception]) -> int:
    """Carry out a verb, each time in a transaction of its own."""
    total = 0
    while True:
        async with work.database.transaction() as session:
            due = await retention.list_due(session, rule, limit=BATCH)
        ended = 0
        for row_id in due:
            try:
                async with work.database.transaction() as session:
                    keyring = await get_keyring(session, work.settings)
                    ended += await retention.end_one(session, keyring, rule, row_id)
            except Exception as error:
                log.exception("retention.failed", rule=rule.name, row_id=str(row_id))
                failed.append(error)
        total += ended
        # Without progress, the same rows would come again.
        if len(due) < BATCH or not ended:
            return total


async def _sweep(work: Work) -> None:
    folder = mail.folder_of(work.settings)
    held = await asyncio.to_thread(mail_folder.held, folder)
    if not held:
        return
    async with work.database.transaction() as session:
        gone = await files.without_address(session, held)
    count = await asyncio.to_thread(mail_folder.remove, folder, gone)
    log.info("mail_files.removed", count=count)


@handler(coalesce=True, scope=Scope.EVERYWHERE)
async def remind_of_requests(work: Work, _task: TaskFacts) -> None:
    """Remind managers of requests about data that are due within a week."""
    while True:
        async with work.database.transaction() as session:
            if await privacy_requests.remind_managers(session, limit=BATCH) < BATCH:
                return
