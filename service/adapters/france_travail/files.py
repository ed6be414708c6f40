"""Files saved from the API: one reply, a bare list of items, or JSON Lines.

A file is trusted as a whole or not at all: one that stops in the middle would make every posting
after the cut look withdrawn.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import orjson

from service.adapters.france_travail.parse import SOURCE, parse_item
from service.schemas.feed import FeedBatch, FeedError, FeedPosting, Rejection

LARGEST_FILE_BYTES: Final = 500 * 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TRUNCATED: Final = "the file stops in the middle: it was not downloaded whole"
_NOT_A_FEED: Final = 'expected {"resultats": […]}, a list of items, or one item per line'


def parse_file(source: Path | bytes) -> FeedBatch:
    """Read a saved feed into a batch; items that are no postings are its ``rejections``.

    Accepts ``{"resultats": […]}`` as the API replies, a list of items, and JSON Lines (one item,
    or one reply, per line). An empty list gives an empty batch: whether to believe it is the
    import's decision.

    Raises ``FeedError`` when the file cannot be read, is truncated, is not UTF-8 or JSON, or holds
    something else (an error reply of the API, a page of HTML).
    """
    content = _bytes_of(source)
    batch = FeedBatch(source=SOURCE)
    batch.add(_items(content))
    return batch


def _bytes_of(source: Path | bytes) -> bytes:
    content = _read(source) if isinstance(source, Path) else source
    content = content.removeprefix(_BYTE_ORDER_MARK).strip()
    if not content:
        reason = "the file is empty"
        raise FeedError(reason)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        cut = error.end >= len(content) and error.reason == "unexpected end of data"
        reason = _TRUNCATED if cut else f"not UTF-8 at byte {error.start}"
        raise FeedError(reason, offset=error.start) from error
    return content


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            reason = f"{path.name} is larger than {LARGEST_FILE_BYTES} bytes"
            raise FeedError(reason)
        return path.read_bytes()
    except OSError as error:
        reason = f"cannot read {path.name}: {error.strerror or error}"
        raise FeedError(reason) from error


def _items(content: bytes) -> Iterator[FeedPosting | Rejection]:
    if content[:1] not in b"{[":
        raise FeedError(_NOT_A_FEED, offset=0)
    try:
        whole = _loads(content)
    except json.JSONDecodeError as error:
        lines = content.splitlines()
        if not _is_object(lines[0]):
            reason = _TRUNCATED if _stops_early(content, error) else _unreadable(error)
            raise FeedError(reason, offset=_byte_offset(error)) from error
        yield from _from_lines(lines)
        return
    yield from map(parse_item, _listed(whole))


def _from_lines(lines: list[bytes]) -> Iterator[FeedPosting | Rejection]:
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    last = filled[-1][0]
    for number, line in filled:
        try:
            value = _loads(line)
        except json.JSONDecodeError as error:
            if number == last and _stops_early(line, error):
                raise FeedError(_TRUNCATED) from error
            yield Rejection(source_id=None, reason=_unreadable(error), pointer=f"/{number}")
            continue
        if isinstance(value, Mapping) and "resultats" in value:
            yield from map(parse_item, _listed(value))
        else:
            yield parse_item(value)


def _listed(whole: object) -> list[object]:
    """Return the items of a whole reply; raise ``FeedError`` if it is not one."""
    if isinstance(whole, list):
        return whole
    if isinstance(whole, Mapping):
        results = whole.get("resultats")
        if isinstance(results, list):
            return results
        if "id" in whole and "intitule" in whole:
            return [whole]
        said = whole.get("message") or whole.get("error_description") or whole.get("error")
        if isinstance(said, str):
            reason = f"an error reply, not a feed: {said[:200]}"
            raise FeedError(reason)
    raise FeedError(_NOT_A_FEED)


def _loads(content: bytes) -> object:
    """Parse JSON; what orjson refuses but the standard allows (lone surrogates) is read too."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        text = content.decode()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except (RecursionError, ValueError) as error:
            reason = "nested too deep, or a number of too many digits"
            raise json.JSONDecodeError(reason, text, 0) from error


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(_loads(line), Mapping)
    except json.JSONDecodeError:
        return False


def _stops_early(content: bytes, error: json.JSONDecodeError) -> bool:
    unclosed = error.pos >= len(error.doc) or error.msg.startswith("Unterminated string")
    return unclosed or content[-1:] not in b"}]"


def _unreadable(error: json.JSONDecodeError) -> str:
    return f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"


def _byte_offset(error: json.JSONDecodeError) -> int:
    return len(error.doc[: error.pos].encode())
