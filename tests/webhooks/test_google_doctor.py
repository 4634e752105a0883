"""What the doctor finds: all well with a local Google, and each fault with its cure."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from certs.development import GOOGLE_ISSUER_ID
from passes.wallets.google import class_json, object_json, resource_id
from tests.passes.wallets.google_cards import class_facts, face, object_facts
from webhooks.couriers.google_rest import GoogleRest, Upsert
from webhooks.couriers.outcomes import Delivered
from webhooks.google_doctor import Setup, examine
from webhooks.google_reach import Finding
from webhooks.simulators.google_http import Reply, Request, serving
from webhooks.simulators.google_script import Rule
from webhooks.simulators.google_server import Google

CLASS_ID = resource_id(GOOGLE_ISSUER_ID, "prg_4Qm1bC7dE9fG2hJ4kL6mN8")
OBJECT_ID = resource_id(GOOGLE_ISSUER_ID, "pas_1aB2cD3eF4gH5iJ6kL7mN8")


def now() -> datetime:
    return datetime.now(UTC)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (660, 660), "#17453b").save(buffer, "PNG")
    return buffer.getvalue()


PNG = Reply(200, png(), {"Content-Type": "image/png"})


@dataclass
class Ours:
    """Our side of the web: answers by method and path, 404 else."""

    url: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)

    def answer(self, request: Request) -> Reply:
        return self.replies.get(f"{request.method} {request.path}", Reply(404))


@pytest.fixture(scope="module")
def serving_us() -> Iterator[Ours]:
    ours = Ours()
    with serving(ours.answer, 0) as ours.url:
        yield ours


@pytest.fixture
def ours(serving_us: Ours) -> Ours:
    """Our side, in order."""
    serving_us.replies = {
        "GET /i/a.png": PNG,
        "GET /i/b.png": PNG,
        "GET /robots.txt": Reply(200, b"User-agent: *\nDisallow: /p/\nDisallow: /v1/\n"),
        "POST /google/callback": Reply(400),
    }
    return serving_us


@pytest.fixture
def google(running: tuple[Google, Path]) -> Google:
    google, _ = running
    google.reset()
    google.panel.turn({"rate_per_s": None})
    return google


@pytest.fixture
def setup(google: Google, key_file: Path, ours: Ours) -> Setup:
    """A service whose class and first card are at Google."""
    setup = Setup(
        service_account=key_file,
        issuer_id=GOOGLE_ISSUER_ID,
        api_url=google.url,
        save_url=google.save_url,
        callback_url=f"{ours.url}/google/callback",
        class_ids=[CLASS_ID],
        picture_urls=[f"{ours.url}/i/a.png", f"{ours.url}/i/b.png"],
        sample=(CLASS_ID, OBJECT_ID),
    )
    logo, hero = setup.picture_urls
    klass = class_json(class_facts(class_id=CLASS_ID, logo_url=logo))
    card = object_json(face(), object_facts(object_id=OBJECT_ID, class_id=CLASS_ID, hero_url=hero))
    notices = [
        Upsert(1, "loyaltyClass", CLASS_ID, klass, notify=False),
        Upsert(2, "loyaltyObject", OBJECT_ID, card, notify=False),
    ]
    courier = GoogleRest(key_file, api_url=google.url, now=now, reserve=lambda turns: [0.0] * turns)
    for notice in notices:
        [(_, outcome)] = courier.deliver([notice])
        assert isinstance(outcome, Delivered)
    courier.close()
    return setup


def bad(setup: Setup) -> dict[str, str]:
    """What is bad, by subject."""
    return {one.subject: one.text for one in examine(setup, now) if one.level == "bad"}


def of(subject: str, findings: tuple[Finding, ...]) -> list[Finding]:
    return [one for one in findings if one.subject == subject]


def test_when_all_is_well_everything_is_said_to_be_good(setup: Setup) -> None:
    findings = examine(setup, now)
    assert [(one.subject, one.level) for one in findings] == [
        ("key file", "good"),
        ("token", "good"),
        ("issuer", "good"),
        ("class", "good"),
        ("save link", "good"),
        ("save link", "good"),
        ("demo mode", "hint"),
        ("pictures", "good"),
        ("callback", "good"),
    ]
    assert "2 can be fetched" in of("pictures", findings)[0].text
    assert "[TEST ONLY]" in of("demo mode", findings)[0].text


def test_nothing_that_is_found_carries_a_secret(setup: Setup, google: Google) -> None:
    google.panel.turn({"account_linked": False})
    text = repr(examine(setup, now))
    assert "PRIVATE" not in text
    assert "eyJ" not in text


def test_a_damaged_key_file_is_the_only_thing_said_of_google(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_text("{}")
    findings = examine(replace(setup, service_account=tmp_path / "key.json"), now)
    assert [(one.subject, one.level) for one in findings] == [
        ("key file", "bad"),
        ("pictures", "good"),
        ("callback", "good"),
    ]


def test_a_key_that_google_does_not_know_tells_to_make_a_new_one(
    setup: Setup, google: Google
) -> None:
    google.panel.turn({"account_enabled": False})
    findings = bad(setup)
    assert list(findings) == ["token"]
    assert "invalid_grant" in findings["token"]
    assert "create a new key" in findings["token"]


@pytest.mark.parametrize(("minutes", "words"), [(9, "ahead of"), (-9, "behind")])
def test_a_wrong_clock_is_told(setup: Setup, minutes: int, words: str) -> None:
    [clock] = of("clock", examine(setup, lambda: now() + timedelta(minutes=minutes)))
    assert clock.level == "bad"
    assert words in clock.text


def test_an_account_that_is_no_user_is_to_be_invited(setup: Setup, google: Google) -> None:
    google.panel.turn({"account_linked": False})
    findings = bad(setup)
    assert list(findings) == ["issuer"]
    assert f"invite {google.account.email} as a user" in findings["issuer"]


def test_an_issuer_that_google_does_not_know_is_to_be_compared(
    setup: Setup, google: Google
) -> None:
    google.script.add(Rule(answer="status", path="/issuer/", status=404))
    assert "compare PASSMINT_GOOGLE_ISSUER_ID" in bad(setup)["issuer"]


def test_a_google_that_cannot_be_reached_is_told(setup: Setup) -> None:
    findings = bad(replace(setup, api_url="http://127.0.0.1:1"))
    assert "127.0.0.1:1 cannot be reached" in findings["issuer"]


def test_a_google_in_trouble_is_told(setup: Setup, google: Google) -> None:
    google.script.add(Rule(answer="status", path="/loyaltyClass/", status=503))
    findings = bad(setup)
    assert list(findings) == ["class"]
    assert findings["class"].startswith("Google answered 503")


def test_a_class_that_is_not_there_yet_is_told(setup: Setup) -> None:
    missing = resource_id(GOOGLE_ISSUER_ID, "prg_missing")
    findings = bad(replace(setup, class_ids=[CLASS_ID, missing]))
    assert f"{missing} is not at Google" in findings["class"]


@pytest.mark.parametrize(
    ("status", "level"),
    [
        ("APPROVED", "good"),
        ("approved", "good"),
        ("underReview", "hint"),
        ("UNDER_REVIEW", "hint"),
        ("draft", "bad"),
        ("rejected", "bad"),
        ("somethingNew", "hint"),
    ],
)
def test_each_state_of_a_review_is_told(
    setup: Setup, google: Google, status: str, level: str
) -> None:
    [klass] = [one for one in google.registry.all() if one.id == CLASS_ID]
    klass.document |= {"reviewStatus": status, "review": {"comments": "The logo is blurred."}}
    google.panel.turn({"legacy_answers": False})
    [finding] = of("class", examine(setup, now))
    assert finding.level == level
    assert ("The logo is blurred." in finding.text) == (status == "rejected")


def test_without_a_card_the_link_is_not_tried(setup: Setup) -> None:
    [link] = of("save link", examine(replace(setup, sample=None), now))
    assert link.level == "hint"


def test_a_link_that_is_too_long_is_told(setup: Setup) -> None:
    findings = bad(replace(setup, save_url="https://save.example/" + "x" * 1500))
    assert "characters" in findings["save link"]


def test_a_link_that_google_does_not_find_valid_is_told(setup: Setup, google: Google) -> None:
    google.script.add(Rule(answer="status", path="/jwt/validate", status=400))
    assert "Google answered 400" in bad(setup)["save link"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (Reply(404), "answers 404"),
        (Reply(302, b"", {"Location": "/i/b.png"}), "answers 302"),
        (Reply(200, png(), {"Content-Type": "text/html"}), "comes as text/html"),
        (Reply(200, png()), "comes as nothing known"),
        (Reply(200, b"<svg/>", {"Content-Type": "image/png"}), "is no picture that can be decoded"),
        (
            Reply(200, png()[:300], {"Content-Type": "image/png"}),
            "is no picture that can be decoded",
        ),
    ],
)
def test_a_picture_that_google_could_not_use_is_told(
    setup: Setup, ours: Ours, reply: Reply, fault: str
) -> None:
    ours.replies["GET /i/b.png"] = reply
    pictures = of("pictures", examine(setup, now))
    assert [one.level for one in pictures] == ["bad", "good"]
    assert f"{ours.url}/i/b.png {fault}" in pictures[0].text
    assert "1 can be fetched" in pictures[1].text


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://cards.example/i/a.png", "does not start with https"),
        ("https://127.0.0.1:1/i/a.png", "cannot be reached"),
    ],
)
def test_a_picture_at_a_bad_address_is_told(setup: Setup, url: str, fault: str) -> None:
    assert fault in bad(replace(setup, picture_urls=[url]))["pictures"]


def test_the_real_google_fetches_nothing_from_this_machine(setup: Setup) -> None:
    findings = bad(replace(setup, api_url="https://wallet.invalid"))
    assert "on this machine" in findings["pictures"]
    assert "on this machine" in findings["callback"]
    assert "wallet.invalid cannot be reached" in findings["issuer"]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"POST /google/callback": Reply(404)}, "answers 404"),
        ({"POST /google/callback": Reply(405)}, "answers 405"),
        ({"POST /google/callback": Reply(502)}, "answers 502"),
        (
            {"GET /robots.txt": Reply(200, b"User-agent: *\nDisallow: /")},
            "is forbidden to Googlebot",
        ),
        (
            {"GET /robots.txt": Reply(200, b"User-agent: Googlebot\nDisallow: /google/")},
            "is forbidden to Googlebot",
        ),
        ({"GET /robots.txt": Reply(503)}, "robots.txt answers 503"),
    ],
)
def test_a_callback_that_google_could_not_make_is_told(
    setup: Setup, ours: Ours, changes: dict[str, Reply], fault: str
) -> None:
    ours.replies |= changes
    assert fault in bad(setup)["callback"]


def test_without_a_robots_file_google_may_call(setup: Setup, ours: Ours) -> None:
    del ours.replies["GET /robots.txt"]
    assert bad(setup) == {}
