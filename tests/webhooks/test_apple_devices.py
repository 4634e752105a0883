"""Apple's web service, case by case: R register, L list, P pass, U unregister, G log."""

import hashlib
import io
import json
import threading
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from passes.services import phones
from passes.store.database import Database
from passes.store.tables import Delivery, Device, Event, Pass, PhoneLog, Registration, Template
from tests.conftest import Clock, Door, Service, serve

TOKEN = "a1b2c3d4e5f60718"  # a push token


@dataclass(frozen=True)
class Phone:
    """A wallet that speaks Apple's protocol, without any cleverness."""

    service: Service
    pass_type: str
    name: str = "device-1"

    def register(self, card: Pass, push_token: object = TOKEN, **options: Any) -> TestResponse:
        options.setdefault("headers", authorization(card))
        if "data" not in options:
            options["json"] = {"pushToken": push_token}
        return self.send("POST", self.registration(card), **options)

    def unregister(self, card: Pass, **options: Any) -> TestResponse:
        options.setdefault("headers", authorization(card))
        return self.send("DELETE", self.registration(card), **options)

    def list(self, tag: str | None = None) -> TestResponse:
        query = {} if tag is None else {"passesUpdatedSince": tag}
        path = f"/devices/{self.name}/registrations/{self.pass_type}"
        return self.send("GET", path, query_string=query)

    def fetch(self, card: Pass, since: str | None = None, **options: Any) -> TestResponse:
        headers = authorization(card) | ({"If-Modified-Since": since} if since else {})
        options.setdefault("headers", headers)
        method = options.pop("method", "GET")
        return self.send(method, f"/passes/{self.pass_type}/{card.serial_number}", **options)

    def registration(self, card: Pass) -> str:
        return f"/devices/{self.name}/registrations/{self.pass_type}/{card.serial_number}"

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        return self.service.client.open(f"/apple/v1{path}", method=method, **options)


def authorization(card: Pass) -> dict[str, str]:
    return {"Authorization": f"ApplePass {card.authentication_token}"}


@dataclass(frozen=True)
class Scene:
    """A program with two members' passes, and a phone."""

    service: Service
    door: Door
    members: list[dict[str, Any]]
    phone: Phone

    def card(self, number: int = 0) -> Pass:
        """The pass row as it is now."""
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.members[number]["pass"]["id"])

    def stamp(self, number: int = 0) -> None:
        self.service.stamp(self.members[number], 1)

    def count(self, table: type, *where: Any) -> int:
        with self.service.parts.database.reading() as session:
            return session.scalar(select(func.count()).select_from(table).where(*where)) or 0

    def second_phone(self, name: str = "device-2") -> Phone:
        return Phone(self.service, self.phone.pass_type, name)


@pytest.fixture
def scene(service: Service, door: Door) -> Scene:
    program = service.program(door, logo=False)
    members = [service.member(door, program) for _ in range(2)]
    return Scene(service, door, members, Phone(service, program["pass_type_identifier"]))


# --- R: register ----------------------------------------------------------------------------------


def test_r1_r2_the_first_registration_is_201_and_the_next_200(scene: Scene) -> None:
    assert scene.phone.register(scene.card()).status_code == 201
    assert scene.phone.register(scene.card()).status_code == 200
    assert scene.count(Registration) == 1
    assert scene.count(Device) == 1


def test_r1_of_more_phones_than_anybody_has_the_newest_hear_of_a_pass(
    scene: Scene, clock: Clock
) -> None:
    for number in range(phones.MAX_PHONES + 3):
        clock.forward(timedelta(seconds=1))
        scene.second_phone(f"device-{number}").register(scene.card())
    with scene.service.parts.database.reading() as session:
        mine = select(Device.library_identifier).join(Registration)
        kept = set(session.scalars(mine))
    assert kept == {f"device-{number}" for number in range(3, phones.MAX_PHONES + 3)}


