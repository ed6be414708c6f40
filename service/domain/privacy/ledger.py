"""What was erased and withdrawn, kept outside the database: a backup that is restored knows nothing of it.

A line names ids and a keyed digest of the address, and nobody: ``{"at", "what", "id", "address", "key"}``.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Text, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.email_address import normalise
from service.core.security import Keyring
from service.core.settings import Settings
from service.domain import candidates, consents
from service.domain.access import system
from service.domain.privacy.conditions import Known, spellings, words_of
from service.domain.privacy.erasure import address_digest, erase_again, erase_person
from service.domain.privacy.traces import By, traces
from service.models import CandidateProfile, Consent, Erasure, Person

CONSENT: Final = "consent"
_KINDS: Final = frozenset({"person", "address", "candidate_profile", CONSENT})
_ACTOR: Final = system("replay")
_ADDRESS: Final = r"[^[:space:]@<>\x22\x27(),:;\[\]{}\\/]+@[[:alnum:].-]+\.[[:alnum:]-]+"


class LedgerError(Exception):
    """A line of the ledger that cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: what was ended, when, and the digest of the address, made with the key named ``key``."""

    at: datetime
    what: str
    id: uuid.UUID
    address: bytes | None = None
    key: str | None = None

    def line(self) -> str:
        """Return the entry as it is written."""
        return orjson.dumps(
            {
                "at": self.at.isoformat(),
                "what": self.what,
                "id": str(self.id),
                "address": self.address.hex() if self.address else None,
                "key": self.key,
            }
        ).decode()


@dataclass(frozen=True, slots=True)
class Replayed:
    """What replaying did: how many of each kind were ended again, and lines made with another key."""

    ended: Mapping[str, int]
    other_keys: int


def path_of(settings: Settings) -> Path:
    """Return the file the ledger is kept in."""
    return settings.data_dir / "erasures.jsonl"


def key_name(keyring: Keyring) -> str:
    """Return what tells which secret digests were made with, without telling the secret."""
    return keyring.sign("erasure key name")[:4].hex()


async def entries_about(session: AsyncSession, keyring: Keyring, subject_id: uuid.UUID) -> list[Entry]:
    """Return what the ledger must hold of a person, address, profile or consent that ended."""
    erased = await session.scalars(
        select(Erasure).where(Erasure.subject_id == subject_id).order_by(Erasure.id)
    )
    found = [
        Entry(row.erased_at, row.subject_kind, row.subject_id, row.email_digest, key_name(keyring))
        for row in erased
    ]
    consent = await session.get(Consent, subject_id)
    if consent is not None and consent.withdrawn_at is not None:
        found.append(Entry(consent.withdrawn_at, CONSENT, consent.id))
    return found


def parse(lines: Iterable[str]) -> list[Entry]:
    """Return the entries of a ledger, each once. Raises :class:`LedgerError`."""
    found: dict[tuple[str, uuid.UUID], Entry] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            entry = _entry(number, line)
            known = found.get((entry.what, entry.id))
            if known is None or entry.at > known.at:
                found[entry.what, entry.id] = entry
    return list(found.values())


def _entry(number: int, line: str) -> Entry:
    try:
        facts: dict[str, Any] = orjson.loads(line)
        entry = Entry(
            at=datetime.fromisoformat(facts["at"]),
            what=facts["what"],
            id=uuid.UUID(facts["id"]),
            address=bytes.fromhex(facts["address"]) if facts.get("address") else None,
            key=facts.get("key"),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(f"Line {number} of the ledger cannot be read ({type(error).__name__}).") from None
    if entry.what not in _KINDS or entry.at.tzinfo is None:
        raise LedgerError(f"Line {number} of the ledger is of an unknown kind, or its moment has no zone.")
    return entry


async def replay(session: AsyncSession, keyring: Keyring, entries: Sequence[Entry]) -> Replayed:
    """End again what a restored backup brought back: profiles, consents, persons, addresses.

    What is newer than its line is left alone: somebody who came back after they were erased stays. Doing it
    twice changes nothing. For the platform's own work: the session reaches everywhere.
    """
    ended: dict[str, int] = defaultdict(int)
    own = key_name(keyring)
    latest = sorted(entries, key=lambda entry: entry.at)
    digests = {entry.address: entry for entry in latest if entry.address is not None and entry.key == own}
    for entry in entries:
        ended[entry.what] += await _end(session, keyring, entry)
    if digests:
        for address in await _addresses(session):
            entry_of = digests.get(address_digest(keyring, address))
            if entry_of is not None:
                known = Known(None, spellings(address))
                ended["address"] += bool(await erase_again(session, _ACTOR, known, before=entry_of.at))
    others = sum(entry.address is not None and entry.key != own for entry in entries)
    return Replayed({what: count for what, count in ended.items() if count}, others)


async def _end(session: AsyncSession, keyring: Keyring, entry: Entry) -> bool:
    match entry.what:
        case "person":
            return await erase_person(session, keyring, _ACTOR, entry.id, because="replayed") is not None
        case "candidate_profile":
            if (
                await session.scalar(select(CandidateProfile.id).where(CandidateProfile.id == entry.id))
                is None
            ):
                return False
            await candidates.delete_candidate_profile(session, _ACTOR, entry.id)
            return True
        case "consent":
            consent = await session.get(Consent, entry.id)
            if consent is None or consent.withdrawn_at is not None:
                return False
            consents.end(session, consent, actor=_ACTOR.name, channel="replayed")
            return True
        case _:
            return False


async def _addresses(session: AsyncSession) -> set[str]:
    """Return every address the database holds, in a column of its own or in a text, normalised."""
    found = set(await session.scalars(select(Person.email).where(Person.email.is_not(None))))
    for trace in traces():
        column = trace.rows.c[trace.column]
        if trace.by is By.ADDRESS:
            found |= set(await session.scalars(select(column).where(column.is_not(None)).distinct()))
        elif trace.by is By.MENTION:
            words = words_of(column)
            # One row for each address in a text.
            text = func.array_to_string(func.regexp_matches(words, _ADDRESS, "g"), "", type_=Text)
            texts = select(text).where(func.strpos(words, "@") > 0)
            found |= set(await session.scalars(texts.distinct()))
    return {address for each in found if (address := _normalised(each)) is not None}


def _normalised(text: str | None) -> str | None:
    try:
        return normalise(text or "")
    except ValueError:
        return None
