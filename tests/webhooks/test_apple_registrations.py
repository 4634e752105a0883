"""Apple's web service, case by case: R register, U unregister."""

import json
import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import select

from passes.services import phones
from passes.store.tables import Delivery, Device, Event, Pass, Registration
from tests.service import Clock
from tests.webhooks.apple_scene import TOKEN, Scene, authorization


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
