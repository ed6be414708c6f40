"""Problems a caller can act on. Each becomes an RFC 9457 ``application/problem+json`` answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing to change in the request: a JSON pointer (or ``?name`` for a query parameter)."""

    pointer: str
    detail: str
    code: str

    def as_dict(self) -> dict[str, str]:
        """Return the error as it appears in the ``errors`` member of a problem."""
        return {"pointer": self.pointer, "detail": self.detail, "code": self.code}


class Problem(Exception):  # noqa: N818 - the name RFC 9457 gives it
    """A refusal with a stable type, a status and words that say what to change.

    Subclasses fix ``type_name``, ``status`` and ``title``; ``detail`` is written for the developer
    who meets it. ``extra`` adds members to the problem, ``headers`` to the answer.
    """

    type_name = "bad-request"
    status = 400
    title = "The request cannot be understood"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def as_dict(self) -> dict[str, Any]:
        """Return the problem document, without ``instance``, which the request adds."""
        document: dict[str, Any] = {
            "type": f"urn:ancrage:problem:{self.type_name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = [error.as_dict() for error in self.errors]
        return document | self.extra


class BadRequest(Problem):
    """The request cannot be understood at all."""


class BadCursor(Problem):
    """The ``after`` cursor was not made by this list with these filters."""

    type_name = "bad-cursor"
    title = "This cursor does not belong to this list"


class Unauthenticated(Problem):
    """No key, or a key that is unknown, expired or revoked."""

    type_name = "unauthenticated"
    status = 401
    title = "A valid key or token is needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="ancrage"'})


class Forbidden(Problem):
    """The caller may see the object but not do this to it."""

    type_name = "forbidden"
    status = 403
    title = "This key or role may not do that"


class NotFound(Problem):
    """The object does not exist, or the caller may not know that it does."""

    type_name = "not-found"
    status = 404
    title = "Nothing here"


class MethodNotAllowed(Problem):
    """The path exists, and answers other methods."""

    type_name = "method-not-allowed"
    status = 405
    title = "This path does not answer that method"


class Conflict(Problem):
    """The state of the object forbids the action."""

    type_name = "conflict"
    status = 409
    title = "The present state forbids this"


class InFlight(Conflict):
    """Another request with the same Idempotency-Key is still running."""

    type_name = "idempotency-in-flight"
    title = "The same request is still running"


class Gone(Problem):
    """The public object existed and is no longer there."""

    type_name = "gone"
    status = 410
    title = "No longer available"


class Stale(Problem):
    """``If-Match`` names an older version than the stored one."""

    type_name = "stale-version"
    status = 412
    title = "Someone changed it meanwhile"


class TooLarge(Problem):
    """The body exceeds the limit."""

    type_name = "too-large"
    status = 413
    title = "The body is too large"


class UnsupportedMediaType(Problem):
    """The body is not of a type this endpoint reads."""

    type_name = "unsupported-media-type"
    status = 415
    title = "This kind of body is not read here"


class Invalid(Problem):
    """The request is well-formed but some values are not acceptable."""

    type_name = "invalid"
    status = 422
    title = "Some values must be changed"


class Incomplete(Invalid):
    """A posting lacks what publishing needs; every missing thing is listed at once."""

    type_name = "incomplete"
    title = "Some values are missing"


class KeyReused(Invalid):
    """The Idempotency-Key was already used with another body."""

    type_name = "idempotency-key-reused"
    title = "This Idempotency-Key was used for another request"


class SignInRefused(Invalid):
    """A code, link or refresh token is worth nothing: wrong, used, expired, or another client's."""

    type_name = "sign-in-refused"
    title = "This signs nobody in"


class PreconditionRequired(Problem):
    """An update came without ``If-Match``."""

    type_name = "precondition-required"
    status = 428
    title = "Say which version you are changing"


class TooManyRequests(Problem):
    """The same was asked too often; ``Retry-After`` says when to ask again."""

    type_name = "too-many-requests"
    status = 429
    title = "Too often"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


class LockedOut(TooManyRequests):
    """Too many wrong keys or tokens came from this network: none is looked at for a while."""

    type_name = "locked-out"
    title = "Too many wrong keys or tokens"


class HeadTooLarge(Problem):
    """The address and headers exceed the limit."""

    type_name = "headers-too-large"
    status = 431
    title = "The address and headers are too large"


class Unavailable(Problem):
    """Something needed is down; trying again later may succeed."""

    type_name = "unavailable"
    status = 503
    title = "Temporarily unavailable"


class TimedOut(Unavailable):
    """The request took longer than a request may, and was broken off."""

    type_name = "timeout"
    title = "It took too long"
