"""Keyset cursors: opaque, signed, and bound to the list and filters that made them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from service.core.errors import BadCursor

MAX_LIMIT = 100
_SIGNATURE_BYTES = 12


class Cursors:
    """Makes and reads cursors with one secret.

    A cursor is base64url of a signature and the JSON of the last row's sort values. The signature
    covers ``scope`` (which list) and ``filters`` (which selection), so that a cursor taken to another
    list, or to the same list with other filters, is refused instead of answering nonsense.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def _sign(self, payload: bytes, scope: str, filters: Mapping[str, Any]) -> bytes:
        bound = orjson.dumps([scope, filters], option=orjson.OPT_SORT_KEYS, default=str)
        return hmac.digest(self._secret, bound + b"\0" + payload, hashlib.sha256)[:_SIGNATURE_BYTES]

    def encode(self, values: Sequence[Any], *, scope: str, filters: Mapping[str, Any]) -> str:
        """Return the cursor that continues after the row whose sort values are ``values``."""
        payload = orjson.dumps(list(values), default=str)
        return base64.urlsafe_b64encode(self._sign(payload, scope, filters) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str, *, scope: str, filters: Mapping[str, Any]) -> list[Any]:
        """Return the sort values inside ``cursor``.

        Raises :class:`BadCursor` when it is malformed, forged, or made for another selection.
        """
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not payload or not hmac.compare_digest(signature, self._sign(payload, scope, filters)):
            raise BadCursor(
                "`after` must be the `next` value of a page of this very list, asked with the same filters. "
                "Start again without `after`."
            )
        values = orjson.loads(payload)
        return list(values)
