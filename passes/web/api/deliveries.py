"""The outbox from outside: what waits, what was tried in vain, and trying it again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from passes.services import deliveries
from passes.store.outbox import AT_ONCE
from passes.store.tables import Delivery
from passes.web.api.contract import Call, Reply, Routes

routes = Routes("deliveries")


_LAST_ROW = 2**63 - 1  # what a BIGINT holds


class DeliveryQuery(BaseModel):
    """Which rows; `after` continues behind the id of the last one seen."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["waiting", "gave_up"] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[int, Field(ge=0, le=_LAST_ROW)] = 0


class DeliveryView(BaseModel):
    """`due_at` is None when it goes out at once; `target` names a phone, never its push token."""

    id: int
    courier: str
    target: str
    queue: str
    state: str
    attempts: int
    due_at: datetime | None
    waiting_since: datetime
    last_error: str | None


class DeliveriesView(BaseModel):
    data: list[DeliveryView]
    has_more: bool
    next_cursor: str | None


@routes.on("GET", "/deliveries", scope="passes:read", query=DeliveryQuery, answer=DeliveriesView)
def index(call: Call) -> Reply:
    """List what waits to be told and what was given up: a merchant's own, or all for operators."""
    query = call.query(DeliveryQuery)
    with call.parts.database.reading() as session:
        rows = deliveries.list_deliveries(
            session, call.caller.merchant_id, query.state, query.cursor, query.limit + 1
        )
        return Reply(_page(rows, query.limit))


@routes.on("POST", "/deliveries/<delivery_id>/retry", scope="members:write", answer=DeliveryView)
def retry(call: Call) -> Reply:
    """Try a delivery again at once, also one that was given up."""
    with call.parts.database.writing() as session:
        row = deliveries.retry(session, call.caller.merchant_id, call.path["delivery_id"])
        return Reply(_view(row))


def _page(rows: Sequence[Delivery], limit: int) -> DeliveriesView:
    more = len(rows) > limit
    shown = rows[:limit]
    return DeliveriesView(
        data=[_view(row) for row in shown],
        has_more=more,
        next_cursor=str(shown[-1].id) if more else None,
    )


def _view(row: Delivery) -> DeliveryView:
    return DeliveryView(
        id=row.id,
        courier=row.courier,
        target=row.target,
        queue=row.queue,
        state=row.state,
        attempts=row.attempts,
        due_at=None if row.due_at == AT_ONCE else row.due_at,
        waiting_since=row.waiting_since,
        last_error=row.last_error,
    )
