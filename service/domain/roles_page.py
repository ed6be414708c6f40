"""The page of who may do what, in words, written from the rules themselves."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Final

from service.domain.access import (
    GRANTABLE,
    PERMISSIONS,
    PUBLISHABLE,
    ROLES,
    SCOPES,
    Actor,
    Grant,
    Place,
    Role,
)
from service.domain.delegation import Seat, may_give

_RESOURCES: Final = {
    "api_client": "API clients and their keys",
    "audit": "the audit trail",
    "candidate": "candidate profiles",
    "consent": "consents",
    "employer": "employers",
    "feed": "feeds of postings",
    "import": "imports",
    "invitation": "invitations",
    "mail": "mails that came back",
    "match": "suggested candidates (without names)",
    "me": "the account",
    "member": "members and their roles",
    "partner": "partners",
    "posting": "postings",
    "privacy_request": "requests about personal data",
    "session": "devices signed in",
    "sign_in": "sign-ins of persons",
    "territory": "territories and their brands",
}
_PLACES: Final = {
    Place.PLATFORM: "the platform",
    Place.TERRITORY: "a territory",
    Place.EMPLOYER: "an employer",
    Place.PARTNER: "a partner",
    Place.SELF: "nowhere: comes with signing in",
}
_PAGE: Final = """# Who may do what

Written from `service/domain/access/rules.py`, the one page that decides: after a change there, run
`ancrage roles > docs/roles.md`. A test fails while this page says anything else.

## Roles of persons

A person holds any number of roles, each at one place, for a time or until it is taken away. What they may do
is all that any of them allows, at its place.

{roles}

{reaches}

{permissions}

- A role ends at once: when it is removed, on its last day, or with the account. Nothing is cached.
- Everybody may see and lay down their own roles (`member`, own). The last person who manages a territory
  cannot leave while nobody manages one above it or the platform.
- Where several roles are held, each counts at its own place alone.
- `member` is who holds which role; what each operation asks for is its `x-permission` in `/openapi.json`.

## Giving roles

Roles are given by invitation: a mail to an address, good for 14 days, taken once by whoever signs in with
that address. Nobody gives, sends again, revokes or takes away a role that allows more than they hold
themselves, permission by permission, at that place (and inside it, where the role holds inside). Nobody gives
a role that lasts longer than their own. All of it is checked when the invitation is made and again when it is
accepted: who lost their rights meanwhile gives nothing. Members of an employer or partner invite colleagues
and remove those who left, because nobody else knows it as soon.

{giving}

The first operator is made by the command `ancrage person operator <address>`.

## Scopes of programs

A program with a secret key holds scopes in its territories and all inside them. No scope invites, removes or
reads members, reads the audit trail or makes keys: those are done by persons.

{scopes}

The publishable key in a page may start, beside public reads: {publishable}. It reads nothing back.
"""


def roles_page() -> str:
    """Return the page ``docs/roles.md``, in Markdown."""
    return _PAGE.format(
        roles=_table(
            ("Role", "In the API", "Held at"),
            ((role.title, f"`{name}`", _PLACES[role.place]) for name, role in ROLES.items()),
        ),
        reaches="**●** everywhere or, at a territory, there and in all inside it; at an employer or partner, "
        "with what is theirs. **○** there alone. **own** with what is the person's own.",
        permissions=_table(("", *(role.title for role in ROLES.values())), _permissions()),
        giving=_table(("Who holds", "may give, at the same place"), _giving()),
        scopes=_table(
            ("Scope", "Allows"), ((f"`{name}`", _said(allowed)) for name, allowed in SCOPES.items())
        ),
        publishable=_said(PUBLISHABLE),
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _words(permission: str) -> str:
    resource, _, verb = permission.partition(".")
    # A resource without words yet is told by its name.
    return f"{verb} {_RESOURCES.get(resource, resource.replace('_', ' '))}"


def _said(permissions: frozenset[str]) -> str:
    by_resource: dict[str, list[str]] = {}
    for each in sorted(permissions):
        resource, _, verb = each.partition(".")
        by_resource.setdefault(_RESOURCES.get(resource, resource.replace("_", " ")), []).append(verb)
    return "; ".join(f"{resource}: {', '.join(verbs)}" for resource, verbs in by_resource.items())


def _permissions() -> Iterator[Sequence[str]]:
    for permission in sorted(PERMISSIONS):
        marks = (_mark(role) if permission in role.permissions else "" for role in ROLES.values())
        yield f"{_words(permission)} (`{permission}`)", *marks


def _mark(role: Role) -> str:
    if role.place is Place.SELF:
        return "own"
    return "○" if role.place is Place.TERRITORY and not role.inside else "●"


def _giving() -> Iterator[Sequence[str]]:
    here, employer, partner = uuid.UUID(int=1), uuid.UUID(int=2), uuid.UUID(int=3)
    for role in ROLES.values():
        grant = Grant(
            role.permissions,
            territories=frozenset({here}) if role.inside else frozenset(),
            exact_territories=frozenset({here})
            if role.place is Place.TERRITORY and not role.inside
            else frozenset(),
            employers=frozenset({employer}) if role.place is Place.EMPLOYER else frozenset(),
            partners=frozenset({partner}) if role.place is Place.PARTNER else frozenset(),
        )
        everywhere = role.place is Place.PLATFORM
        giver = Actor(
            name="",
            grants=(grant,),
            everywhere=everywhere,
            permissions=role.permissions if everywhere else frozenset(),
        )
        given = [
            ROLES[name].title
            for name in ROLES
            if name in GRANTABLE and may_give(giver, _seat(name, here, employer, partner))
        ]
        yield role.title, ", ".join(given) or "nothing"


def _seat(name: str, here: uuid.UUID, employer: uuid.UUID, partner: uuid.UUID) -> Seat:
    place = ROLES[name].place
    return Seat(
        name,
        () if place is Place.PLATFORM else (here,),
        employer if place is Place.EMPLOYER else None,
        partner if place is Place.PARTNER else None,
    )
