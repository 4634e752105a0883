"""What arrives broken, and what the house rules answer."""

import io
import json
from typing import Any

import pytest
from sqlalchemy import QueuePool

from passes.store.database import Database
from tests.passes.web.answers import faults, pointers, problem
from tests.service import Door, Service

JSON = "application/json"


@pytest.fixture
def member_path(service: Service, door: Door) -> str:
    return f"/programs/{service.program(door, card_size=1, milestones=[])['id']}/members"


def send(door: Door, path: str, text: bytes, content_type: str = JSON, method: str = "POST") -> Any:
    return door.send(method, path, data=text, content_type=content_type)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b'{"name": "x",}',
        b"{'name': 'x'}",
        b'{"name": "x"} {}',
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        '{"name": "x"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"name":' * 10_000,
    ],
    ids=[
        "empty",
        "open",
        "trailing comma",
        "quotes",
        "two",
        "NaN",
        "Infinity",
        "lone surrogate",
        "not UTF-8",
        "UTF-16",
        "deep list",
        "deep object",
    ],
)
def test_what_is_no_json_is_malformed(door: Door, text: bytes) -> None:
    answer = send(door, "/templates", text)
    assert problem(answer) == (400, "malformed_body")
    template = door.post("/templates", {"name": "x"}).json["id"]
    answer = send(door, f"/templates/{template}", text, method="PATCH")
    assert problem(answer) == (400, "malformed_body")


@pytest.mark.parametrize("text", [b"[]", b'"x"', b"7", b"null", b"true"])
def test_only_an_object_will_do(door: Door, text: bytes) -> None:
    assert pointers(send(door, "/templates", text)) == {""}
    template = door.post("/templates", {"name": "x"}).json["id"]
    assert pointers(send(door, f"/templates/{template}", text, method="PATCH")) == {""}


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/xml"]
)
def test_another_content_type_is_not_read(door: Door, content_type: str) -> None:
    answer = send(door, "/templates", b'{"name": "x"}', content_type)
    assert problem(answer) == (415, "unsupported_media_type")
    assert JSON in answer.json["detail"]


def test_a_merge_patch_may_call_itself_so(door: Door) -> None:
    template = door.post("/templates", {"name": "x"}).json["id"]
    kind = "application/merge-patch+json; charset=utf-8"
    answer = send(door, f"/templates/{template}", b'{"name": "y"}', kind, "PATCH")
    assert answer.json["name"] == "y"


def test_a_body_above_the_limit_is_refused(door: Door) -> None:
    text = json.dumps({"name": "x", "apple_overrides": {"userInfo": {"a": "x" * 300_000}}}).encode()
    answer = send(door, "/templates", text)
    assert problem(answer) == (413, "payload_too_large")


class Trickle(io.BytesIO):
    """A body that takes its time; it notes how many connections to the database are in use."""

    def __init__(self, body: bytes, database: Database) -> None:
        super().__init__(body)
        self._pool = database.engine.pool
        self.in_use: set[int] = set()

    def readinto(self, buffer: Any) -> int:
        assert isinstance(self._pool, QueuePool)
        self.in_use.add(self._pool.checkedout())
        return super().readinto(buffer)


def test_a_body_that_trickles_in_holds_no_transaction_open(
    service: Service, door: Door, member_path: str
) -> None:
    member = door.post(member_path, {}).json
    body = Trickle(b'{"locale": "he"}', service.parts.database)
    answer = door.send(
        "PATCH",
        f"/members/{member['id']}",
        input_stream=body,
        content_type=JSON,
        content_length=len(body.getvalue()),
    )
    assert answer.status_code == 200, answer.text
    assert body.in_use == {0}


