"""Google's door: what it answers, what it changes, and what changes nothing."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, permutations
from pathlib import Path
from typing import Any
from urllib.robotparser import RobotFileParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from passes.services import google_saves
from passes.services.google_sync import GOOGLE as GOOGLE_COURIER
from passes.store.tables import Delivery, Event, GoogleNonce, Pass
from passes.web.application import create_app
from passes.web.parts import Parts
from tests.conftest import OPERATOR_KEY, Clock, Door, Service
from tests.passes.web.answers import problem
from tests.webhooks.google_signer import ISSUER, Google, body, millis, new_key, published, sign
from webhooks import google_callbacks
from webhooks.google_callbacks import MAX_BODY_BYTES
from webhooks.google_keys import KEYS_URL, Fetched, KeysUnavailable, RootKeys
from webhooks.google_signatures import REFUSALS

GOOGLE = Google()
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)

# for what does not depend on the database
ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

_nonces = count()


class Publisher:
    """Publishes Google's root key, unless it is down."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.down = False

    def fetch(self, url: str) -> Fetched:
        assert url == KEYS_URL
        if self.down:
            raise KeysUnavailable("down")
        key = published(GOOGLE.root, self.clock() + timedelta(days=365))
        return Fetched(json.dumps({"keys": [key]}).encode(), "max-age=3600")


@dataclass(frozen=True)
class Scene:
    """A program with two members' passes, and Google."""

    service: Service
    members: list[dict[str, Any]]
    program: dict[str, Any]
    publisher: Publisher
    clock: Clock

    def envelope(self, google: Google = GOOGLE, number: int = 0, **message: Any) -> dict[str, Any]:
        """A callback about one of the passes, with a fresh nonce."""
        told = {
            "classId": f"{ISSUER}.{self.program['id']}",
            "objectId": f"{ISSUER}.{self.members[number]['pass']['id']}",
            "nonce": f"nonce-{next(_nonces)}",
        }
        return google.envelope(self.clock(), **(told | message))

    def event(self, kind: str, at_s: float, **message: Any) -> bytes:
        """A save or del that happened at this second of the scene."""
        expires = millis(self.clock() + HOUR + timedelta(seconds=at_s))
        return body(self.envelope(eventType=kind, expTimeMillis=expires, **message))

    def post(self, content: bytes, **options: Any) -> TestResponse:
        options.setdefault("content_type", "application/json")
        client = self.service.app.test_client()  # of this thread
        return client.post("/google/callback", data=content, **options)

    def tell(self, *contents: bytes) -> None:
        for content in contents:
            answer = self.post(content)
            assert (answer.status_code, answer.json) == (200, {})

    def saved(self, number: int = 0) -> bool:
        with self.service.parts.database.reading() as session:
            return session.get_one(Pass, self.members[number]["pass"]["id"]).google_saved

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        with self.service.parts.database.reading() as session:
            rows = session.scalars(select(Event).where(Event.type.like("pass.%installed")))
            return [(row.type, row.data) for row in sorted(rows, key=lambda row: row.created_at)]

    def kinds(self) -> list[str]:
        return [kind.removeprefix("pass.") for kind, _ in self.events()]

    def nonces(self) -> int:
        with self.service.parts.database.reading() as session:
            return session.scalar(select(func.count()).select_from(GoogleNonce)) or 0


@pytest.fixture
def google_parts(make_parts: Callable[..., Parts], google_account: Path) -> Parts:
    return make_parts(GOOGLE_SERVICE_ACCOUNT=str(google_account), GOOGLE_ISSUER_ID=ISSUER)


@pytest.fixture
def scene(google_parts: Parts, clock: Clock) -> Scene:
    app = create_app(google_parts)
    publisher = Publisher(clock)
    google_callbacks.install(app, RootKeys(KEYS_URL, publisher.fetch, clock))
    client = app.test_client()
    service = Service(app, google_parts, client, Door(client, OPERATOR_KEY))
    door = service.merchant()
    program = service.program(door, logo=False)
    members = [service.member(door, program) for _ in range(2)]
    return Scene(service, members, program, publisher, clock)


# --- effects --------------------------------------------------------------------------------------


def test_a_save_marks_the_pass_and_tells_the_merchant(scene: Scene) -> None:
    scene.tell(scene.event("save", 0))
    assert scene.saved()
    assert not scene.saved(1)
    pass_id = scene.members[0]["pass"]["id"]
    assert scene.events() == [("pass.installed", {"pass_id": pass_id, "platform": "google"})]


