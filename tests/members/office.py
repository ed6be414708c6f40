"""Who invites, and who is invited, seen through the API."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from service.core.security import Keyring
from service.domain import derived
from service.models import Person, RoleGrant
from tests.client import ApiClient
from tests.factories import create_person, sign_in_as
from tests.members.world import Place, World, body

ADDRESS = "camille@example.org"
ROLE = "concierge_agent"


class Office:
    """A manager of the bassin ``same``, for whom the client speaks until somebody else is named."""

    def __init__(self, client: ApiClient, session: AsyncSession, world: World) -> None:
        self.client = client
        self.session = session
        self.world = world
        self.manager_id: UUID
        self.manager_token = ""

    async def open(self) -> None:
        """Let the manager begin."""
        manager = await create_person(self.session, given_name="Claude", family_name="Responsable")
        self.manager_id = manager.id
        self.manager_token = await self.sign_in(manager, "territory_manager", self.world.territories["same"])

    async def sign_in(self, person: Person, role: str | None = None, place: Place | None = None) -> str:
        """Speak for ``person``, with ``role`` at ``place`` if one is named; return their token."""
        token = await sign_in_as(self.session, person, role, place)
        await self.session.commit()
        self.client.with_key(token)
        return token

    async def become(self, email: str = ADDRESS) -> Person:
        """Speak for a new person whose verified address is ``email``."""
        person = await create_person(self.session, email=email)
        await self.sign_in(person)
        return person

    def return_to_manager(self) -> None:
        """Speak for the manager again."""
        self.client.with_key(self.manager_token)

    async def invite(self, **changes: Any) -> dict[str, Any]:
        """Invite an agent to the bassin; return what is answered."""
        sent = body(ADDRESS, ROLE, self.world.territories["same"]) | changes
        answer = await self.client.post("/v1/invitations", json=sent)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        assert answer.headers["location"] == f"/v1/invitations/{found['id']}"
        return found

    def token_of(self, invitation_id: str | UUID) -> str:
        """Return the token that the mail of an invitation carries."""
        keyring: Keyring = self.client.app.state.keyring
        return derived.invitation_link(keyring, UUID(str(invitation_id)))

    async def accept(self, offered: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Accept by the link in the mail; return status and body."""
        answer = await self.client.post(
            "/v1/invitations/acceptances", json={"token": self.token_of(offered["id"])}
        )
        return answer.status_code, answer.json()

    async def resend(self, offered: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Have the mail sent again; return status and body."""
        answer = await self.client.post(f"/v1/invitations/{offered['id']}/resend")
        return answer.status_code, answer.json()


def seat(row: RoleGrant) -> tuple[Any, ...]:
    """Return role and place of a grant."""
    return row.role, row.territory_id, row.employer_id, row.partner_id
