"""The declarative base: names of constraints, column types, common columns."""

import datetime
import enum
import uuid
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Enum, MetaData, Text, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.core.ids import new_id

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table. ``str`` is ``text``, moments are ``timestamptz``, ``dict`` is ``jsonb``."""

    metadata = MetaData(naming_convention=NAMING)
    # What the database computes comes back with the write: nothing is loaded behind the code's back.
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - as SQLAlchemy declares it
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        uuid.UUID: UUID(as_uuid=True),
        datetime.datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[dict[str, Any]]: JSONB(),
        list[str]: ARRAY(Text()),
        list[uuid.UUID]: ARRAY(UUID(as_uuid=True)),
    }


def text_enum(kind: type[enum.Enum], name: str) -> Enum:
    """Return a column type that stores the values of ``kind`` as text, kept by a check constraint."""
    return Enum(
        kind,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        values_callable=lambda members: [member.value for member in members],
        length=40,
    )


Id = Annotated[uuid.UUID, mapped_column(UUID(as_uuid=True), primary_key=True, default=new_id)]
Big = Annotated[int, mapped_column(BigInteger)]
Created = Annotated[
    datetime.datetime,
    mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False),
]


class Timestamps:
    """When a row was made and last changed."""

    created_at: Mapped[Created]
    updated_at: Mapped[datetime.datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), nullable=False
    )
