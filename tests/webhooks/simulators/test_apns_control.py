"""The control port of a local APNs, over HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from certs.development import PASS_TYPE_IDENTIFIER, DevelopmentFiles
from tests.webhooks.simulators.h2_client import TOKEN, H2Client
from webhooks.simulators.apns import Apns, running_apns
from webhooks.simulators.apns_control import running_control


@pytest.fixture
def apns(identities: DevelopmentFiles, tmp_path: Path) -> Iterator[Apns]:
    with running_apns(identities.authority, tmp_path / "ca.pem") as apns:
        yield apns


@pytest.fixture
def control(apns: Apns) -> Iterator[str]:
    with running_control(apns) as url:
        yield f"{url}/__sim"


def test_a_script_given_over_http_is_followed_and_its_effect_can_be_read(
    apns: Apns, control: str, identities: DevelopmentFiles
) -> None:
    rule = {"token": TOKEN.upper(), "next": 1, "status": 503, "reason": "ServiceUnavailable"}
    ordered = requests.post(f"{control}/script", json={"rules": [rule]}, timeout=3)
    assert ordered.status_code == 200
    with H2Client(apns.url, apns.ca_file, identities.identity) as client:
        assert [client.push(PASS_TYPE_IDENTIFIER).status for _ in range(2)] == [503, 200]
        seen = requests.get(f"{control}/pushes", timeout=3).json()
    assert (seen["total"], seen["counts"]) == (2, {"503": 1, "200": 1})
    assert seen["connections"] == {"opened": 1, "open": 1, "refused": 0}
    assert [push["reason"] for push in seen["pushes"]] == ["ServiceUnavailable", None]
    assert requests.get(f"{control}/pushes?token=00", timeout=3).json()["pushes"] == []


def test_a_reset_forgets_pushes_rules_and_behaviour(apns: Apns, control: str) -> None:
    script = {"rules": [{"answer": "stall"}], "max_streams": 2, "goaway_after": 5}
    requests.post(f"{control}/script", json=script, timeout=3)
    assert (apns.behaviour.max_streams, apns.behaviour.goaway_after) == (2, 5)
    assert requests.post(f"{control}/reset", timeout=3).status_code == 200
    assert (apns.behaviour.max_streams, apns.behaviour.goaway_after) == (1000, None)
    assert apns.script.answer(TOKEN, "any").status == 200


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([], "JSON object"),
        ({"rule": []}, "`rule`: Extra inputs"),
        ({"max_streams": 0}, "`max_streams`: Input should be greater"),
        ({"refuse_certificates": 1}, "valid boolean"),
        ({"rules": [{"status": 410, "reason": "BadTopic"}]}, "ExpiredToken, Unregistered"),
        ({"rules": [{"status": 418}]}, "never sends it"),
        ({"rules": [{"answer": "explode"}]}, "stall"),
        ({"rules": [{"next": 0}]}, "`rules.0.next`"),
        ({"rules": [{"delay_s": "long"}]}, "`rules.0.delay_s`"),
        ({"rules": [{"answer": "stall"}, {"tokn": "a"}]}, "`rules.1.tokn`"),
    ],
)
def test_a_script_that_cannot_be_followed_changes_nothing_and_says_why(
    apns: Apns, control: str, script: object, words: str
) -> None:
    refused = requests.post(f"{control}/script", json=script, timeout=3)
    assert refused.status_code == 400
    assert words in refused.json()["error"]
    assert apns.script.answer(TOKEN, "any").how == "status"


def test_what_is_no_json_or_no_page_is_told_so(control: str) -> None:
    assert requests.post(f"{control}/script", data=b"\x00", timeout=3).status_code == 400
    assert requests.post(f"{control}/nothing", timeout=3).status_code == 404
    assert requests.get(f"{control}/script", timeout=3).status_code == 404