def test_r3_a_new_push_token_replaces_the_old_one(scene: Scene) -> None:
    scene.phone.register(scene.card())
    assert scene.phone.register(scene.card(), "feedbeef").status_code == 200
    with scene.service.parts.database.reading() as session:
        assert session.scalars(select(Device.push_token)).all() == ["feedbeef"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "invalid value",
        "ApplePass",
        "ApplePass wrong",
        "Bearer {token}",
        "{token}",
        "ApplePass é",
    ],
)
def test_r4_r5_r6_without_the_right_token_nothing_is_stored(
    scene: Scene, header: str | None
) -> None:
    card = scene.card()
    headers = {}
    if header is not None:
        headers["Authorization"] = header.format(token=card.authentication_token)
    assert scene.phone.register(card, headers=headers).status_code == 401
    assert scene.count(Registration) == 0


def test_r7_the_token_of_another_pass_is_refused(scene: Scene) -> None:
    answer = scene.phone.register(scene.card(0), headers=authorization(scene.card(1)))
    assert answer.status_code == 401


def test_r8_an_unknown_serial_number_is_answered_like_a_wrong_token(scene: Scene) -> None:
    path = f"/devices/d/registrations/{scene.phone.pass_type}/unknown"
    answer = scene.phone.send("POST", path, headers=authorization(scene.card()), json={})
    wrong = scene.phone.register(scene.card(), headers={"Authorization": "ApplePass x"})
    assert answer.status_code == wrong.status_code == 401
    assert answer.data == wrong.data


def test_r9_an_unknown_pass_type_is_404(scene: Scene) -> None:
    card = scene.card()
    path = f"/devices/d/registrations/pass.com.example.other/{card.serial_number}"
    answer = scene.phone.send("POST", path, headers=authorization(card), json={})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"pushToken": ""}',
        b'{"pushToken": null}',
        b'{"pushToken": 7}',
        b'{"pushToken": "' + b"a" * 300 + b'"}',
        b'{"pushToken": "\\u0000"}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_r10_r11_an_unusable_body_is_400(scene: Scene, body: bytes) -> None:
    assert scene.phone.register(scene.card(), data=body).status_code == 400
    assert scene.count(Device) == 0


def test_r12_r18_extra_keys_and_a_missing_content_type_are_fine(scene: Scene) -> None:
    body = json.dumps({"pushToken": TOKEN, "pushServiceUrl": "https://elsewhere.example"})
    assert scene.phone.register(scene.card(), data=body).status_code == 201


def test_r13_r14_other_paths_do_not_exist(scene: Scene) -> None:
    path = scene.phone.registration(scene.card())
    assert scene.phone.send("POST", f"{path}/more", json={}).status_code == 404
    shorter = path.rpartition("/")[0]
    assert scene.phone.send("POST", shorter, json={}).status_code == 405


def test_r15_any_text_may_be_a_serial_number(scene: Scene) -> None:
    with scene.service.parts.database.writing() as session:
        session.get_one(Pass, scene.card().id).serial_number = "BTL SHEA-0042 é%"
    path = f"/devices/d/registrations/{scene.phone.pass_type}/{quote('BTL SHEA-0042 é%')}"
    headers = authorization(scene.card())
    answer = scene.phone.send("POST", path, headers=headers, json={"pushToken": TOKEN})
    assert answer.status_code == 201


def test_r16_two_passes_on_one_device(scene: Scene) -> None:
    assert scene.phone.register(scene.card(0)).status_code == 201
    assert scene.phone.register(scene.card(1)).status_code == 201
    assert (scene.count(Device), scene.count(Registration)) == (1, 2)


def test_r17_a_registration_tells_once_and_pushes_nothing(scene: Scene) -> None:
    scene.phone.register(scene.card())
    scene.phone.register(scene.card())
    assert scene.count(Delivery) == 0
    assert scene.count(Event, Event.type == "pass.installed") == 1


