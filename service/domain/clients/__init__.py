"""API clients: the programs and web pages that call for territories, and their keys."""

from service.domain.clients.editing import create_client, revoke_client, update_client
from service.domain.clients.keys import create_key, list_keys, revoke_key
from service.domain.clients.reading import get_client, list_clients, read
from service.domain.clients.tokens import OAuthRefusal, exchange

__all__ = [
    "OAuthRefusal",
    "create_client",
    "create_key",
    "exchange",
    "get_client",
    "list_clients",
    "list_keys",
    "read",
    "revoke_client",
    "revoke_key",
    "update_client",
]
