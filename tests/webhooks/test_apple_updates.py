"""Apple's web service, case by case: L list, P pass."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest
from sqlalchemy import event, update

from passes.store.tables import Delivery, Template
from tests.service import Clock
from tests.webhooks.apple_scene import Phone, Scene, authorization


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
