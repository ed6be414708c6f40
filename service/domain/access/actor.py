"""Who is asking, and where they may do what."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.core.reach import EVERYWHERE, Reach
from service.domain.access.rules import PERMISSIONS

_NONE: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions, and the places they hold at: any one of them is enough.

    ``territories`` count with all inside them, ``exact_territories`` alone. ``own``: at what belongs to the
    person themselves. ``source`` is the role's or the client's name, for words.
    """

    permissions: frozenset[str]
    territories: frozenset[uuid.UUID] = _NONE
    exact_territories: frozenset[uuid.UUID] = _NONE
    employers: frozenset[uuid.UUID] = _NONE
    partners: frozenset[uuid.UUID] = _NONE
    own: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a name for the record (``person:<id>``, ``client:<id>``, ``system:<what>``) and grants.

    ``everywhere``: allowed ``permissions`` (all, when it is empty) at every place: operators, the platform
    itself. ``publishable``: a page in a browser, of which anybody may hold the key.
    """

    name: str
    person_id: uuid.UUID | None = None
    client_id: uuid.UUID | None = None
    session_id: uuid.UUID | None = None
    email: str | None = None
    language: str | None = None
    grants: tuple[Grant, ...] = ()
    everywhere: bool = False
    permissions: frozenset[str] = frozenset()
    publishable: bool = False
    client_territory_ids: tuple[uuid.UUID, ...] = ()

    @property
    def owner_id(self) -> uuid.UUID | None:
        """Return the id under which things are kept for the actor: the person's, else the client's."""
        return self.person_id or self.client_id

    @property
    def anonymous(self) -> bool:
        """Tell whether nobody in particular asks."""
        return not self.everywhere and self.owner_id is None

    def may_everywhere(self, permission: str) -> bool:
        """Tell whether the actor holds ``permission`` at every place."""
        return self.everywhere and (not self.permissions or permission in self.permissions)

    def holding(self, permission: str) -> Iterator[Grant]:
        """Yield the grants that hold ``permission``."""
        return (grant for grant in self.grants if permission in grant.permissions)

    def may(self, permission: str) -> bool:
        """Tell whether the actor holds ``permission`` somewhere."""
        return self.may_everywhere(permission) or any(True for _ in self.holding(permission))

    def may_at(
        self,
        permission: str,
        *,
        lineage: Sequence[uuid.UUID] = (),
        employer_id: uuid.UUID | None = None,
        partner_id: uuid.UUID | None = None,
        person_id: uuid.UUID | None = None,
    ) -> bool:
        """Tell whether the actor holds ``permission`` at one place.

        ``lineage`` is the territory's own (widest first, itself last); the ids are of whose the thing is.
        """
        return self.may_everywhere(permission) or any(
            not grant.territories.isdisjoint(lineage)
            or (bool(lineage) and lineage[-1] in grant.exact_territories)
            or employer_id in grant.employers
            or partner_id in grant.partners
            or (grant.own and person_id is not None and person_id == self.person_id)
            for grant in self.holding(permission)
        )

    def permissions_at(
        self,
        *,
        lineage: Sequence[uuid.UUID] = (),
        employer_id: uuid.UUID | None = None,
        partner_id: uuid.UUID | None = None,
        inside: bool = False,
    ) -> frozenset[str]:
        """Return every permission held at one place; with ``inside`` only what holds in all below too."""
        if self.everywhere:
            return self.permissions or PERMISSIONS
        return frozenset[str]().union(
            *(
                grant.permissions
                for grant in self.grants
                if not grant.territories.isdisjoint(lineage)
                or (not inside and bool(lineage) and lineage[-1] in grant.exact_territories)
                or employer_id in grant.employers
                or partner_id in grant.partners
            )
        )

    def reach(self) -> Reach:
        """Return how far the actor's transactions reach: all places of all grants."""
        if self.everywhere:
            return EVERYWHERE
        return Reach(
            territories=frozenset[uuid.UUID]().union(*(grant.territories for grant in self.grants)),
            exact_territories=frozenset[uuid.UUID]().union(
                *(grant.exact_territories for grant in self.grants)
            ),
            employers=frozenset[uuid.UUID]().union(*(grant.employers for grant in self.grants)),
            partners=frozenset[uuid.UUID]().union(*(grant.partners for grant in self.grants)),
            person=self.person_id,
            client=self.client_id,
            email=self.email,
        )


ANONYMOUS = Actor(name="anonymous")


def system(name: str) -> Actor:
    """Return the actor of a command or background task: allowed everything, named in every record."""
    return Actor(name=f"system:{name}", everywhere=True)
