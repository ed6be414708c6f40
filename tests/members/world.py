"""A région, a bassin in it with two employers and partners, a commune, a neighbour; and who acts there."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from service.models import Employer, Partner, Territory
from service.models.enums import TerritoryKind
from tests.client import ApiClient
from tests.factories import create_employer, create_territory, sign_in_as

Place = Territory | Employer | Partner


@dataclass(frozen=True, slots=True)
class World:
    """Places, seen from the bassin ``same`` and from the employer and partner ``same`` in it.

    ``neighbour``: another employer or partner of the bassin. ``inside``: of its commune. ``above``: of the
    région that holds it. ``beside``: of another bassin of that région.
    """

    territories: dict[str, Territory]
    employers: dict[str, Employer]
    partners: dict[str, Partner]

    def places(self, role: str) -> dict[str, Place | None]:
        """Return where ``role`` can be held, by the names above."""
        if role == "operator":
            return {"platform": None}
        if role == "employer_member":
            return dict(self.employers)
        return dict(self.partners) if role == "partner_member" else dict(self.territories)

    def home(self, role: str) -> Place | None:
        """Return the place ``same`` of ``role``."""
        return self.places(role).get("same")


async def create_partner(session: AsyncSession, territory: Territory, **overrides: Any) -> Partner:
    values: dict[str, Any] = {
        "territory_id": territory.id,
        "name": "Bailleur",
        "kind": "housing",
        "version": 1,
    }
    partner = Partner(**(values | overrides))
    session.add(partner)
    await session.flush()
    return partner


async def build(session: AsyncSession) -> World:
    """Build the world, committed."""
    region = await create_territory(session, slug="above", kind=TerritoryKind.REGION)
    same = await create_territory(session, slug="same", parent=region)
    inside = await create_territory(session, slug="inside", parent=same, kind=TerritoryKind.COMMUNE)
    beside = await create_territory(session, slug="beside", parent=region)
    territories = {"same": same, "inside": inside, "above": region, "beside": beside}
    homes = territories | {"neighbour": same}
    world = World(
        territories,
        {name: await create_employer(session, home, name=f"Fournil {name}") for name, home in homes.items()},
        {name: await create_partner(session, home, name=f"Bailleur {name}") for name, home in homes.items()},
    )
    await session.commit()
    return world


def body(email: str, role: str, place: Place | None) -> dict[str, Any]:
    """Return what is sent to invite ``email`` to ``role`` at ``place``."""
    sent = {"email": email, "role": role}
    if isinstance(place, Territory):
        sent["territory"] = place.slug
    elif place is not None:
        sent["employer_id" if isinstance(place, Employer) else "partner_id"] = str(place.id)
    return sent


async def act_as(
    client: ApiClient, session: AsyncSession, role: str | None = None, place: Place | None = None
) -> ApiClient:
    """Let ``client`` speak for a new person who holds ``role`` at ``place``."""
    token = await sign_in_as(session, role=role, place=place)
    await session.commit()
    return client.with_key(token)
