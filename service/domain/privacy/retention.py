"""How long personal data stay, on one page: what is due, and how it ends.

Carried out by the clock (``jobs.privacy.apply_retention``) several times a day, so that what is due is gone
within the day, and nothing before its time. ``by`` names another handler of the clock where one was there.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from service.core.clock import now
from service.core.security import Keyring
from service.domain import audit, candidates, mail
from service.domain.access import ROLES, system
from service.domain.candidates import RETENTION
from service.domain.consents import latest_birth_date
from service.domain.events import record
from service.domain.idempotency import KEPT as ANSWERS_KEPT
from service.domain.mail.facts import WARNED_BEFORE
from service.domain.privacy.erasure import erase_person
from service.domain.privacy.purposes import Words
from service.domain.sessions import SESSIONS_KEPT, SIGN_INS_KEPT
from service.models import (
    AuditEntry,
    Base,
    CandidateProfile,
    Consent,
    Erasure,
    IdempotencyRecord,
    Invitation,
    Mail,
    Person,
    PersonSession,
    Posting,
    PrivacyRequest,
    RoleGrant,
    SignIn,
    Task,
)

Due = Callable[[datetime], ColumnElement[bool]]
"""Given the present moment, the condition that a row's time has come."""
Verb = Callable[[AsyncSession, Keyring, Any], Awaitable[None]]
"""What is done to one row that is due, given its id."""

