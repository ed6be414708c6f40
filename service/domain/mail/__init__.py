"""Mail: asking for one, its words, what became of it."""

from service.domain.mail.requesting import TEMPLATES, request

__all__ = ["TEMPLATES", "request"]
