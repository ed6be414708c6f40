"""What a mail says, read when it is about to be sent; or why it is no longer worth sending."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.security import Keyring
from service.core.settings import Settings
from service.domain import derived
from service.domain.labels import label
from service.domain.mail.colours import readable
from service.domain.mail.words import (
    PRIVACY_KINDS,
    PRIVACY_TITLES,
    day,
    in_words,
    language_of,
    name_of,
    one_line,
)
from service.domain.mail.writing import PLATFORM, Brand, Letter, usable_address
from service.domain.privacy.purposes import PURPOSES
from service.models import (
    Consent,
    Employer,
    Invitation,
    Mail,
    Partner,
    Person,
    PrivacyRequest,
    SignIn,
    Territory,
)

# From the warning to the erasure of an account nobody uses.
WARNED_BEFORE: Final = timedelta(days=30)
_LONGEST_PLACE: Final = 120
# Answered with the data themselves, which never travel by mail.
_READ_AFTER_SIGNING_IN: Final = frozenset({"access", "portability"})


class Ended(Exception):  # noqa: N818 - what happened, not a fault
    """The thing a mail is about came to an end before the mail was sent; ``reason`` is one word for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"This mail is no longer worth sending: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sources:
    """What facts are read with. ``address`` begins the links to our own pages, without a slash at its end."""

    session: AsyncSession
    keyring: Keyring
    address: str
    mail: Mail
    language: str

    def subject_id(self, name: str) -> uuid.UUID:
        """Return the id of the thing the mail is about."""
        return uuid.UUID(self.mail.data[name])


Facts = Mapping[str, Any]


def public_address(settings: Settings) -> str:
    """Return where the outside world, or this machine, reaches our pages."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    shown = f"[{host}]" if ":" in host else host
    return settings.public_url or f"http://{shown}:{settings.port}"


async def letter_of(session: AsyncSession, keyring: Keyring, settings: Settings, mail: Mail) -> Letter:
    """Return all that ``mail`` says. Raises :class:`Ended`."""
    sources = Sources(session, keyring, public_address(settings), mail, language_of(mail.language))
    person = await session.get(Person, mail.person_id) if mail.person_id is not None else None
    if person is not None and person.anonymised_at is not None and mail.template != "erasure_done":
        raise Ended("anonymised")
    facts = await _READERS[mail.template](sources)
    # A mail about somebody may go to somebody else: a parent, a manager.
    greeted = person.given_name if person is not None and person.email == mail.to_address else None
    return Letter(
        template=mail.template,
        language=sources.language,
        brand=await _brand(session, mail.territory_id),
        facts=facts,
        greeted=name_of(greeted),
    )


async def _brand(session: AsyncSession, territory_id: uuid.UUID | None) -> Brand:
    territory = await session.get(Territory, territory_id) if territory_id is not None else None
    if territory is None:
        return Brand()
    logo = territory.logo_url
    addresses = (usable_address(contact.get("email")) for contact in territory.contacts)
    return Brand(
        name=one_line(territory.brand_name or territory.name)[:_LONGEST_PLACE] or PLATFORM,
        colour=readable(territory.colours.get("primary")),
        logo_url=logo if logo is not None and logo.startswith("https://") else None,
        reply_to=next((address for address in addresses if address is not None), None),
    )


async def _sign_in_code(sources: Sources) -> Facts:
    found = await sources.session.get(SignIn, sources.subject_id("sign_in_id"))
    if found is None or found.kind != "email" or found.email != sources.mail.to_address:
        raise Ended("missing")
    if found.used_at is not None:
        raise Ended("used")
    if found.expires_at <= now():
        raise Ended("expired")
    digits = derived.sign_in_code(sources.keyring, found.id)
    half = len(digits) // 2
    token = derived.sign_in_link(sources.keyring, found.id)
    return {
        "digits": f"{digits[:half]} {digits[half:]}",
        "link": (
            _with_parameter(found.return_url, f"sign_in={token}")
            if found.return_url
            else f"{sources.address}/sign-in/link/{token}"
        ),
        "minutes": max(1, round((found.expires_at - found.created_at).total_seconds() / 60)),
    }


def _with_parameter(address: str, parameter: str) -> str:
    """Return ``address`` with one more parameter in its query, the rest as it was."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, parameter) if part)))


async def _invitation(sources: Sources) -> Facts:
    session, language = sources.session, sources.language
    found = await session.get(Invitation, sources.subject_id("invitation_id"))
    if found is None:
        raise Ended("missing")
    if found.accepted_at is not None:
        raise Ended("accepted")
    if found.revoked_at is not None:
        raise Ended("revoked")
    if found.expires_at <= now():
        raise Ended("expired")
    return {
        "place": await _place(session, found),
        "role": label("role", found.role, language),
        "inviter": await _who(session, found.invited_by),
        "until": day(found.expires_at, language),
        "role_ends": day(found.role_expires_at, language) if found.role_expires_at is not None else None,
        "link": f"{sources.address}/invitations/{derived.invitation_link(sources.keyring, found.id)}",
    }


