"""Stamps: given by a till that scans, or by a system that knows the member."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from flask import Response, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from passes.services import counter, idempotency, till
from passes.services.counter import Stamping
from passes.services.drafts import EarnDraft, ScanDraft
from passes.store.tables import Transaction
from passes.web.api.contract import Call, Reply, Routes
from passes.web.api.members import MemberView, ProgressView, view_of

routes = Routes("ledger")


class TransactionView(BaseModel):
    id: str
    member_id: str
    program_id: str
    type: str
    stamps: int
    balance_after: int
    location_id: str | None
    created_at: datetime


class RewardView(BaseModel):
    """`milestone` is the slot that earned it, `cycle` the card's number from 0."""

    id: str
    milestone: int
    cycle: int
    title: str


class PushView(BaseModel):
    """`queued` when somebody is being told, `none` when nobody holds the card there.

    `notified` tells whether Google will show a notice of it: three a day and card are allowed.
    """

    apple: str
    google: str
    notified: bool


class EarnView(BaseModel):
    transaction: TransactionView
    member: MemberView
    rewards_earned: list[RewardView]
    push: PushView


class ScanView(BaseModel):
    """`result` is found or stamped; only a stamp has a transaction."""

    result: str
    member: MemberView
    progress: ProgressView
    transaction: TransactionView | None = None
    rewards_earned: list[RewardView] = []
    push: PushView | None = None


@routes.on(
    "POST",
    "/members/<member_id>/transactions",
    scope="ledger:write",
    body=EarnDraft,
    answer=EarnView,
    status=HTTPStatus.CREATED,
    idempotent=True,
)
def earn(call: Call) -> Response:
    """Give a member stamps. One act per Idempotency-Key, however often it is sent."""
    draft = call.body(EarnDraft)

    def act(session: Session, key: str) -> EarnView:
        at = till.present(session, call.merchant_id, call.path["member_id"])
        done = counter.earn(session, at, draft.stamps, call.now, key, draft.location_id)
        return _earned(call, done)

    def told_again(session: Session, line: Transaction) -> EarnView:
        _require_same(line, call.path["member_id"], draft.stamps, draft.location_id)
        at = till.present(session, call.merchant_id, line.member_id)
        return _earned(call, counter.given_before(session, at, line))

    return _once(call, draft, HTTPStatus.CREATED, act, told_again)


@routes.on(
    "POST",
    "/scans",
    scope="ledger:write",
    body=ScanDraft,
    answer=ScanView,
    idempotent=True,
)
def scan(call: Call) -> Reply | Response:
    """Look a card up by its code, or stamp it. A lookup changes nothing and needs no key."""
    draft = call.body(ScanDraft)
    if draft.intent == "lookup":
        return Reply(_found(call, draft))

    def act(session: Session, key: str) -> ScanView:
        at = till.present_code(session, call.merchant_id, draft.code)
        till.check_cooldown(session, at, call.now, confirmed=draft.override_cooldown)
        done = counter.earn(session, at, draft.quantity, call.now, key, draft.location_id)
        return _scanned(call, done)

    def told_again(session: Session, line: Transaction) -> ScanView:
        at = till.present_code(session, call.merchant_id, draft.code)
        _require_same(line, at.member.id, draft.quantity, draft.location_id)
        return _scanned(call, counter.given_before(session, at, line))

    return _once(call, draft, HTTPStatus.OK, act, told_again)


def _once(
    call: Call,
    draft: BaseModel,
    status: HTTPStatus,
    act: Callable[[Session, str], BaseModel],
    told_again: Callable[[Session, Transaction], BaseModel],
) -> Response:
    """Acts under the request's key, or answers as the first time."""
    key = idempotency.check_key(request.headers.get("Idempotency-Key"))
    what = idempotency.fingerprint("POST", request.path, draft.model_dump(mode="json"))
    merchant_id = call.merchant_id
    with call.parts.database.writing() as session:
        known = idempotency.begin(session, merchant_id, key, what, call.now)
        if known:
            return _answer(known, replayed=True)
        line = counter.line_by_key(session, merchant_id, key)
        view = told_again(session, line) if line else act(session, key)
        answer = idempotency.Answer(status, view.model_dump_json(by_alias=True))
        idempotency.finish(session, merchant_id, key, answer)
    return _answer(answer, replayed=line is not None)


def _answer(answer: idempotency.Answer, *, replayed: bool) -> Response:
    response = Response(answer.body, answer.status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _found(call: Call, draft: ScanDraft) -> ScanView:
    with call.parts.database.reading() as session:
        at = till.look_up(session, call.merchant_id, draft.code)
    view = view_of(call, at.member, at.program, at.card, at.stamps)
    return ScanView(result="found", member=view, progress=view.progress)


def _scanned(call: Call, done: Stamping) -> ScanView:
    earned = _earned(call, done)
    return ScanView(
        result="stamped",
        member=earned.member,
        progress=earned.member.progress,
        transaction=earned.transaction,
        rewards_earned=earned.rewards_earned,
        push=earned.push,
    )


def _earned(call: Call, done: Stamping) -> EarnView:
    at = done.at
    return EarnView(
        transaction=TransactionView.model_validate(done.line, from_attributes=True),
        member=view_of(call, at.member, at.program, at.card, done.balance),
        rewards_earned=[
            RewardView.model_validate(reward, from_attributes=True) for reward in done.rewards
        ],
        push=_push(done),
    )


def _require_same(line: Transaction, member_id: str, stamps: int, location_id: str | None) -> None:
    """Of an act whose answer was forgotten only the ledger still knows what it was."""
    if (line.member_id, line.stamps, line.location_id) != (member_id, stamps, location_id):
        raise idempotency.reused()


def _push(done: Stamping) -> PushView:
    phones, objects = done.told.phones, done.told.objects
    return PushView(
        apple="queued" if phones else "none",
        google="queued" if objects else "none",
        notified=bool(objects and done.google_notifies),
    )