def test_a_pass_that_changed_since_its_download_is_pushed_when_it_is_registered(
    scene: Scene,
) -> None:
    landing = scene.members[0]["pass"]["urls"]["apple"].removeprefix("https://cards.example")
    assert scene.service.client.get(landing).status_code == 200
    scene.stamp()
    scene.phone.register(scene.card())
    assert scene.count(Delivery) == 1


def test_r19_a_large_body_is_413(scene: Scene) -> None:
    body = json.dumps({"pushToken": TOKEN, "padding": "x" * 9000})
    assert scene.phone.register(scene.card(), data=body).status_code == 413


def test_r20_many_registrations_at_once_are_one(scene: Scene) -> None:
    card = scene.card()
    statuses: list[int] = []

    def register() -> None:
        client = scene.service.app.test_client()
        answer = client.post(
            f"/apple/v1{scene.phone.registration(card)}",
            headers=authorization(card),
            json={"pushToken": TOKEN},
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=register) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 19 + [201]


def test_r21_a_voided_pass_can_be_registered(scene: Scene) -> None:
    scene.door.post(f"/passes/{scene.card().id}/void")
    assert scene.phone.register(scene.card()).status_code == 201


# --- L: list --------------------------------------------------------------------------------------


def test_l1_an_unknown_device_gets_204(scene: Scene) -> None:
    for tag in (None, "0", "17"):
        answer = scene.phone.list(tag)
        assert (answer.status_code, answer.data) == (204, b"")


def test_l2_l9_l13_l15_without_a_tag_everything_is_listed(scene: Scene) -> None:
    scene.phone.register(scene.card())
    for tag in (None, ""):
        answer = scene.phone.list(tag)
        assert answer.status_code == 200
        assert answer.content_type == "application/json"
        assert set(answer.json) == {"serialNumbers", "lastUpdated"}
        assert answer.json["serialNumbers"] == [scene.card().serial_number]
        assert isinstance(answer.json["lastUpdated"], str)
        assert answer.json["lastUpdated"]


def test_l4_l5_a_tag_lists_only_what_came_after_it(scene: Scene) -> None:
    scene.phone.register(scene.card())
    tag = scene.phone.list().json["lastUpdated"]
    assert scene.phone.list(tag).status_code == 204
    scene.stamp()
    news = scene.phone.list(tag)
    assert news.json["serialNumbers"] == [scene.card().serial_number]
    assert int(news.json["lastUpdated"]) > int(tag)
    assert scene.phone.list(news.json["lastUpdated"]).status_code == 204


def test_l6_l7_all_changed_passes_are_listed_and_no_other(scene: Scene) -> None:
    for number in (0, 1):
        scene.phone.register(scene.card(number))
    scene.stamp(0)
    tag = scene.phone.list().json["lastUpdated"]
    scene.stamp(1)
    only = scene.phone.list(tag).json
    assert only["serialNumbers"] == [scene.card(1).serial_number]
    scene.stamp(0)
    both = scene.phone.list(tag).json
    assert sorted(both["serialNumbers"]) == sorted(scene.card(n).serial_number for n in (0, 1))
    assert both["lastUpdated"] == str(scene.card(0).version)


def test_l8_two_changes_in_one_second_are_two_changes(scene: Scene) -> None:
    scene.phone.register(scene.card())
    scene.stamp()
    tag = scene.phone.list().json["lastUpdated"]
    scene.stamp()
    assert scene.phone.list(tag).status_code == 200


@pytest.mark.parametrize(
    "tag",
    [
        "abc",
        "-1",
        "9" * 40,
        "1" * 10_000,
        "2024-07-08T08:03:13.588412+00:00",
        "1.5",
        "٣",
        "0x1",
        " ",
    ],
)
def test_l10_an_unreadable_tag_counts_as_none(scene: Scene, tag: str) -> None:
    scene.phone.register(scene.card())
    scene.stamp()
    assert scene.phone.list(tag).json["serialNumbers"] == [scene.card().serial_number]


