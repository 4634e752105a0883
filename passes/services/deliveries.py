"""Looking into the outbox, and sending a row on its way again."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from passes.errors import NotFound
from passes.services.google_sync import CLASS, GOOGLE, OBJECT
from passes.store import pauses
from passes.store.outbox import APNS, AT_ONCE, GAVE_UP, WAITING
from passes.store.tables import Delivery, Pass, Program, Registration

_MAX_ROW = (1 << 63) - 1


def list_deliveries(
    session: Session, merchant_id: str | None, state: str | None, after: int, limit: int
) -> Sequence[Delivery]:
    """Rows in the order of their ids; those of a merchant's passes, or all for None."""
    wanted = _visible(merchant_id).where(Delivery.id > after)
    if state is not None:
        wanted = wanted.where(Delivery.state == state)
    return session.scalars(wanted.order_by(Delivery.id).limit(limit)).all()


def retry(session: Session, merchant_id: str | None, delivery_id: str) -> Delivery:
    """The row waits no longer, with its attempts anew; NotFound for another merchant's.

    An operator's wish (no merchant) also lets its queue move again.
    """
    number = int(delivery_id) if delivery_id.isascii() and delivery_id.isdigit() else 0
    row = session.scalar(
        _visible(merchant_id).where(Delivery.id == min(number, _MAX_ROW)).with_for_update()
    )
    if row is None:
        raise NotFound("There is no such delivery; it may have been told meanwhile.")
    if merchant_id is None:
        pauses.resume(session, row.courier, {row.queue})
    return _renew(row)


def retry_given_up(session: Session) -> int:
    """All rows that were given up wait no longer, nor do their queues; returns how many."""
    given_up = select(Delivery).where(Delivery.state == GAVE_UP)
    in_order = given_up.order_by(Delivery.courier, Delivery.target)  # as changes renew them
    rows = session.scalars(in_order.with_for_update()).all()
    for courier, queue in sorted({(row.courier, row.queue) for row in rows}):
        pauses.resume(session, courier, {queue})
    return len([_renew(row) for row in rows])


def _renew(row: Delivery) -> Delivery:
    row.state, row.due_at, row.attempts, row.held = WAITING, AT_ONCE, 0, False
    row.version += 1
    return row


def _visible(merchant_id: str | None) -> Select[Delivery]:
    return select(Delivery) if merchant_id is None else select(Delivery).where(_of(merchant_id))


def _of(merchant_id: str) -> ColumnElement[bool]:
    """Rows whose phone carries a pass of the merchant, or that tell Google of one or its class."""
    carried = exists().where(
        Delivery.courier == APNS,
        Registration.device_id == Delivery.target,
        Pass.id == Registration.pass_id,
        Pass.merchant_id == merchant_id,
    )
    told = exists().where(Pass.id == _named(OBJECT), Pass.merchant_id == merchant_id)
    shown = exists().where(Program.id == _named(CLASS), Program.merchant_id == merchant_id)
    return or_(carried, and_(Delivery.courier == GOOGLE, or_(told, shown)))


def _named(prefix: str) -> ColumnElement[str]:
    """The id in a target of this kind; in any other, something that is no id."""
    return func.substr(Delivery.target, len(prefix) + 1)