@pytest.mark.parametrize(
    "overrides",
    [
        b'{"apple_overrides": {"userInfo": {"a": 1e999}}}',
        b'{"google_overrides": {"class": {"countryCode": 1e999}}}',
        b'{"apple_overrides": {"userInfo": %s}}' % (b'{"a":' * 150 + b"1" + b"}" * 150),
        b'{"google_overrides": {"class": %s}}' % (b'{"a":' * 150 + b"1" + b"}" * 150),
        b'{"google_overrides": {"class": {"countryCode": "\\u0000"}}}',
    ],
    ids=["infinite", "infinite for Google", "deep", "deep for Google", "NUL"],
)
def test_free_json_that_wallets_cannot_carry_is_refused(door: Door, overrides: bytes) -> None:
    answer = send(door, "/templates", b'{"name": "x", ' + overrides[1:])
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("text", ["a\0b", "a\x1bb", "a\x85b", "a\u2028b", "a\x7fb"])
def test_control_characters_are_refused_where_they_stand(
    door: Door, member_path: str, text: str
) -> None:
    answer = door.post(
        member_path,
        {"external_id": text, "source": text, "person": {"first_name": text, "phone": text}},
    )
    assert pointers(answer) == {
        "/external_id",
        "/source",
        "/person/first_name",
        "/person/phone",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/members?external_id=%00",
        "/members?program_id=%00",
        "/members?limit=0",
        "/members?limit=201",
        "/members?limit=many",
        "/members?page=2",
        "/programs?cursor=MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMCB4",
        "/programs?cursor=MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCAA",
        "/programs?cursor=%F0%9F%8E%81",
    ],
    ids=["NUL", "NUL in id", "0", "201", "word", "unknown", "year 1", "NUL in cursor", "emoji"],
)
def test_a_list_is_asked_for_rightly(door: Door, path: str) -> None:
    answer = door.get(path)
    assert problem(answer) == (422, "validation_failed")
    [fault] = answer.json["errors"]
    assert fault["pointer"] == "/" + path.partition("?")[2].partition("=")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/members/%00",
        "/v1/programs/a%00b",
        "/i/%00.png",
        "/p/%00.pkpass",
        "/j/%00",
        "/v1/nothing",
    ],
)
def test_an_address_that_cannot_be_is_not_found(service: Service, door: Door, path: str) -> None:
    answer = service.client.get(path, headers={"Authorization": f"Bearer {door.key}"})
    assert problem(answer) == (404, "not_found")


def test_nothing_is_coerced(door: Door, member_path: str) -> None:
    answer = door.post(
        member_path,
        {
            "external_id": 7,
            "person": {"first_name": None, "last_name": ["x"], "birthday": "2026-02-30"},
            "consents": [{"purpose": "terms", "granted": "yes"}, {"purpose": "spam"}],
            "locale": "EN",
        },
    )
    assert pointers(answer) == {
        "/external_id",
        "/person/first_name",
        "/person/last_name",
        "/person/birthday",
        "/consents/0/granted",
        "/consents/1/purpose",
        "/consents/1/granted",
        "/locale",
    }


def test_an_unknown_field_is_named_wherever_it_stands(door: Door, member_path: str) -> None:
    answer = door.post(member_path, {"frist_name": "Anna", "person": {"a/b~c": 1}})
    assert faults(answer) == {
        ("/frist_name", "unknown_field"),
        ("/person/a~1b~0c", "unknown_field"),
    }


def test_no_answer_repeats_what_was_sent(door: Door, member_path: str) -> None:
    secret = "anna.secret@@example"
    answer = door.post(member_path, {"person": {"email": secret, "birthday": secret}})
    assert pointers(answer) == {"/person/email", "/person/birthday"}
    assert secret not in answer.text


def test_a_method_that_does_not_fit_is_told_those_that_do(door: Door) -> None:
    answer = door.send("PUT", "/templates")
    assert problem(answer) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_options_and_head_are_answered(door: Door) -> None:
    options = door.send("OPTIONS", "/templates")
    assert options.status_code == 200
    assert "POST" in options.headers["Allow"]
    head, get = door.send("HEAD", "/templates"), door.get("/templates")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
