"""A till that knows the service by its API alone."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.webhooks.simulators.cards import now
from webhooks.simulators.service_api import ServiceError
from webhooks.simulators.till import Till
from webhooks.simulators.web import Unreachable, WebAnswer
from webhooks.simulators.whereabouts import Position


class Api:
    """Answers as the service does and keeps what it was asked; its shops are apart."""

    def __init__(self, *answers: WebAnswer, shops: WebAnswer | None = None) -> None:
        self.answers = list(answers)
        self.shops = shops
        self.asked: list[tuple[str, Mapping[str, str], object]] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        if method == "GET" and self.shops:
            return self.shops
        if not self.answers:
            raise Unreachable("no answer")
        assert method == "POST"
        self.asked.append((url, headers, json.loads(body or b"")))
        return self.answers.pop(0)


FOUND = WebAnswer(200, {}, b'{"member": {"id": "mem_1"}}')
UNKNOWN = WebAnswer(404, {}, b'{"detail": "No card has this code."}')
EARNED = WebAnswer(201, {}, b'{"transaction": {"balance_after": 4}}')
SHOP = {"id": "loc_1", "name": "Astoria", "latitude": 47.4945, "longitude": 19.0601, "active": True}
SHOPS = WebAnswer(200, {}, json.dumps({"data": [SHOP], "next_cursor": None}).encode())
KEY = "wk_secret"


def till(api: Api, folder: Path, *keys: str) -> Till:
    files = [folder / key for key in keys or (KEY,)]
    for file in files:
        file.write_text(f"{file.name}\n")
    return Till("http://service", files, lambda: api, now)


def test_a_stamp_is_a_lookup_by_code_and_a_transaction_with_a_key_of_its_own(
    tmp_path: Path,
) -> None:
    api = Api(FOUND, EARNED, FOUND, EARNED)
    one = till(api, tmp_path)
    assert one.stamp("CODE") == "Stamped: 4 stamps in all"
    one.stamp("CODE")
    lookup, earn, _, again = api.asked
    assert lookup[0] == "http://service/v1/scans"
    assert lookup[2] == {"code": "CODE", "intent": "lookup"}
    assert earn[0] == "http://service/v1/members/mem_1/transactions"
    assert earn[2] == {"type": "earn", "stamps": 1}
    assert earn[1]["Authorization"] == f"Bearer {KEY}"
    assert earn[1]["Idempotency-Key"] != again[1]["Idempotency-Key"]


def test_a_stamp_is_given_in_the_shop_where_the_phone_stands(tmp_path: Path) -> None:
    api = Api(FOUND, EARNED, FOUND, EARNED, shops=SHOPS)
    one = till(api, tmp_path)
    said = one.stamp("CODE", Position(47.4955, 19.0601))
    assert said == "Stamped at Astoria: 4 stamps in all"
    assert one.stamp("CODE", Position(47.4975, 19.0601)) == "Stamped: 4 stamps in all"
    _, inside, _, outside = api.asked
    assert inside[2] == {"type": "earn", "stamps": 1, "location_id": "loc_1"}
    assert outside[2] == {"type": "earn", "stamps": 1}


def test_a_card_is_looked_for_at_every_merchant_and_stamped_at_its_own(tmp_path: Path) -> None:
    api = Api(UNKNOWN, FOUND, EARNED)
    till(api, tmp_path, "wk_first", "wk_second").stamp("CODE")
    assert [headers["Authorization"] for _, headers, _ in api.asked] == [
        "Bearer wk_first",
        "Bearer wk_second",
        "Bearer wk_second",
    ]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([], "does not answer"),
        ([UNKNOWN], "No card has this code"),
        ([WebAnswer(500, {}, b"oops")], r"\(500\): no reason"),
        ([WebAnswer(200, {}, b"[]")], "no member.id"),
        ([FOUND, WebAnswer(422, {}, b'{"title": "Card full"}')], "Card full"),
    ],
)
def test_a_stamp_that_was_not_given_says_why_and_keeps_the_key(
    tmp_path: Path, answers: list[WebAnswer], words: str
) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        till(Api(*answers), tmp_path).stamp("CODE")
    assert KEY not in str(caught.value)


def test_a_card_that_no_merchant_knows_is_told_in_the_last_ones_words(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="No card has this code"):
        till(Api(UNKNOWN, UNKNOWN), tmp_path, "wk_first", "wk_second").stamp("CODE")


def test_a_key_that_cannot_be_read_is_named_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="nokey"):
        Till("http://service", [tmp_path / "nokey"], Api, now).stamp("CODE")


def test_without_a_key_nothing_is_stamped() -> None:
    with pytest.raises(ServiceError, match="no API key"):
        Till("http://service", [], Api, now).stamp("CODE")