def test_a_tag_above_the_newest_change_counts_as_none(scene: Scene) -> None:
    scene.phone.register(scene.card())
    scene.stamp()
    assert scene.phone.list(str(scene.card().version + 1)).status_code == 200


def test_l11_l16_other_types_and_other_devices_are_not_mixed_in(scene: Scene) -> None:
    scene.phone.register(scene.card())
    assert Phone(scene.service, "pass.com.example.other").list().status_code == 204
    assert scene.second_phone().list().status_code == 204


def test_l14_u10_after_unregistering_only_the_others_are_listed(scene: Scene) -> None:
    for number in (0, 1):
        scene.phone.register(scene.card(number))
    scene.phone.unregister(scene.card(0))
    assert scene.phone.list().json["serialNumbers"] == [scene.card(1).serial_number]
    scene.phone.unregister(scene.card(1))
    assert scene.phone.list().status_code == 204


def test_l17_a_list_costs_the_same_for_few_and_many_passes(scene: Scene) -> None:
    scene.phone.register(scene.card(0))
    one = _statements(scene, scene.phone.list)
    scene.phone.register(scene.card(1))
    assert _statements(scene, scene.phone.list) == one <= 4


# --- P: the pass ----------------------------------------------------------------------------------


def test_p1_p14_the_pass_is_served_signed_and_dated(scene: Scene) -> None:
    answer = scene.phone.fetch(scene.card())
    assert answer.status_code == 200
    assert answer.content_type == "application/vnd.apple.pkpass"
    package = zipfile.ZipFile(io.BytesIO(answer.data))
    document = json.loads(package.read("pass.json"))
    assert document["serialNumber"] == scene.card().serial_number
    assert document["authenticationToken"] == scene.card().authentication_token
    for name, digest in json.loads(package.read("manifest.json")).items():
        assert hashlib.sha1(package.read(name), usedforsecurity=False).hexdigest() == digest
    assert package.read("signature")
    assert parsedate_to_datetime(answer.headers["Last-Modified"])


def test_p2_p3_only_the_very_second_is_not_modified(scene: Scene) -> None:
    modified = scene.phone.fetch(scene.card()).headers["Last-Modified"]
    same = scene.phone.fetch(scene.card(), since=modified)
    assert (same.status_code, same.data) == (304, b"")
    assert same.headers["Last-Modified"] == modified
    moment = parsedate_to_datetime(modified)
    for other in (moment - timedelta(minutes=5), moment + timedelta(seconds=1)):
        since = format_datetime(other, usegmt=True)
        assert scene.phone.fetch(scene.card(), since=since).status_code == 200


@pytest.mark.parametrize(
    "since", ["0", "garbage", "1700000000", "Mon, 99 Foo 2024", "9" * 500, "2147483647"]
)
def test_p5_an_unreadable_date_gets_the_pass(scene: Scene, since: str) -> None:
    assert scene.phone.fetch(scene.card(), since=since).status_code == 200


def test_p17_a_change_in_the_same_second_is_served(scene: Scene) -> None:
    modified = scene.phone.fetch(scene.card()).headers["Last-Modified"]
    scene.stamp()
    assert scene.phone.fetch(scene.card(), since=modified).status_code == 200


def test_last_modified_never_lies_in_the_future(scene: Scene, clock: Clock) -> None:
    for _ in range(5):
        scene.stamp()
    answer = scene.phone.fetch(scene.card())
    assert scene.card().modified_s > int(clock().timestamp())
    served = parsedate_to_datetime(answer.headers["Last-Modified"])
    assert served <= clock()


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_clock_that_is_set_loses_no_update(scene: Scene, clock: Clock, step: timedelta) -> None:
    clock.forward(timedelta(days=1))  # away from the day the certificates begin
    scene.phone.register(scene.card())
    for _ in range(3):
        tag = scene.phone.list().json["lastUpdated"]
        modified = scene.phone.fetch(scene.card()).headers["Last-Modified"]
        clock.forward(step)
        scene.stamp()
        assert scene.phone.list(tag).status_code == 200
        assert scene.phone.fetch(scene.card(), since=modified).status_code == 200


