"""API keys through the API."""

from sqlalchemy import select

from passes.store.tables import ApiKey
from tests.passes.web.answers import pointers, problem
from tests.service import Door, Service


def test_a_key_is_shown_once_and_stored_as_its_hash(service: Service, door: Door) -> None:
    made = door.post("/api_keys", {"name": "till", "scopes": ["members:read"]})
    assert made.status_code == 201
    secret = made.json["secret"]
    assert secret.startswith("wk_")
    assert len(secret) >= 40
    listed = [key for key in door.get("/api_keys").json["data"] if key["id"] == made.json["id"]]
    assert listed == [{k: v for k, v in made.json.items() if k != "secret"}]
    with service.parts.database.reading() as session:
        row = session.get_one(ApiKey, made.json["id"])
        values = [str(getattr(row, column.name)) for column in ApiKey.__table__.columns]
    assert not any(secret in value for value in values)


def test_a_key_may_do_what_its_scopes_say(service: Service, door: Door) -> None:
    key = door.post("/api_keys", {"name": "reader", "scopes": ["members:read"]}).json
    reader = Door(service.client, key["secret"])
    assert reader.get("/members").status_code == 200
    assert problem(reader.get("/programs")) == (403, "forbidden_scope")
    assert "programs:write" in reader.get("/programs").json["detail"]


def test_a_revoked_key_is_refused_like_an_unknown_one(service: Service, door: Door) -> None:
    key = door.post("/api_keys", {"name": "till", "scopes": ["admin"]}).json
    till = Door(service.client, key["secret"])
    assert till.get("/members").status_code == 200
    assert door.send("DELETE", f"/api_keys/{key['id']}").status_code == 204
    revoked, unknown = till.get("/members"), Door(service.client, "wk_guess").get("/members")
    for answer in (revoked, unknown):
        assert problem(answer) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="passmint"'
    assert revoked.json | {"request_id": ""} == unknown.json | {"request_id": ""}


def test_revoking_twice_keeps_the_first_time(service: Service, door: Door) -> None:
    key = door.post("/api_keys", {"name": "till", "scopes": ["admin"]}).json
    path = f"/api_keys/{key['id']}"
    door.send("DELETE", path)
    first = _revoked_at(door, key["id"])
    assert first is not None
    assert door.send("DELETE", path).status_code == 204
    assert _revoked_at(door, key["id"]) == first


def test_a_foreign_key_cannot_be_revoked(service: Service, door: Door) -> None:
    with service.parts.database.reading() as session:
        mine = door.get("/api_keys").json["data"][0]["id"]
        foreign = session.scalars(
            select(ApiKey.id).where(ApiKey.id != mine, ApiKey.merchant_id.is_not(None))
        ).one()
    assert problem(door.send("DELETE", f"/api_keys/{foreign}")) == (404, "not_found")
    with service.parts.database.reading() as session:
        assert session.get_one(ApiKey, foreign).revoked_at is None


def test_a_merchants_key_mints_keys_for_that_merchant_only(service: Service, door: Door) -> None:
    made = door.post("/api_keys", {"name": "second", "scopes": ["admin"]}).json
    second = Door(service.client, made["secret"])
    assert second.get("/merchants").json == door.get("/merchants").json


def test_an_operator_names_the_merchant_a_key_is_for(service: Service) -> None:
    answer = service.operator.post("/api_keys", {"name": "till", "scopes": ["admin"]})
    assert answer.json["code"] == "merchant_missing"


def test_a_key_without_name_or_with_a_scope_that_does_not_exist_is_refused(door: Door) -> None:
    assert pointers(door.post("/api_keys", {"scopes": ["members:delete"]})) == {
        "/name",
        "/scopes/0",
    }
    assert pointers(door.post("/api_keys", {"name": "x", "scopes": []})) == {"/scopes"}


def _revoked_at(door: Door, key_id: str) -> str | None:
    keys = {key["id"]: key for key in door.get("/api_keys").json["data"]}
    found: str | None = keys[key_id]["revoked_at"]
    return found
