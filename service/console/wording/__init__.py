"""Every text of the pages: (French, English)."""

from collections.abc import Mapping
from typing import Final

from service.console.wording import account, common, letters, problems, signing_in

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    name: pair
    for part in (common, signing_in, account, letters, problems)
    for name, pair in part.TEXTS.items()
}

__all__ = ["TEXTS"]
