"""Looking for strings everywhere the platform may have put them."""

from collections.abc import Collection, Iterable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import redis
from sqlalchemy import LargeBinary, Text, cast, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Base
from tests.servers import RedisServer


async def in_database(session: AsyncSession, strings: Collection[str]) -> dict[str, list[str]]:
    """Return the rows that hold one of ``strings``, in any column of whatever type, by table."""
    found = {}
    for table in Base.metadata.sorted_tables:
        # The whole row as text; bytes, which it shows as hexadecimal digits, once more as what they spell.
        row = cast(literal_column(table.name), Text)
        spelt = [
            func.coalesce(func.encode(column, "escape"), "")
            for column in table.columns
            if isinstance(column.type, LargeBinary)
        ]
        words = func.lower(func.concat(row, *spelt))
        held = or_(*(func.strpos(words, string.lower()) > 0 for string in strings))
        rows = list(await session.scalars(select(func.concat(row, *spelt)).select_from(table).where(held)))
        if rows:
            found[table.name] = sorted(rows)
    return found


def in_files(folder: Path, strings: Collection[str]) -> list[Path]:
    """Return the files below ``folder`` that hold one of ``strings``, as they are or as a mail reads."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and holds(_read(path), strings)]


def _read(path: Path) -> str:
    content = path.read_bytes()
    texts = [content.decode(errors="replace"), path.name]
    if path.suffix == ".eml":
        message = message_from_bytes(content, EmailMessage, policy=policy.default)
        texts += [str(part.get_content()) for part in message.walk() if not part.is_multipart()]
        texts += [f"{name}: {value}" for name, value in message.items()]
    return "\n".join(texts)


def in_redis(server: RedisServer, strings: Collection[str]) -> list[bytes]:
    """Return the keys whose name or value holds one of ``strings``."""
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        keys: Iterable[bytes] = client.keys()
        assert keys, "there is something to look through"
        return [key for key in keys if holds(_all_of(client, key), strings)]


def _all_of(client: redis.Redis, key: bytes) -> str:
    # Small values are written uncompressed.
    client.config_set("rdbcompression", "no")
    dumped = client.dump(key) or b""
    return (key + b"\n" + bytes(dumped)).decode(errors="replace")  # type: ignore[arg-type] # bytes, as above


def holds(words: str, strings: Collection[str]) -> bool:
    """Tell whether one of ``strings`` stands in ``words``."""
    lowered = words.lower()
    return any(string.lower() in lowered for string in strings)
