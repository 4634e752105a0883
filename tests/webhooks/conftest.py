"""Shops whose cards live in phones or in the local Google, and Google calling us about them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from certs.development import GOOGLE_ISSUER_ID
from certs.google import GoogleIdentity
from passes.web.artwork import draw
from passes.web.parts import Parts
from tests.service import PUBLIC_URL, Clock, Door, Service, serve
from tests.webhooks.apple_scene import Phone, Scene
from tests.webhooks.google_calls import Calls, Publisher
from tests.webhooks.google_signer import ISSUER
from tests.webhooks.google_world import DOUBT, PREFIX, World, check_bodies
from tests.webhooks.living import Shop
from webhooks import google_callbacks
from webhooks.couriers.google_rest import GoogleRest
from webhooks.google_desk import GoogleDesk, Telling
from webhooks.google_keys import KEYS_URL, RootKeys, fetch_keys
from webhooks.rounds import Rounds
from webhooks.simulators.google_server import Google, running_google
from webhooks.terms import Terms


@pytest.fixture(scope="module")
def standing(shared_service: Service) -> Shop:
    return Shop.open(shared_service)


@pytest.fixture
def shop(standing: Shop) -> Shop:
    """A shop without phones."""
    standing.clear()
    return standing


@pytest.fixture
def scene(service: Service, door: Door) -> Scene:
    program = service.program(door, logo=False)
    members = [service.member(door, program) for _ in range(2)]
    return Scene(service, door, members, Phone(service, program["pass_type_identifier"]))


@pytest.fixture(scope="module")
def running(
    google_account: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Google, Path]]:
    """The local Google, and a key file that names its token service."""
    with running_google(google_account, GOOGLE_ISSUER_ID, now=lambda: datetime.now(UTC)) as google:
        key_file = tmp_path_factory.mktemp("account") / "key.json"
        account = json.loads(google_account.read_text()) | {"token_uri": f"{google.url}/token"}
        key_file.write_text(json.dumps(account))
        yield google, key_file


@pytest.fixture
def key_file(running: tuple[Google, Path]) -> Path:
    _, key_file = running
    return key_file


@pytest.fixture
def google(running: tuple[Google, Path]) -> Iterator[Google]:
    """A good day; whatever it was told in a test, it was told in whole and sound documents."""
    google, _ = running
    google.reset()
    google.panel.turn({"rate_per_s": None, "fetch_images": False, "hold_callbacks": True})
    yield google
    google.holds.release()
    check_bodies(google.journal.entries(path=PREFIX))


@pytest.fixture
def world(make_parts: Callable[..., Parts], google: Google, key_file: Path) -> Iterator[World]:
    parts = make_parts(
        GOOGLE_SERVICE_ACCOUNT=str(key_file),
        GOOGLE_ISSUER_ID=GOOGLE_ISSUER_ID,
        GOOGLE_SAVE_URL=google.save_url,
        GOOGLE_KEYS_URL=google.keys_url,
    )
    service = serve(parts)
    google_callbacks.install(
        service.app, RootKeys(parts.settings.google_keys_url, fetch_keys, parts.now)
    )
    identity = parts.google
    assert isinstance(identity, GoogleIdentity)
    draw_here = partial(draw, parts)
    with ExitStack() as stack:

        def make_rounds(
            timeout_s: float = 10.0, draw: Callable[[str], object] = draw_here
        ) -> Rounds[Telling]:
            """As in a worker of its own; our own back-off takes no time."""
            courier = GoogleRest(
                key_file,
                api_url=google.url,
                now=parts.now,
                reserve=lambda turns: [0.0] * turns,
                timeout_s=timeout_s,
            )
            stack.enter_context(closing(courier))
            desk = GoogleDesk(courier, identity, PUBLIC_URL, parts.looks, draw)
            terms = Terms(batch=20, doubt=DOUBT)
            return Rounds(parts.database, desk, parts.now, terms, uniform=lambda least, _: least)

        door = service.merchant()
        limits = {"max_stamps": 30, "cooldown_s": 0}
        program = service.program(door, logo=False, introduced=True, limits=limits)
        yield World(service, door, program, google, make_rounds, make_rounds())
        google.holds.release()


@pytest.fixture
def calls(make_parts: Callable[..., Parts], google_account: Path, clock: Clock) -> Calls:
    parts = make_parts(GOOGLE_SERVICE_ACCOUNT=str(google_account), GOOGLE_ISSUER_ID=ISSUER)
    service = serve(parts)
    publisher = Publisher(clock)
    google_callbacks.install(service.app, RootKeys(KEYS_URL, publisher.fetch, clock))
    door = service.merchant()
    program = service.program(door, logo=False)
    members = [service.member(door, program) for _ in range(2)]
    return Calls(service, members, program, publisher, clock)
