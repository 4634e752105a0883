"""Merchants through the API."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from passes.services.fanout import telling
from passes.services.relocations import relocating
from passes.store.database import Database
from tests.passes.web.answers import faults, problem
from tests.processes import until
from tests.service import Door, Service

DRAFT = {
    "name": "Kávézó Lépcső",
    "slug": "lepcso",
    "locale": "hu",
    "timezone": "Europe/Budapest",
    "currency": "HUF",
    "contact": {"email": "hello@lepcso.example", "phone": "+36 1 234 5678"},
    "quiet_hours": {"start": "21:00", "end": "08:30"},
}


def test_an_operator_opens_a_merchant(service: Service) -> None:
    made = service.operator.post("/merchants", DRAFT)
    assert made.status_code == 201, made.text
    assert made.json["id"].startswith("mer_")
    assert {name: made.json[name] for name in DRAFT if name != "contact"} == {
        name: value for name, value in DRAFT.items() if name != "contact"
    }
    assert made.json["contact"] == DRAFT["contact"] | {"website": None, "address": None}
    read = service.operator.get(f"/merchants/{made.json['id']}")
    assert read.json == made.json
    assert read.headers["ETag"] == made.headers["ETag"] == '"1"'
    assert read.headers["Cache-Control"] == "no-store"


def test_what_a_merchant_leaves_out_has_a_default(service: Service) -> None:
    made = service.operator.post("/merchants", {"name": "Fern", "slug": "fern"}).json
    assert (made["locale"], made["timezone"], made["currency"]) == ("en", "UTC", "EUR")
    assert made["quiet_hours"] is None


def test_a_slug_is_given_once(service: Service) -> None:
    service.operator.post("/merchants", DRAFT)
    again = service.operator.post("/merchants", DRAFT | {"name": "Other"})
    assert faults(again) == {("/slug", "taken")}


def test_only_operators_open_merchants(service: Service, door: Door) -> None:
    assert problem(door.post("/merchants", DRAFT)) == (403, "forbidden_scope")


def test_an_operator_sees_all_merchants_and_a_merchant_itself(service: Service, door: Door) -> None:
    everybody = service.operator.get("/merchants").json["data"]
    assert {merchant["slug"] for merchant in everybody} == {"stranger", "fern"}
    assert [merchant["slug"] for merchant in door.get("/merchants").json["data"]] == ["fern"]


def test_a_merchant_changes_itself_and_nobody_else(service: Service, door: Door) -> None:
    mine, foreign = sorted(
        service.operator.get("/merchants").json["data"], key=lambda merchant: merchant["slug"]
    )
    changed = door.patch(
        f"/merchants/{mine['id']}",
        {"contact": {"phone": "+36 1 000 0000"}, "quiet_hours": {"start": "22:00", "end": "07:00"}},
    )
    assert changed.status_code == 200, changed.text
    assert changed.json == mine | {
        "contact": mine["contact"] | {"phone": "+36 1 000 0000"},
        "quiet_hours": {"start": "22:00", "end": "07:00"},
    }
    refused = door.patch(f"/merchants/{foreign['id']}", {"name": "Mine"})
    assert problem(refused) == (404, "not_found")
    assert service.operator.get(f"/merchants/{foreign['id']}").json == foreign


def test_if_match_guards_a_merchant(service: Service) -> None:
    merchant = service.operator.post("/merchants", DRAFT).json
    path = f"/merchants/{merchant['id']}"
    first = service.operator.patch(path, {"currency": "EUR"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["ETag"]) == (200, '"2"')
    second = service.operator.patch(path, {"currency": "CZK"}, headers={"If-Match": '"1"'})
    assert problem(second) == (412, "precondition_failed")
    whatever = service.operator.patch(path, {"currency": "CZK"}, headers={"If-Match": "*"})
    assert whatever.json["currency"] == "CZK"


def test_a_new_contact_stands_on_cards_already_issued(service: Service, door: Door) -> None:
    program = service.program(door)
    card = service.member(door, program)["pass"]
    before = door.get(f"/passes/{card['id']}.pkpass").data
    merchant = door.get("/merchants").json["data"][0]
    door.patch(f"/merchants/{merchant['id']}", {"contact": {"phone": "+36 1 999 9999"}})
    after = door.get(f"/passes/{card['id']}.pkpass").data
    assert b"+36 1 999 9999" in after
    assert b"+36 1 999 9999" not in before


def test_every_fault_of_a_merchant_is_told_at_once(service: Service) -> None:
    answer = service.operator.post(
        "/merchants",
        {
            "name": "two\nlines",
            "slug": "No Spaces",
            "locale": "fr",
            "timezone": "Mars/Olympus",
            "currency": "euro",
            "contact": {
                "email": "nobody",
                "phone": "call me",
                "website": "ftp://a.example",
                "fax": "",
            },
            "quiet_hours": {"start": "25:00", "end": 8},
            "colour": "red",
        },
    )
    assert {pointer for pointer, _ in faults(answer)} == {
        "/name",
        "/slug",
        "/locale",
        "/timezone",
        "/currency",
        "/contact/email",
        "/contact/phone",
        "/contact/website",
        "/contact/fax",
        "/quiet_hours/start",
        "/quiet_hours/end",
        "/colour",
    }


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_merchant_and_its_shops_may_change_at_the_same_moment(
    service: Service, database: Database
) -> None:
    """Whoever comes second waits; neither has what the other needs."""
    door = service.merchant()
    program = service.program(door, logo=False)
    [merchant] = door.get("/merchants").json["data"]
    with ThreadPoolExecutor(1) as pool:
        with (
            database.writing() as session,
            relocating(session, merchant["id"], service.clock()),
        ):
            change = pool.submit(door.patch, f"/merchants/{merchant['id']}", {"name": "Fern"})
            until(lambda: somebody_waits(database))
            with telling(session, [program["id"]], service.clock()):
                pass
        assert change.result().status_code == 200


def somebody_waits(database: Database) -> bool:
    """For a lock of another transaction."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with database.asking() as connection:
        return bool(connection.execute(text(waiting)).scalar_one())
