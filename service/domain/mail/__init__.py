"""Mail: asking for one, its words, what became of it."""

from service.adapters.mail_folder import LocalMail, local_mail, local_mails, remove as remove_local
from service.domain.mail.bounces import report_bounce
from service.domain.mail.requesting import TEMPLATES, request
from service.domain.mail.sending import Dropped, Outcome, Outgoing, conclude, folder_of, prepare, trial

__all__ = [
    "TEMPLATES",
    "Dropped",
    "LocalMail",
    "Outcome",
    "Outgoing",
    "conclude",
    "folder_of",
    "local_mail",
    "local_mails",
    "prepare",
    "remove_local",
    "report_bounce",
    "request",
    "trial",
]
