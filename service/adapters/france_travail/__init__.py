"""France Travail's job postings, from files saved from its API and from the live API."""

from service.adapters.france_travail.calls import Access, Patience
from service.adapters.france_travail.client import FeedQuery, FranceTravailClient
from service.adapters.france_travail.files import parse_file
from service.adapters.france_travail.parse import SOURCE, parse_item

__all__ = [
    "SOURCE",
    "Access",
    "FeedQuery",
    "FranceTravailClient",
    "Patience",
    "parse_file",
    "parse_item",
]