@pytest.mark.parametrize("header", [None, "ApplePass wrong", "Bearer x", "ApplePass"])
def test_p6_p7_without_the_right_token_there_is_no_pass(scene: Scene, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = scene.phone.fetch(scene.card(), headers=headers)
    assert answer.status_code == 401
    assert len(answer.data) < 10
    other = scene.phone.fetch(scene.card(0), headers=authorization(scene.card(1)))
    assert other.status_code == 401


def test_p8_p9_unknown_serial_and_unknown_type(scene: Scene) -> None:
    headers = authorization(scene.card())
    path = f"/passes/{scene.phone.pass_type}/unknown"
    assert scene.phone.send("GET", path, headers=headers).status_code == 401
    path = f"/passes/pass.com.example.other/{scene.card().serial_number}"
    assert scene.phone.send("GET", path, headers=headers).status_code == 404


def test_p10_p11_other_methods_and_paths(scene: Scene) -> None:
    path = f"/passes/{scene.phone.pass_type}/{scene.card().serial_number}"
    refused = scene.phone.send("POST", path)
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]
    assert scene.phone.send("GET", f"{path}/more").status_code == 404
    assert scene.phone.send("POST", f"{path}/personalize", json={}).status_code == 404


def test_p12_head_answers_like_get_without_a_body(scene: Scene) -> None:
    head = scene.phone.fetch(scene.card(), method="HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Last-Modified"]
    since = head.headers["Last-Modified"]
    assert scene.phone.fetch(scene.card(), since=since, method="HEAD").status_code == 304


def test_p16_a_fetch_pushes_nothing(scene: Scene) -> None:
    scene.phone.register(scene.card())
    scene.phone.fetch(scene.card())
    assert scene.count(Delivery) == 0


def test_p18_a_voided_pass_is_served_as_void(scene: Scene) -> None:
    scene.phone.register(scene.card())
    scene.door.post(f"/passes/{scene.card().id}/void")
    answer = scene.phone.fetch(scene.card())
    document = json.loads(zipfile.ZipFile(io.BytesIO(answer.data)).read("pass.json"))
    assert document["voided"] is True


def test_p19_the_scheme_is_read_without_regard_to_case(scene: Scene) -> None:
    headers = {"Authorization": f"applepass {scene.card().authentication_token}"}
    assert scene.phone.fetch(scene.card(), headers=headers).status_code == 200


def test_p20_a_pass_type_that_cannot_be_signed_now_is_503(scene: Scene, clock: Clock) -> None:
    modified = scene.phone.fetch(scene.card()).headers["Last-Modified"]
    clock.forward(timedelta(days=900))  # the certificate has expired
    answer = scene.phone.fetch(scene.card())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert scene.phone.fetch(scene.card(), since=modified).status_code == 304


def test_p20_a_pass_that_cannot_be_rendered_now_is_503(scene: Scene) -> None:
    """A phone gives up at 4xx, and comes again after a 503."""
    with scene.service.parts.database.writing() as session:
        session.execute(update(Template).values(apple_overrides={"formatVersion": 2}))
    answer = scene.phone.fetch(scene.card())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


# --- U: unregister --------------------------------------------------------------------------------


def test_u1_u11_a_phone_leaves_and_comes_back(scene: Scene) -> None:
    other = scene.second_phone()
    for phone in (scene.phone, other):
        phone.register(scene.card())
    assert scene.phone.unregister(scene.card()).status_code == 200
    assert scene.count(Registration) == 1
    assert scene.phone.register(scene.card()).status_code == 201


