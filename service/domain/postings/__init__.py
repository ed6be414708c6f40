"""Postings: every verb, query and rule on them."""

from service.domain.postings.queries import (
    get_posting,
    list_changes,
    list_postings,
    public_documents,
    public_posting,
    read,
)
from service.domain.postings.states import FILL, PAUSE, PUBLISH, WITHDRAW, Transition
from service.domain.postings.verbs import (
    change_state,
    create_posting,
    expire_due,
    follow_employer,
    move,
    update_posting,
)

__all__ = [
    "FILL",
    "PAUSE",
    "PUBLISH",
    "WITHDRAW",
    "Transition",
    "change_state",
    "create_posting",
    "expire_due",
    "follow_employer",
    "get_posting",
    "list_changes",
    "list_postings",
    "move",
    "public_documents",
    "public_posting",
    "read",
    "update_posting",
]
