"""A till that knows the service by its API alone."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from webhooks.simulators.till import Till, TillError
from webhooks.simulators.web import Unreachable, WebAnswer


class Api:
    """Answers as the service does and keeps what it was asked."""

    def __init__(self, *answers: WebAnswer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, str], object]] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> WebAnswer:
        if not self.answers:
            raise Unreachable("no answer")
        assert method == "POST"
        self.asked.append((url, headers, json.loads(body or b"")))
        return self.answers.pop(0)


FOUND = WebAnswer(200, {}, b'{"member": {"id": "mem_1"}}')
EARNED = WebAnswer(201, {}, b'{"transaction": {"balance_after": 4}}')
KEY = "wk_secret"


def till(api: Api, folder: Path) -> Till:
    (folder / "key").write_text(f"{KEY}\n")
    return Till("http://service", folder / "key", lambda: api)


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


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([], "does not answer"),
        ([WebAnswer(404, {}, b'{"detail": "No card has this code."}')], "No card has this code"),
        ([WebAnswer(500, {}, b"oops")], r"\(500\): no reason"),
        ([WebAnswer(200, {}, b"[]")], "no member.id"),
        ([FOUND, WebAnswer(422, {}, b'{"title": "Card full"}')], "Card full"),
    ],
)
def test_a_stamp_that_was_not_given_says_why_and_keeps_the_key(
    tmp_path: Path, answers: list[WebAnswer], words: str
) -> None:
    with pytest.raises(TillError, match=words) as caught:
        till(Api(*answers), tmp_path).stamp("CODE")
    assert KEY not in str(caught.value)


def test_a_key_that_cannot_be_read_is_named_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(TillError, match="nokey"):
        Till("http://service", tmp_path / "nokey", Api).stamp("CODE")
