"""Lists: pages in the stable order (created_at, id), continued by an opaque cursor."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from passes.errors import FieldFault, Invalid
from passes.store.tables import ApiKey, Location, Member, Merchant, Program, Template

Row = TypeVar("Row", ApiKey, Location, Member, Merchant, Program, Template)
View = TypeVar("View", bound=BaseModel)


class ListQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class Page(BaseModel, Generic[View]):
    """`next_cursor` continues the list; None on the last page."""

    data: list[View]
    has_more: bool
    next_cursor: str | None


def page(
    session: Session, statement: Select[Row], entity: type[Row], query: ListQuery
) -> tuple[Sequence[Row], str | None]:
    """The rows of one page of `statement`, which selects `entity`; and the next page's cursor."""
    order = (entity.created_at, entity.id)
    if query.cursor is not None:
        statement = statement.where(tuple_(*order) > tuple_(*_read(query.cursor)))
    rows = session.scalars(statement.order_by(*order).limit(query.limit + 1)).all()
    if len(rows) <= query.limit:
        return rows, None
    last = rows[query.limit - 1]
    return rows[: query.limit], _write(last.created_at, last.id)


def as_page(views: list[View], next_cursor: str | None) -> Page[View]:
    """The answer for the rows that `page` found."""
    return Page(data=views, has_more=next_cursor is not None, next_cursor=next_cursor)


def _write(created_at: datetime, row_id: str) -> str:
    text = f"{created_at.isoformat()} {row_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        moment, row_id = text.split(" ")
        created_at = datetime.fromisoformat(moment)
    except (binascii.Error, ValueError) as error:
        raise _unreadable() from error
    if created_at.tzinfo != UTC or not row_id.isprintable():
        raise _unreadable()
    return created_at, row_id


def _unreadable() -> Invalid:
    return Invalid([FieldFault("/cursor", "cursor_invalid", "use next_cursor as it came")])
