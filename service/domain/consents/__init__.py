"""Consents: a person's yes to one purpose, in one text; withdrawn as easily as given."""

from service.domain.consents.counting import AGE_OF_CONSENT, has, is_child, latest_birth_date
from service.domain.consents.ending import end
from service.domain.consents.giving import RENEWED, give, list_consents, need, withdraw
from service.domain.consents.guardian import Question, decide_as_guardian, guardian_question, review

__all__ = [
    "AGE_OF_CONSENT",
    "RENEWED",
    "Question",
    "decide_as_guardian",
    "end",
    "give",
    "guardian_question",
    "has",
    "is_child",
    "latest_birth_date",
    "list_consents",
    "need",
    "review",
    "withdraw",
]
