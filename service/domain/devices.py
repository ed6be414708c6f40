"""What a browser says of itself, in few words its owner recognises."""

import re
from typing import Final

# The first that matches counts: browsers name those they descend from.
_PROGRAMS: Final = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("FxiOS", "Firefox"),
    ("Firefox", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)
_PRODUCT: Final = re.compile(r"[A-Za-z][A-Za-z0-9._ -]{0,39}(?=/|$)")


def device_of(user_agent: str | None) -> str | None:
    """Return browser and system for a ``User-Agent`` header, such as ``Firefox, Windows``; None if unclear.

    Of a program that is no browser: its name.
    """
    if not user_agent:
        return None
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if program is None and system is None:
        product = _PRODUCT.match(user_agent)
        return product.group().strip() if product else None
    return ", ".join(part for part in (program, system) if part)