def test_u2_u3_u8_leaving_twice_is_fine_and_told_once(scene: Scene) -> None:
    assert scene.second_phone("never-seen").unregister(scene.card()).status_code == 200
    scene.phone.register(scene.card())
    for _ in range(2):
        assert scene.phone.unregister(scene.card()).status_code == 200
    assert scene.count(Event, Event.type == "pass.uninstalled") == 1


@pytest.mark.parametrize("header", [None, "ApplePass wrong", "nonsense"])
def test_u4_u5_without_the_right_token_the_registration_stays(
    scene: Scene, header: str | None
) -> None:
    scene.phone.register(scene.card())
    headers = {"Authorization": header} if header else {}
    assert scene.phone.unregister(scene.card(), headers=headers).status_code == 401
    assert scene.count(Registration) == 1


def test_u6_u7_unknown_pass_and_other_paths(scene: Scene) -> None:
    headers = authorization(scene.card())
    path = f"/devices/d/registrations/{scene.phone.pass_type}/unknown"
    assert scene.phone.send("DELETE", path, headers=headers).status_code == 401
    assert scene.phone.send("DELETE", f"{path}/more", headers=headers).status_code == 404


def test_u_a_phone_without_a_pass_is_forgotten_a_day_later(scene: Scene, clock: Clock) -> None:
    other = scene.second_phone()
    for phone in (scene.phone, other):
        phone.register(scene.card())
    scene.phone.unregister(scene.card())
    for step, left in ((timedelta(hours=23), 2), (timedelta(hours=2), 1)):
        clock.forward(step)
        with scene.service.parts.database.writing() as session:
            phones.forget_idle_devices(session, clock())
        assert scene.count(Device) == left
    assert scene.count(Registration) == 1


# --- G: log ---------------------------------------------------------------------------------------


def test_g1_lines_are_kept(scene: Scene) -> None:
    answer = scene.phone.send("POST", "/log", json={"logs": ["a", "b"]})
    assert answer.status_code == 200
    assert scene.count(PhoneLog) == 2


@pytest.mark.parametrize("body", [b"", b'{"logs": []}', b"{}"])
def test_g2_g3_nothing_to_say_is_fine(scene: Scene, body: bytes) -> None:
    assert scene.phone.send("POST", "/log", data=body).status_code == 200
    assert scene.count(PhoneLog) == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"logs": "a"}', b'{"logs": [1]}', b"logs[]=a"])
def test_g4_g6_what_is_no_log_is_400(scene: Scene, body: bytes) -> None:
    assert scene.phone.send("POST", "/log", data=body).status_code == 400


def test_g6_old_complaints_are_forgotten(scene: Scene, clock: Clock) -> None:
    scene.phone.send("POST", "/log", json={"logs": ["[2026-11-22 10:00:00 +0000] something"]})
    for days, left in ((29, 1), (2, 0)):
        clock.forward(timedelta(days=days))
        with scene.service.parts.database.writing() as session:
            phones.forget_old_logs(session, clock())
        assert scene.count(PhoneLog) == left


def test_g5_the_log_cannot_be_read(scene: Scene) -> None:
    assert scene.phone.send("GET", "/log").status_code == 405