HERE: Final = "apply_retention"
_YEARS_5: Final = timedelta(days=5 * 365 + 1)
_SLEEPING: Final = timedelta(days=700)
# Whoever works for a territory or an organisation keeps the account as long as the role; an ambassador, like
# a newcomer, is expected to come by.
PROFESSIONAL: Final = frozenset(ROLES) - {"ambassador", "person"}
_ACTOR: Final = system(RETENTION.removeprefix("system:"))


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of ``model`` that are ``due`` are deleted, or emptied of ``blanked``, or ended by ``verb``."""

    name: str
    words: Words
    model: type[Base]
    due: Due
    blanked: Mapping[str, Any] = field(default_factory=dict)
    verb: Verb | None = None
    by: str = HERE


def _works(moment: datetime) -> ColumnElement[bool]:
    return exists().where(
        RoleGrant.person_id == Person.id,
        RoleGrant.role.in_(PROFESSIONAL),
        RoleGrant.revoked_at.is_(None),
        or_(RoleGrant.expires_at.is_(None), RoleGrant.expires_at > moment),
    )


async def _forget_candidate(session: AsyncSession, _: Keyring, profile_id: Any) -> None:
    await candidates.forget(session, _ACTOR, profile_id)


async def _warn(session: AsyncSession, _: Keyring, person_id: Any) -> None:
    person = await session.get_one(Person, person_id)
    if person.email is None:
        return
    person.dormancy_warned_at = now()
    mail.request(
        session,
        template="dormancy_warning",
        to=person.email,
        language=person.language,
        person_id=person.id,
        actor=RETENTION,
    )
    record(session, "person.warned", actor=RETENTION, subject_id=person.id)


async def _anonymise(session: AsyncSession, keyring: Keyring, person_id: Any) -> None:
    await erase_person(session, keyring, _ACTOR, person_id, because="dormant")


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "candidates",
        {
            "fr": "Les souhaits de travail : deux ans après le dernier contact",
            "en": "Wishes about work: two years after the last contact",
        },
        CandidateProfile,
        candidates.forgotten,
        verb=_forget_candidate,
    ),
    Rule(
        "dormancy warnings",
        {
            "fr": "Un compte où personne ne s'est connecté : un courriel avertit après 700 jours",
            "en": "An account nobody signed in to: a mail warns after 700 days",
        },
        Person,
        lambda moment: and_(
            Person.anonymised_at.is_(None),
            Person.dormancy_warned_at.is_(None),
            Person.last_seen_at <= moment - _SLEEPING,
            ~_works(moment),
        ),
        verb=_warn,
    ),
    Rule(
        "dormant accounts",
        {
            "fr": "Un compte inactif : anonymisé 30 jours après l'avertissement, soit environ deux ans après "
            "la dernière connexion",
            "en": "A dormant account: anonymised 30 days after the warning, about two years after the last "
            "sign-in",
        },
        Person,
        lambda moment: and_(
            Person.anonymised_at.is_(None),
            Person.dormancy_warned_at <= moment - WARNED_BEFORE,
            Person.last_seen_at <= Person.dormancy_warned_at,
            ~_works(moment),
        ),
        verb=_anonymise,
    ),
    Rule(
        "grown up",
        {
            "fr": "L'adresse du parent : jusqu'aux 15 ans de l'enfant",
            "en": "The parent's address: until the child is 15",
        },
        Person,
        lambda moment: and_(
            Person.guardian_email.is_not(None), Person.birth_date <= latest_birth_date(moment)
        ),
        blanked={"guardian_email": None},
    ),
    Rule(
        "sign-ins",
        {"fr": "Une tentative de connexion : 24 heures", "en": "An attempt to sign in: 24 hours"},
        SignIn,
        lambda moment: SignIn.created_at <= moment - SIGN_INS_KEPT,
        by="forget_sign_ins",
    ),
    Rule(
        "sessions",
        {
            "fr": "Une session et son adresse réseau : 30 jours après sa fin",
            "en": "A session and its network: 30 days after its end",
        },
        PersonSession,
        lambda moment: (
            func.least(
                func.coalesce(PersonSession.revoked_at, PersonSession.expires_at), PersonSession.expires_at
            )
            <= moment - SESSIONS_KEPT
        ),
        by="forget_sign_ins",
    ),
    Rule(
        "sessions of the erased",
        {
            "fr": "Une session ouverte à l'instant même où la personne était effacée : aussitôt",
            "en": "A session opened at the very moment the person was erased: at once",
        },
        PersonSession,
        lambda _: exists().where(Person.id == PersonSession.person_id, Person.anonymised_at.is_not(None)),
    ),
    Rule(
        "invitations",
        {
            "fr": "Une invitation : 30 jours après sa fin (acceptée, retirée ou expirée)",
            "en": "An invitation: 30 days after its end (accepted, revoked or expired)",
        },
        Invitation,
        lambda moment: (
            func.least(Invitation.accepted_at, Invitation.revoked_at, Invitation.expires_at)
            <= moment - timedelta(days=30)
        ),
    ),
    Rule(
        "mail addresses",
        {
            "fr": "L'adresse à laquelle un courriel est parti : 90 jours",
            "en": "The address a mail went to: 90 days",
        },
        Mail,
        lambda moment: and_(
            or_(Mail.to_address.is_not(None), Mail.person_id.is_not(None)),
            Mail.created_at <= moment - timedelta(days=90),
        ),
        blanked={"to_address": None, "person_id": None},
    ),
    Rule(
        "withdrawn consents",
        {
            "fr": "La preuve d'un accord : cinq ans après son retrait",
            "en": "The proof of a consent: five years after its withdrawal",
        },
        Consent,
        lambda moment: Consent.withdrawn_at <= moment - _YEARS_5,
    ),
    Rule(
        "unconfirmed consents",
        {
            "fr": "Un accord qu'aucun parent n'a confirmé : 30 jours",
            "en": "A consent no parent confirmed: 30 days",
        },
        Consent,
        lambda moment: and_(
            Consent.needs_guardian,
            Consent.guardian_confirmed_at.is_(None),
            Consent.withdrawn_at.is_(None),
            Consent.given_at <= moment - timedelta(days=30),
            exists().where(
                Person.id == Consent.person_id,
                or_(Person.birth_date.is_(None), Person.birth_date > latest_birth_date(moment)),
            ),
        ),
    ),
    Rule(
        "privacy requests",
        {
            "fr": "Une demande sur des données : cinq ans après la réponse",
            "en": "A request about data: five years after the answer",
        },
        PrivacyRequest,
        lambda moment: PrivacyRequest.answered_at <= moment - _YEARS_5,
    ),
    Rule(
        "posting contacts",
        {
            "fr": "Le contact pour postuler : 90 jours après la fermeture de l'offre",
            "en": "The contact to apply: 90 days after the posting closed",
        },
        Posting,
        lambda moment: and_(
            Posting.closed_at <= moment - timedelta(days=90),
            or_(
                Posting.apply_email.is_not(None),
                Posting.apply_contact.is_not(None),
                Posting.apply_phone.is_not(None),
            ),
        ),
        blanked={
            "apply_email": None,
            "apply_contact": None,
            "apply_phone": None,
            "version": literal_column("version + 1"),
        },
    ),
    Rule(
        "audit circumstances",
        {
            "fr": "D'où et pourquoi quelqu'un a agi : douze mois",
            "en": "From where and why somebody acted: twelve months",
        },
        AuditEntry,
        lambda moment: and_(
            AuditEntry.circumstances.is_not(None), AuditEntry.at <= moment - timedelta(days=365)
        ),
        blanked={"circumstances": None, "salt": None},
    ),
    Rule(
        "answers",
        {
            "fr": "La réponse gardée pour une requête répétée : 24 heures",
            "en": "The answer kept for a repeated request: 24 hours",
        },
        IdempotencyRecord,
        lambda moment: IdempotencyRecord.created_at <= moment - ANSWERS_KEPT,
    ),
    Rule(
        "finished tasks",
        {
            "fr": "Un travail terminé et son erreur éventuelle : 14 jours",
            "en": "Finished work and the error it may have had: 14 days",
        },
        Task,
        lambda moment: Task.finished_at <= moment - timedelta(days=14),
        by="delete_expired",
    ),
    Rule(
        "erasures",
        {
            "fr": "La trace sans nom d'un effacement : cinq ans, plus que la plus ancienne sauvegarde",
            "en": "The nameless record of an erasure: five years, longer than the oldest backup",
        },
        Erasure,
        lambda moment: Erasure.erased_at <= moment - _YEARS_5,
    ),
)


def rules_of(table: str) -> list[Rule]:
    """Return the rules that end data in one table."""
    return [rule for rule in RULES if rule.model.__tablename__ == table]


async def list_due(session: AsyncSession, rule: Rule, *, limit: int) -> list[uuid.UUID]:
    """Return the ids of up to ``limit`` rows that are due by a rule that has a verb."""
    key = rule.model.__table__.c.id
    return list(await session.scalars(select(key).where(rule.due(now())).order_by(key).limit(limit)))


async def end_one(session: AsyncSession, keyring: Keyring, rule: Rule, row_id: uuid.UUID) -> bool:
    """Carry out a rule's verb on one row, if it is still due; return whether it was."""
    assert rule.verb is not None  # noqa: S101 - whoever calls has looked
    key = rule.model.__table__.c.id
    due = select(key).where(key == row_id, rule.due(now()))
    if rule.model is not CandidateProfile:
        # The verb of candidates takes its locks itself, in the order of those who match.
        due = due.with_for_update(skip_locked=True)
    if await session.scalar(due) is None:
        return False
    await rule.verb(session, keyring, row_id)
    return True


async def end_batch(session: AsyncSession, rule: Rule, *, limit: int) -> int:
    """Delete or empty up to ``limit`` rows that are due by a rule without a verb; return how many.

    Rows another transaction holds are left for the next time.
    """
    table = rule.model.__table__
    assert isinstance(table, Table)  # noqa: S101 - every model is one
    key = list(table.primary_key.columns)
    batch = select(*key).where(rule.due(now())).limit(limit).with_for_update(skip_locked=True).cte()
    chosen = tuple_(*key).in_(select(batch))
    statement: Any = delete(table).where(chosen)
    if rule.blanked:
        statement = update(table).where(chosen).values(dict(rule.blanked))
    count = len((await session.execute(statement.returning(key[0]))).all())
    if count:
        # What nobody asked for is in the trail too.
        audit.note(
            session,
            actor=RETENTION,
            action="retention.applied",
            object_kind=table.name,
            data={"rule": rule.name, "count": count},
        )
    return count