def test_what_changed_before_the_save_is_sent_after_it(scene: Scene) -> None:
    """Objects that nobody holds are not kept up to date."""
    for member in scene.members:
        scene.service.stamp(member, 1)
    with scene.service.parts.database.writing() as session:
        current = session.get_one(Pass, scene.members[1]["pass"]["id"])
        current.google_version = current.version
    scene.tell(*(scene.event("save", 0, number=number) for number in (0, 1)))
    with scene.service.parts.database.reading() as session:
        sent = session.scalars(select(Delivery.target).where(Delivery.courier == GOOGLE_COURIER))
        assert sent.all() == [f"object:{scene.members[0]['pass']['id']}"]


def test_a_deletion_takes_it_back(scene: Scene) -> None:
    scene.tell(scene.event("save", 0), scene.event("save", 0, number=1))
    scene.clock.forward(timedelta(seconds=1))
    scene.tell(scene.event("del", 1))
    assert (scene.saved(), scene.saved(1)) == (False, True)
    assert scene.kinds() == ["installed", "installed", "uninstalled"]


def test_a_repeat_changes_nothing(scene: Scene) -> None:
    save, again = scene.event("save", 0, nonce="žluťoučký-🐎"), scene.event("save", 2)
    deletion = scene.event("del", 1)
    scene.tell(save, deletion, save, save, again, deletion)
    assert scene.saved()
    assert sorted(scene.kinds()) == ["installed", "installed", "uninstalled"]
    assert scene.nonces() == 3


@ONE_DATABASE
def test_a_known_nonce_in_another_message_has_no_effect(scene: Scene) -> None:
    scene.tell(scene.event("save", 0, nonce="n"), scene.event("del", 1, nonce="n"))
    assert scene.saved()


def test_every_order_of_arrival_ends_alike(scene: Scene) -> None:
    """Each order in an hour of its own, so that its first callback is newer than all before."""
    story = [("save", 0), ("del", 1), ("save", 2), ("del", 3)]
    for length, saved in ((2, False), (3, True)):
        for hour, order in enumerate(permutations(story[:length]), start=10 * length):
            scene.tell(*(scene.event(kind, hour * 3600 + second) for kind, second in order))
            assert scene.saved() == saved, order
    kinds = scene.kinds()
    assert kinds.count("installed") == kinds.count("uninstalled") + 1


@ONE_DATABASE
def test_of_two_in_the_same_moment_the_save_counts(scene: Scene) -> None:
    scene.tell(*(scene.event(kind, 0) for kind in ("save", "del")))
    scene.tell(*(scene.event(kind, 0, number=1) for kind in ("del", "save")))
    assert (scene.saved(), scene.saved(1)) == (True, True)
    assert scene.kinds() == ["installed", "installed"]


@ONE_DATABASE
def test_only_what_changes_is_an_event(scene: Scene) -> None:
    scene.tell(scene.event("save", 0), scene.event("save", 5), scene.event("del", 1))
    scene.tell(scene.event("del", 0, number=1))
    assert (scene.saved(), scene.saved(1)) == (True, False)
    assert scene.kinds() == ["installed"]


def test_repeats_in_parallel_take_effect_once(scene: Scene) -> None:
    contents = [scene.event("save", 0)] * 6 + [scene.event("save", 1)] * 6
    with ThreadPoolExecutor(6) as pool:
        statuses = [answer.status_code for answer in pool.map(scene.post, contents)]
    assert statuses == [200] * 12
    assert scene.kinds() == ["installed"]
    assert scene.nonces() == 2


@ONE_DATABASE
def test_what_we_do_not_know_is_taken_without_effect(scene: Scene) -> None:
    for told in (
        {"objectId": f"{ISSUER}.pas_nobody"},
        {"objectId": f"{ISSUER}."},
        {"objectId": f"{ISSUER}.kůň-🐎"},
        {"classId": f"{ISSUER}.prg_other"},
    ):
        scene.tell(scene.event("save", 0, **told))
    assert (scene.saved(), scene.kinds()) == (False, [])


def test_old_nonces_are_forgotten_when_they_cannot_come_back(scene: Scene) -> None:
    save = scene.event("save", 0)
    scene.tell(save, scene.event("save", 3600))
    for step, left in ((HOUR, 2), (HOUR - SECOND, 2), (2 * SECOND, 1)):
        scene.clock.forward(step)
        with scene.service.parts.database.writing() as session:
            google_saves.forget_old_nonces(session, scene.clock())
        assert scene.nonces() == left
    assert problem(scene.post(save)) == (401, "callback_refused")


