"""Signing in without a password: a code or a link sent by mail, or a provider that vouches."""

from service.domain.sign_in.finishing import exchange, finish_with_code, finish_with_link, link_stands
from service.domain.sign_in.starting import CONSOLE, Started, Through, start, start_through, vouch

__all__ = [
    "CONSOLE",
    "Started",
    "Through",
    "exchange",
    "finish_with_code",
    "finish_with_link",
    "link_stands",
    "start",
    "start_through",
    "vouch",
]
