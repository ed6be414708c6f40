"""JSON as whoever decides about a sign-in must read it: one meaning, or none."""

import json
from typing import Any, Final, Never

from service.adapters.oidc.errors import NotBelieved

_DEEPEST: Final = 12


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Two readers could take two different values.
        message = "a name comes twice"
        raise ValueError(message)
    return found


def _no_constant(_name: str) -> Never:
    message = "NaN and Infinity are not JSON"
    raise ValueError(message)


def read_object(data: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object in ``data`` (UTF-8). Raises :class:`NotBelieved` naming ``what`` otherwise.

    No name may come twice in one object, nothing may be nested deeper than a dozen levels, and numbers are
    finite.
    """
    if data.count(b"{") + data.count(b"[") > 10_000:  # noqa: PLR2004 - far beyond any key set
        raise NotBelieved(f"{what}_malformed")
    try:
        found = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotBelieved(f"{what}_malformed") from None
    if not isinstance(found, dict) or not _shallow(found, _DEEPEST):
        raise NotBelieved(f"{what}_malformed")
    return found


def _shallow(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        return levels > 0 and all(_shallow(each, levels - 1) for each in value.values())
    if isinstance(value, list):
        return levels > 0 and all(_shallow(each, levels - 1) for each in value)
    return True