@pytest.mark.parametrize(
    ("line", "level", "pass_type", "serial", "moment"),
    [
        (
            (
                "[2024-07-08 10:22:35 AM +0200] Web service error for pass.com.example.x "
                "(https://cards.example/apple): Response to 'What changed?' request included 1 "
                "serial numbers but the lastUpdated tag (7) remained the same."
            ),
            "error",
            "pass.com.example.x",
            None,
            datetime(2024, 7, 8, 8, 22, 35, tzinfo=UTC),
        ),
        (
            (
                "[2024-07-08 14:22:35 +0200] Get pass task (pass type pass.com.example.x, serial "
                "number ser_1, if-modified-since (null); with web service url https://c/apple) "
                "encountered error: Unexpected response code 500"
            ),
            "error",
            "pass.com.example.x",
            "ser_1",
            datetime(2024, 7, 8, 12, 22, 35, tzinfo=UTC),
        ),
        (
            (
                "[2024-07-08 01:00:00 PM +0000] Register task (for device D, pass type "
                "pass.com.example.x, serial number ser_1; with web service url https://c/apple) "
                "encountered error: Authentication failure"
            ),
            "error",
            "pass.com.example.x",
            "ser_1",
            datetime(2024, 7, 8, 13, 0, tzinfo=UTC),
        ),
        (
            (
                "[nonsense] Server requested update to serial number 'ser_1', but the pass was "
                "unchanged."
            ),
            "warning",
            None,
            "ser_1",
            None,
        ),
    ],
)
def test_g7_a_line_is_read_by_its_grammar(
    scene: Scene,
    line: str,
    level: str,
    pass_type: str | None,
    serial: str | None,
    moment: datetime | None,
) -> None:
    scene.phone.send("POST", "/log", json={"logs": [line]})
    with scene.service.parts.database.reading() as session:
        kept = session.scalars(select(PhoneLog)).one()
    assert (kept.level, kept.pass_type_identifier, kept.serial_number) == (level, pass_type, serial)
    assert kept.reported_at == moment


def test_g8_too_much_is_capped_escaped_and_throttled(scene: Scene) -> None:
    assert scene.phone.send("POST", "/log", json={"logs": ["x" * 9000]}).status_code == 413
    lines = ["bad \x00\x1b[31m \u2028 line"] * 200
    assert scene.phone.send("POST", "/log", json={"logs": lines}).status_code == 200
    assert scene.count(PhoneLog) == 50
    with scene.service.parts.database.reading() as session:
        assert set(session.scalars(select(PhoneLog.message))) == {"bad   [31m   line"}
    answers = [scene.phone.send("POST", "/log", data=b"") for _ in range(70)]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"]


# --- the trail ------------------------------------------------------------------------------------


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_answer_that_is_ready_needs_no_line_in_the_trail(scene: Scene) -> None:
    """While somebody else holds the one write lock for longer than we wait for it."""
    scene.phone.register(scene.card())
    parts = scene.service.parts
    url = parts.database.engine.url.render_as_string(hide_password=False)
    hurried = Database(url, patience_s=0.05)
    phone = replace(scene.phone, service=serve(replace(parts, database=hurried)))
    with parts.database.writing():
        assert phone.list().status_code == 200
        assert phone.fetch(scene.card()).status_code == 200
    hurried.dispose()
    assert scene.card().fetched_at is None


def test_the_trail_tells_how_far_a_change_came(scene: Scene) -> None:
    def diagnosis() -> str:
        answer = scene.door.get(f"/passes/{scene.card().id}").json
        return str(answer["apple"]["diagnosis"])

    assert "Nobody has downloaded" in diagnosis()
    apple = scene.members[0]["pass"]["urls"]["apple"]
    scene.service.client.get(apple.removeprefix("https://cards.example"))
    assert "no phone is registered" in diagnosis()
    scene.phone.register(scene.card())
    assert "All is well" in diagnosis()
    scene.stamp()
    assert "waits in the outbox" in diagnosis()
    complaint = f"Get pass task (pass type x, serial number {scene.card().serial_number}, …)"
    scene.phone.send("POST", "/log", json={"logs": [complaint]})
    with scene.service.parts.database.writing() as session:
        session.execute(Delivery.__table__.delete())
    assert "complained" in diagnosis()
    scene.phone.fetch(scene.card())
    assert "All is well" in diagnosis()
    steps = scene.door.get(f"/passes/{scene.card().id}").json["apple"]["trail"]
    told = {step["step"] for step in steps if step["at"]}
    assert told == {"downloaded", "registered", "fetched"}


def _statements(scene: Scene, act: Any) -> int:
    seen: list[str] = []

    def listen(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    engine = scene.service.parts.database.engine
    event.listen(engine, "before_cursor_execute", listen)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", listen)
    return len([statement for statement in seen if not statement.startswith("BEGIN")])
