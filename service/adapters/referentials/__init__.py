"""Reading the publishers' own files of the referentials: pure, no database, nothing guessed."""

from service.adapters.referentials.communes import read_communes
from service.adapters.referentials.rome import read_rome
from service.adapters.referentials.tension import read_tension

__all__ = ["read_communes", "read_rome", "read_tension"]
