"""What an entry's digest covers, and how: the same when it is written and when it is verified."""

import datetime
import hashlib
import uuid
from dataclasses import dataclass
from typing import Any, Final

import orjson

BEGINNING: Final = bytes(32)
"""The digest before the first entry of a chain."""
PLATFORM_CHAIN: Final = uuid.UUID(int=0)
"""The chain of what belongs to no territory."""
_FORM: Final = "ancrage audit 1"


def canonical(value: Any) -> bytes:
    """Return the one JSON text of ``value``, keys sorted: the same after PostgreSQL has kept it as JSONB."""
    return orjson.dumps(_whole(value), option=orjson.OPT_SORT_KEYS)


def _whole(value: Any) -> Any:
    """Return ``value`` with whole numbers as integers: JSONB does not keep how a number was written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return value


def commit_to(salt: bytes, circumstances: dict[str, Any]) -> bytes:
    """Return the commitment to ``circumstances``; without ``salt`` nobody can guess them from it."""
    return hashlib.sha256(salt + canonical(circumstances)).digest()


@dataclass(frozen=True, slots=True)
class Covered:
    """What the digest of an entry covers beside the digest before it; ``data`` is :func:`canonical`."""

    chain_id: uuid.UUID
    sequence: int
    at: datetime.datetime
    actor: str
    action: str
    object_kind: str | None
    object_id: uuid.UUID | None
    territory_id: uuid.UUID | None
    request_id: str | None
    data: bytes
    commitment: bytes | None

    def digest(self, before: bytes) -> bytes:
        """Return the SHA-256 of the digest ``before`` and this entry."""
        facts = orjson.dumps(
            [
                _FORM,
                str(self.chain_id),
                self.sequence,
                self.at.astimezone(datetime.UTC),
                self.actor,
                self.action,
                self.object_kind,
                _id(self.object_id),
                _id(self.territory_id),
                self.request_id,
                orjson.Fragment(self.data),
                self.commitment.hex() if self.commitment is not None else None,
            ]
        )
        return hashlib.sha256(before + facts).digest()


def _id(value: uuid.UUID | None) -> str | None:
    return None if value is None else str(value)
