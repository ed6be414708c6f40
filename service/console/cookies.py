"""The console's cookies, and forms that only its own pages can send.

Before signing in a visitor has a cookie of random letters, after it one with the session's token; a form
carries a word worked out from whichever it is. Another site can neither read the cookie nor guess the word,
and what it planted before signing in is worth nothing after.
"""

import base64
import hmac
import secrets
from typing import Final, Literal

from fastapi import Request, Response

from service.core.security import Keyring

SameSite = Literal["lax", "strict"]
_VISITOR_BYTES: Final = 24
_LONGEST: Final = 200


def is_secure(here: str) -> bool:
    """Tell whether the console is reached over https; ``here`` is its public address."""
    return here.startswith("https://")


def session_cookie(here: str) -> str:
    """Return the name of the session's cookie: with the prefix browsers protect, under https."""
    return "__Host-ancrage" if is_secure(here) else "ancrage_session"


def visitor_cookie(here: str) -> str:
    """Return the name of the cookie a visitor has before signing in."""
    return "__Host-ancrage-visitor" if is_secure(here) else "ancrage_visitor"


def read(request: Request, name: str) -> str | None:
    """Return a cookie that may be one of ours."""
    value = request.cookies.get(name)
    return value if value and len(value) <= _LONGEST and value.isascii() else None


def new_visitor() -> str:
    """Return the value of a new visitor's cookie."""
    return secrets.token_urlsafe(_VISITOR_BYTES)


def keep(response: Response, name: str, value: str, *, here: str, seconds: int | None = None) -> None:
    """Set a cookie no script reads and no other site sends along with a form."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=is_secure(here), httponly=True, samesite="lax"
    )


def forget(response: Response, name: str, *, here: str) -> None:
    """Take a cookie away."""
    response.delete_cookie(name, path="/", secure=is_secure(here), httponly=True, samesite="lax")


def form_word(keyring: Keyring, holder: str) -> str:
    """Return the word a form carries for whoever holds the cookie ``holder``."""
    return base64.urlsafe_b64encode(keyring.sign("console form", holder)).decode().rstrip("=")


def is_form_word(keyring: Keyring, holder: str, word: str) -> bool:
    """Tell whether ``word`` is the one of ``holder``."""
    return hmac.compare_digest(form_word(keyring, holder).encode(), word.encode())
