"""What a posting needs before the public may read it; all that is missing is said at once."""

from service.core.clock import now
from service.core.errors import FieldError
from service.models import Posting
from service.models.enums import RemoteKind

SHORTEST_DESCRIPTION = 50


def missing(posting: Posting) -> list[FieldError]:
    """Return everything that keeps an employer's own posting from being published."""
    errors: list[FieldError] = []

    def lacks(pointer: str, detail: str, code: str = "missing") -> None:
        errors.append(FieldError(pointer, detail, code))

    if len((posting.description or "").strip()) < SHORTEST_DESCRIPTION:
        lacks("/description", f"Describe the work in at least {SHORTEST_DESCRIPTION} characters.")
    if posting.occupation_code is None:
        lacks("/occupation_code", "Name the trade by its ROME code; `GET /v1/occupations?q=` finds it.")
    if posting.contract_kind is None:
        lacks("/contract/kind", "Say which kind of contract it is.")
    if posting.commune_code is None and posting.remote is not RemoteKind.FULL:
        lacks("/place/commune_code", "Name the commune, or say that the work is fully remote.")
    if not (posting.apply_url or posting.apply_email or posting.apply_phone):
        lacks("/apply", "Give candidates a way to apply: `url`, `email` or `phone`.")
    if posting.valid_through is None:
        lacks("/valid_through", "Say until when the posting stands.")
    elif posting.valid_through <= now():
        lacks("/valid_through", "The date is past; choose a later one.", "past")
    if posting.employer_id is None:
        lacks("/employer_id", "Say who recruits.")
    return errors
