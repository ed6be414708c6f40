"""Mail that came back."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from service.schemas.base import ReadModel


class BounceOutcome(StrEnum):
    """What a report says became of a mail."""

    DELIVERED = "delivered"
    DELAYED = "delayed"
    TRANSIENT = "transient"
    PERMANENT = "permanent"


class BounceRead(ReadModel):
    """What was understood of a report."""

    mail_id: UUID = Field(
        description="The mail it is about; its `Message-ID` begins with this id, without dashes."
    )
    outcome: BounceOutcome = Field(
        description="`permanent`: this mail will never arrive. `transient`: it was given up, another may "
        "arrive. `delayed`: it is still being tried. `delivered`: it arrived."
    )
    status: str = Field(description="The enhanced status code (RFC 3463).", examples=["5.1.1"])
    recorded: bool = Field(description="False when nothing changed: it was known, or it is no failure.")
