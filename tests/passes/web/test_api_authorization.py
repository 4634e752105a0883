"""Who may do what: every endpoint, by one code path, and nobody learns of another's objects."""

from typing import Any, Self, get_args

import pytest
from sqlalchemy import event, select

from passes.services.drafts import Scope
from passes.store.tables import (
    ApiKey,
    Base,
    Location,
    Member,
    Merchant,
    Pass,
    Program,
    Relocation,
    Template,
)
from passes.web.api import ENDPOINTS
from passes.web.api.contract import ADMIN, Endpoint
from tests.passes.web.answers import problem
from tests.service import Door, Service

OWNED: dict[str, type[Base]] = {
    "key_id": ApiKey,
    "location_id": Location,
    "member_id": Member,
    "merchant_id": Merchant,
    "pass_id": Pass,
    "program_id": Program,
    "relocation_id": Relocation,
    "template_id": Template,
}
BODIES: dict[str, dict[str, Any]] = {
    "members_create": {},
    "ledger_earn": {"type": "earn", "stamps": 1},
}
ABOUT_AN_OBJECT = [e for e in ENDPOINTS if any(f"<{name}>" in e.path for name in OWNED)]


def path(endpoint: Endpoint, object_id: str = "xxx_0000000000000000000000") -> str:
    for name in (*OWNED, "delivery_id"):
        endpoint_path = endpoint.path.replace(f"<{name}>", object_id)
        if endpoint_path != endpoint.path:
            return endpoint_path
    return endpoint.path


def ask(door: Door, endpoint: Endpoint, object_id: str = "xxx_0000000000000000000000") -> Any:
    options: dict[str, Any] = {"headers": {"Idempotency-Key": "one"}}
    if endpoint.body or endpoint.patch:
        options["json"] = BODIES.get(endpoint.name, {})
    return door.send(endpoint.method, path(endpoint, object_id), **options)


def test_without_a_key_in_force_nothing_is_answered(service: Service) -> None:
    for endpoint in ENDPOINTS:
        for credentials in ("", "Bearer", "Bearer wk_guess", "Basic d2s6eA==", "bearer \xff"):
            headers = {"Authorization": credentials} if credentials else {}
            address = f"/v1{path(endpoint)}"
            answer = service.client.open(address, method=endpoint.method, headers=headers)
            assert problem(answer) == (401, "unauthorized"), endpoint.name


def test_each_endpoint_wants_its_scope(service: Service, door: Door) -> None:
    keys: dict[str, Door] = {}
    for endpoint in ENDPOINTS:
        if endpoint.scope not in keys:
            scopes = [scope for scope in get_args(Scope) if scope not in {endpoint.scope, ADMIN}]
            secret = door.post("/api_keys", {"name": "x", "scopes": scopes}).json["secret"]
            keys[endpoint.scope] = Door(service.client, secret)
        answer = ask(keys[endpoint.scope], endpoint)
        assert problem(answer) == (403, "forbidden_scope"), endpoint.name
        assert endpoint.scope in answer.json["detail"]


@pytest.mark.parametrize("endpoint", ABOUT_AN_OBJECT, ids=lambda endpoint: endpoint.name)
def test_a_foreign_object_is_as_unknown_as_none(
    service: Service, door: Door, endpoint: Endpoint
) -> None:
    name = next(name for name in OWNED if f"<{name}>" in endpoint.path)
    foreign = _of_the_stranger(service, OWNED[name])
    unknown = foreign[:4] + "0" * 22
    answers, counts = [], []
    for object_id in (foreign, unknown):
        with Statements(service) as statements:
            answers.append(ask(door, endpoint, object_id))
        counts.append(statements.count)
    for answer in answers:
        assert problem(answer) == (404, "not_found")
    assert answers[0].json | {"request_id": ""} == answers[1].json | {"request_id": ""}
    assert counts[0] == counts[1] > 0


def test_an_operator_acts_for_the_merchant_it_names(service: Service, door: Door) -> None:
    merchant = door.get("/merchants").json["data"][0]["id"]
    program = service.program(door)
    operator = Door(service.client, service.operator.key, {"Passmint-Merchant": merchant})
    assert operator.get(f"/programs/{program['id']}").json["id"] == program["id"]
    assert operator.get("/programs").json == door.get("/programs").json
    unknown = {"Passmint-Merchant": "mer_0000000000000000000000"}
    assert problem(service.operator.get("/programs", headers=unknown)) == (404, "not_found")
    unnamed = service.operator.get("/programs")
    assert unnamed.json["code"] == "merchant_missing"
    assert "Passmint-Merchant" in unnamed.json["detail"]


def test_a_merchants_key_acts_for_no_other(service: Service, door: Door) -> None:
    mine = door.get("/merchants").json["data"][0]["id"]
    foreign = _of_the_stranger(service, Merchant)
    own = door.get("/programs", headers={"Passmint-Merchant": mine})
    assert own.status_code == 200
    answers = [
        door.get("/programs", headers={"Passmint-Merchant": merchant})
        for merchant in (foreign, "mer_0000000000000000000000")
    ]
    for answer in answers:
        assert problem(answer) == (404, "not_found")
    assert answers[0].json | {"request_id": ""} == answers[1].json | {"request_id": ""}


def test_an_operator_who_names_nobody_changes_nobody(service: Service) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.tag not in {"merchants", "deliveries", "certificates"}:  # the whole service's
            answer = ask(service.operator, endpoint)
            assert answer.status_code in {400, 415, 422}, (endpoint.name, answer.text)


class Statements:
    """Counts what is asked of the database inside a `with`."""

    def __init__(self, service: Service) -> None:
        self.engine = service.parts.database.engine
        self.count = 0

    def __enter__(self) -> Self:
        event.listen(self.engine, "before_cursor_execute", self._one_more)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._one_more)

    def _one_more(self, *_: object) -> None:
        self.count += 1


def _of_the_stranger(service: Service, table: type[Any]) -> str:
    """The id of the one object that belongs to the other merchant."""
    with service.parts.database.reading() as session:
        stranger = session.scalars(select(Merchant.id).where(Merchant.slug == "stranger")).one()
        mine = table.id if table is Merchant else table.merchant_id
        found: str = session.scalars(select(table.id).where(mine == stranger)).one()
        return found