# --- answers --------------------------------------------------------------------------------------

Make = Callable[[Scene], bytes]


def _later(**parts: Any) -> Make:
    """Laid into a good envelope after it was signed."""
    return lambda scene: body(scene.envelope() | parts)


def _key(**parts: Any) -> Make:
    def make(scene: Scene) -> bytes:
        envelope = scene.envelope()
        envelope["intermediateSigningKey"] |= parts
        return body(envelope)

    return make


def _from(google: Google, **message: Any) -> Make:
    return lambda scene: body(scene.envelope(google, **message))


def _changed_message(scene: Scene) -> bytes:
    envelope = scene.envelope()
    changed = envelope["signedMessage"].replace('"save"', '"del"')
    return body(envelope | {"signedMessage": changed})


def _message_anew(scene: Scene) -> bytes:
    envelope = scene.envelope()
    return body(envelope | {"signedMessage": json.dumps(json.loads(envelope["signedMessage"]))})


def _key_anew(scene: Scene) -> bytes:
    envelope = scene.envelope()
    key = envelope["intermediateSigningKey"]
    key["signedKey"] = key["signedKey"].replace("\\u003d", "=")
    return body(envelope)


def _key_of_another(scene: Scene) -> bytes:
    envelope = scene.envelope()
    other = scene.envelope(GOOGLE.but(intermediate=new_key()))["intermediateSigningKey"]
    envelope["intermediateSigningKey"]["signedKey"] = other["signedKey"]
    return body(envelope)


FOREIGN = "3388000000000000001"

