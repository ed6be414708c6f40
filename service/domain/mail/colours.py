"""A brand's colour made readable: contrast as WCAG 2 measures it, 4.5 to 1 at least."""

import re
from typing import Final

NEEDED: Final = 4.5
WHITE: Final = "#ffffff"
# Behind the white sheet of a mail.
PAGE: Final = "#f4f6f8"
DEFAULT: Final = "#0b6e6e"
_HEX: Final = re.compile(r"#[0-9a-fA-F]{6}")
_STEP: Final = 0.94


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own

    red, green, blue = map(linear, _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours ``#rrggbb``: from 1 (none) to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: object) -> str:
    """Return ``colour``, as dark as it takes for white letters on it, or it on the page, to be read.

    What is no colour ``#rrggbb`` becomes the platform's own.
    """
    if not isinstance(colour, str) or not _HEX.fullmatch(colour):
        return DEFAULT
    channels: tuple[float, ...] = _channels(colour)
    found = colour.lower()
    while contrast(found, PAGE) < NEEDED:
        channels = tuple(channel * _STEP for channel in channels)
        found = "#" + "".join(f"{int(channel):02x}" for channel in channels)
    return found
