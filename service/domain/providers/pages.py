"""Where a browser goes after a visit to a provider: a page of a website, or of the console."""

import re
import uuid
from typing import Final, Literal
from urllib.parse import quote, urlencode

from service.core.errors import FieldError, Invalid

CONSOLE_HOME: Final = "/console"
_USUAL_PORTS: Final = {"https": ":443", "http": ":80"}
# What browsers and this code read alike; \ and # would lead elsewhere than they seem to.
_PAGE: Final = re.compile(r"(https?)://([a-z0-9._\[\]:-]+)([/?][!$-\[\]^-~]*)?", re.IGNORECASE)
# As long as the console takes one.
_PATH: Final = re.compile(r"/(?!/)[!$-\[\]^-~]{0,499}")

Error = Literal["cancelled", "expired", "unavailable", "refused", "email_needed", "too_many"]


def is_path(address: str) -> bool:
    """Tell whether ``address`` is a path of the platform itself, and of no other host."""
    return _PATH.fullmatch(address) is not None


def origin_of(address: str) -> str:
    """Return the origin of a web page as browsers send it. Raises :class:`Invalid` for what is no page."""
    found = _PAGE.fullmatch(address)
    if found is None:
        message = (
            "The `return_url` must be the address of a page that begins with https://, or a path of the "
            "console that begins with /; without user name, # or \\."
        )
        raise Invalid(message, errors=[FieldError("?return_url", message, "value_error")])
    scheme, host = found[1].lower(), found[2].lower()
    return f"{scheme}://{host.removesuffix(_USUAL_PORTS[scheme])}"


def page_with(
    address: str,
    here: str,
    *,
    sign_in: str | None = None,
    sign_in_id: uuid.UUID | None = None,
    sign_in_error: Error | None = None,
) -> str:
    """Return where the browser goes with the one of these that is given.

    ``sign_in`` is the token to exchange, ``sign_in_id`` the sign-in whose code was mailed. ``address`` is the
    website's page, or a path of the console, whose own pages take what is given first.
    """
    given = {"sign_in": sign_in, "sign_in_id": sign_in_id, "sign_in_error": sign_in_error}
    told = {name: value for name, value in given.items() if value is not None}
    if not is_path(address):
        return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"
    page = "/sign-in"
    if sign_in is not None:
        page, told = f"/sign-in/link/{quote(sign_in)}", {}
    elif sign_in_id is not None:
        page = "/sign-in/code"
    query = urlencode(told | ({} if address == CONSOLE_HOME else {"next": address}))
    return f"{here}{page}{'?' if query else ''}{query}"