async def _place(session: AsyncSession, invitation: Invitation) -> str:
    name = None
    if invitation.employer_id is not None:
        name = await session.scalar(select(Employer.name).where(Employer.id == invitation.employer_id))
    elif invitation.partner_id is not None:
        name = await session.scalar(select(Partner.name).where(Partner.id == invitation.partner_id))
    elif invitation.territory_id is not None:
        name = await session.scalar(select(Territory.name).where(Territory.id == invitation.territory_id))
    return one_line(name or "")[:_LONGEST_PLACE] or PLATFORM


async def _who(session: AsyncSession, actor: str) -> str | None:
    """Return the name of the person behind an actor's name; None for a program, or somebody without one."""
    kind, _, text = actor.partition(":")
    person = await session.get(Person, uuid.UUID(text)) if kind == "person" else None
    return name_of(person.given_name, person.family_name) if person is not None else None


async def _guardian_consent(sources: Sources) -> Facts:
    found = await sources.session.get(Consent, sources.subject_id("consent_id"))
    if found is None:
        raise Ended("missing")
    if found.withdrawn_at is not None:
        raise Ended("withdrawn")
    if found.guardian_confirmed_at is not None or not found.needs_guardian:
        raise Ended("confirmed")
    child = await sources.session.get(Person, found.person_id)
    if child is None or child.anonymised_at is not None:
        raise Ended("anonymised")
    if usable_address(child.guardian_email) != sources.mail.to_address:
        raise Ended("another_guardian")
    purpose = PURPOSES.get(found.purpose)
    return {
        "child": name_of(child.given_name),
        "purpose": purpose.title[sources.language] if purpose is not None else found.purpose,
        "link": f"{sources.address}/consents/guardian/{derived.guardian_link(sources.keyring, found.id)}",
    }


async def _dormancy_warning(sources: Sources) -> Facts:
    mail = sources.mail
    person = await sources.session.get(Person, mail.person_id) if mail.person_id is not None else None
    if person is None:
        raise Ended("missing")
    if person.last_seen_at > mail.created_at:
        raise Ended("came_back")
    warned_at = person.dormancy_warned_at or mail.created_at
    return {"until": day(warned_at + WARNED_BEFORE, sources.language), "link": f"{sources.address}/sign-in"}


async def _erasure_done(sources: Sources) -> Facts:
    return {"on": day(sources.mail.created_at, sources.language)}


async def _privacy_request(sources: Sources) -> PrivacyRequest:
    found = await sources.session.get(PrivacyRequest, sources.subject_id("privacy_request_id"))
    if found is None:
        raise Ended("missing")
    return found


async def _privacy_request_received(sources: Sources) -> Facts:
    return _open_request(await _privacy_request(sources), sources.language)


def _open_request(found: PrivacyRequest, language: str) -> dict[str, Any]:
    if found.state != "received":
        raise Ended("answered")
    return {
        "wish": in_words(PRIVACY_KINDS, found.kind, language),
        "title": in_words(PRIVACY_TITLES, found.kind, language),
        "received": day(found.received_at, language),
        "due": day(found.due_at, language),
        "reference": str(found.id),
    }


async def _privacy_request_due(sources: Sources) -> Facts:
    # To a manager: it says what is asked and until when, not by whom.
    facts = _open_request(await _privacy_request(sources), sources.language)
    return facts | {"link": f"{sources.address}/console"}


async def _privacy_request_answered(sources: Sources) -> Facts:
    found = await _privacy_request(sources)
    if found.state == "received":
        raise Ended("not_answered")
    refused = found.state == "refused"
    signed_in = found.kind in _READ_AFTER_SIGNING_IN and not refused
    return {
        "wish": in_words(PRIVACY_KINDS, found.kind, sources.language),
        "received": day(found.received_at, sources.language),
        "refused": refused,
        "answer": None if signed_in else found.answer,
        "link": f"{sources.address}/account/privacy" if signed_in else None,
        "reference": str(found.id),
    }


_READERS: Final[Mapping[str, Callable[[Sources], Awaitable[Facts]]]] = {
    "sign_in_code": _sign_in_code,
    "invitation": _invitation,
    "guardian_consent": _guardian_consent,
    "dormancy_warning": _dormancy_warning,
    "erasure_done": _erasure_done,
    "privacy_request_received": _privacy_request_received,
    "privacy_request_answered": _privacy_request_answered,
    "privacy_request_due": _privacy_request_due,
}