# what comes → status, code of the problem, reason
ANSWERS: dict[str, tuple[Make, int, str, str]] = {
    "a save": (_from(GOOGLE), 200, "", ""),
    "a deletion": (_from(GOOGLE, eventType="del"), 200, "", ""),
    "a nonce beyond ASCII": (_from(GOOGLE, nonce="ž🐎"), 200, "", ""),
    "an object beyond ASCII": (_from(GOOGLE, objectId=f"{ISSUER}.ž"), 200, "", ""),
    "an unknown object": (_from(GOOGLE, objectId=f"{ISSUER}.pas_x"), 200, "", ""),
    "an unknown class": (_from(GOOGLE, classId=f"{ISSUER}.prg_x"), 200, "", ""),
    "keys Google may add": (_later(added=[1]), 200, "", ""),
    "another signature": (
        _later(signature=sign(new_key(), "message")),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "no signature": (_later(signature=""), 401, "callback_refused", "message_unsigned"),
    "a changed message": (_changed_message, 401, "callback_refused", "message_unsigned"),
    "a message written anew": (_message_anew, 401, "callback_refused", "message_unsigned"),
    "signed for another issuer": (
        _from(GOOGLE.but(recipient=FOREIGN)),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "lengths in characters": (
        _from(GOOGLE.but(prefix="characters"), nonce="ž"),
        401,
        "callback_refused",
        "message_unsigned",
    ),
    "a stranger's key": (
        _from(GOOGLE.but(root=new_key())),
        401,
        "callback_refused",
        "key_unsigned",
    ),
    "another key": (_key_of_another, 401, "callback_refused", "key_unsigned"),
    "a key written anew": (_key_anew, 401, "callback_refused", "key_unsigned"),
    "a key without signatures": (_key(signatures=[]), 401, "callback_refused", "key_unsigned"),
    "the sender of some pages": (
        _from(GOOGLE.but(sender="GoogleWalletPasses")),
        401,
        "callback_refused",
        "key_unsigned",
    ),
    "an expired key": (
        _from(GOOGLE.but(key_life=-SECOND)),
        401,
        "callback_refused",
        "key_expired",
    ),
    "an expired message": (
        _from(GOOGLE.but(message_life=-SECOND)),
        401,
        "callback_refused",
        "message_expired",
    ),
    "another issuer's, genuine": (
        _from(
            GOOGLE.but(recipient=FOREIGN),
            classId=f"{FOREIGN}.prg",
            objectId=f"{FOREIGN}.pas",
        ),
        403,
        "callback_refused",
        "issuer_foreign",
    ),
    "another issuer's object": (
        _from(GOOGLE, objectId=f"{FOREIGN}.pas"),
        403,
        "callback_refused",
        "issuer_foreign",
    ),
    "another protocol": (
        _from(GOOGLE.but(protocol="ECv2")),
        400,
        "malformed_body",
        "protocol_unknown",
    ),
    "another event": (_from(GOOGLE, eventType="x"), 400, "malformed_body", "message_malformed"),
    "no nonce": (_from(GOOGLE, nonce=None), 400, "malformed_body", "message_malformed"),
    "NUL in the nonce": (_from(GOOGLE, nonce="\0"), 400, "malformed_body", "message_malformed"),
    "NUL in the object": (
        _from(GOOGLE, objectId=f"{ISSUER}.\0"),
        400,
        "malformed_body",
        "message_malformed",
    ),
    "a key that is none": (_key(signedKey="{}"), 400, "malformed_body", "key_malformed"),
    "nothing": (lambda _: b"", 400, "malformed_body", "envelope_malformed"),
    "a list": (lambda _: b"[]", 400, "malformed_body", "envelope_malformed"),
    "a deep list": (lambda _: b"[" * 16_000, 400, "malformed_body", "envelope_malformed"),
    "no UTF-8": (lambda _: b'{"a": "\xff"}', 400, "malformed_body", "envelope_malformed"),
    "UTF-16": (
        lambda scene: body(scene.envelope()).decode().encode("utf-16"),
        400,
        "malformed_body",
        "envelope_malformed",
    ),
}


def test_every_variant_is_answered_as_it_deserves(scene: Scene) -> None:
    """One scene for all: an answer depends on nothing before it, and only saves change anything."""
    for name, (make, status, code, reason) in ANSWERS.items():
        nonces = scene.nonces()
        answer = scene.post(make(scene))
        assert answer.status_code == status, name
        if status == 200:
            assert (answer.json, scene.nonces()) == ({}, nonces + 1), name
            continue
        assert problem(answer) == (status, code), name
        assert [fault["code"] for fault in answer.json["errors"]] == [reason], name
        assert answer.json["detail"] == REFUSALS[reason], name
        assert scene.nonces() == nonces, name
        scheme = answer.headers.get("WWW-Authenticate")
        assert scheme == ("ECv2SigningOnly" if status == 401 else None), name
    assert {reason for *_, reason in ANSWERS.values()} - {""} == REFUSALS.keys()


@ONE_DATABASE
def test_it_is_for_posts_only(scene: Scene) -> None:
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE"):
        answer = scene.service.client.open("/google/callback", method=method)
        assert answer.status_code == 405, method
        assert "POST" in answer.headers["Allow"]


@ONE_DATABASE
def test_more_than_16_kb_are_not_read(scene: Scene) -> None:
    good = body(scene.envelope())
    full = good + b" " * (MAX_BODY_BYTES - len(good))
    assert scene.post(full).status_code == 200
    assert problem(scene.post(full + b" ")) == (413, "payload_too_large")
    assert scene.saved()


@ONE_DATABASE
def test_what_comes_in_pieces_is_read_no_further(scene: Scene) -> None:
    """Without a length, the rest is cut off, and what is left is no envelope."""
    content = b" " * MAX_BODY_BYTES + body(scene.envelope())
    answer = scene.post(
        content,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert problem(answer) == (400, "malformed_body")


@ONE_DATABASE
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(garbage=st.binary(max_size=300) | st.text(max_size=100).map(body))
def test_garbage_is_a_bad_request(scene: Scene, garbage: bytes) -> None:
    assert problem(scene.post(garbage)) == (400, "malformed_body")


@ONE_DATABASE
def test_without_root_keys_google_is_asked_to_come_again(scene: Scene) -> None:
    scene.publisher.down = True
    save = body(scene.envelope())
    assert problem(scene.post(save)) == (503, "google_unavailable")
    assert scene.post(b"{}").status_code == 400
    scene.publisher.down = False
    scene.clock.forward(timedelta(seconds=30))
    scene.tell(save)
    assert scene.saved()


@ONE_DATABASE
def test_an_operator_without_google_has_no_such_door(parts: Parts) -> None:
    app = create_app(parts)
    google_callbacks.install(app, RootKeys(KEYS_URL, Publisher(Clock()).fetch, parts.now))
    answer = app.test_client().post("/google/callback", data=b"{}")
    assert problem(answer) == (404, "not_found")


@ONE_DATABASE
def test_robots_txt_lets_google_call(scene: Scene) -> None:
    text = scene.service.client.get("/robots.txt").get_data(as_text=True)
    rules = RobotFileParser()
    rules.parse(text.splitlines())
    assert rules.can_fetch("Googlebot", "https://cards.example/google/callback")
    assert not rules.can_fetch("Googlebot", "https://cards.example/p/token")
