"""How a route says that its answer may be kept: the same bytes for everybody, until something changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request

from service.api.lane.changes import ANYTHING
from service.core.listening import REFERENTIALS

__all__ = ["ANYTHING", "KEPT", "REFERENTIALS", "Storable", "storable"]

KEPT: Final = "storable"
"""Where the mark stands in the request's state."""


@dataclass(frozen=True, slots=True)
class Storable:
    """An answer lasts until ``of`` changes, and not beyond ``until``, when something in it runs out.

    ``of`` is a territory's id, :data:`REFERENTIALS` or :data:`ANYTHING`.
    """

    of: str
    until: datetime | None = None


def storable(request: Request, of: object, until: datetime | None = None) -> None:
    """Mark the answer to ``request``, which depends on the path, the query, the language and nothing else.

    Only for what anybody may read, and never for what another engine answered in the place of a failing one.
    """
    setattr(request.state, KEPT, Storable(str(of), until))
