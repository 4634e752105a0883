"""What surrounds every request."""

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from passes.web.application import create_app
from passes.web.parts import Parts
from tests.service import Door, Service

TOKEN = "x" * 43


def test_a_request_id_is_echoed_or_made(service: Service) -> None:
    echoed = service.client.get("/healthz", headers={"X-Request-Id": "till-7.42_a"})
    assert echoed.headers["X-Request-Id"] == "till-7.42_a"
    first, second = (service.client.get("/healthz").headers["X-Request-Id"] for _ in range(2))
    assert first.startswith("req_")
    assert first != second


@pytest.mark.parametrize("wish", ["", "two words", "x" * 65, "ü", '"}', "a;b"])
def test_a_request_id_that_could_spoil_a_log_is_replaced(service: Service, wish: str) -> None:
    answer = service.client.get("/v1/nothing", headers={"X-Request-Id": wish})
    made = answer.headers["X-Request-Id"]
    assert made.startswith("req_")
    assert answer.json["request_id"] == made


def test_every_answer_carries_the_security_headers(service: Service, door: Door) -> None:
    card = service.member(door, service.program(door))["pass"]
    for path in ("/healthz", "/v1/nothing", "/docs", f"/p/{TOKEN}", f"/v1/passes/{card['id']}"):
        headers = service.client.get(path).headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_on_this_machine_alone_https_is_not_demanded(make_parts: Callable[..., Parts]) -> None:
    client = create_app(make_parts(PUBLIC_URL="http://127.0.0.1:8080")).test_client()
    assert "Strict-Transport-Security" not in client.get("/healthz").headers


def test_logs_name_routes_and_keys_and_no_secret(service: Service, door: Door) -> None:
    program = service.program(door)
    with capture_logs() as lines:
        member = service.member(door, program, person={"email": "anna@secret.example"})
        landing = member["pass"]["urls"]["landing"]
        service.client.get(landing.partition("cards.example")[2] + ".pkpass")
        door.get("/members?external_id=customer-7")
    assert [line["route"] for line in lines] == [
        "/v1/programs/<program_id>/members",
        "/p/<token>.pkpass",
        "/v1/members",
    ]
    assert [line["status"] for line in lines] == [201, 200, 200]
    assert lines[0]["key"].startswith("key_")
    told = str(lines)
    for secret in ("anna", landing.rpartition("/")[2], door.key, "customer-7"):
        assert secret not in told


def test_a_bug_is_ours_and_its_text_stays_here(service: Service) -> None:
    def break_down() -> str:
        raise LookupError("anna@secret.example")

    service.app.add_url_rule("/break", view_func=break_down)
    with capture_logs() as lines:
        answer = service.client.get("/break")
    assert answer.status_code == 500
    assert answer.json["code"] == "internal_error"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    [bug] = [line for line in lines if line["event"] == "bug"]
    assert bug["error"] == "LookupError"
    assert any("break_down" in frame for frame in bug["frames"])
    assert "anna" not in answer.text + str(lines)


@pytest.mark.parametrize(("hops", "address"), [("0", "10.0.0.9"), ("1", "203.0.113.7")])
def test_forwarded_headers_count_as_far_as_we_are_told(
    make_parts: Callable[..., Parts], hops: str, address: str
) -> None:
    app = create_app(make_parts(PROXY_HOPS=hops))
    seen = []

    def look() -> str:
        from flask import request  # noqa: PLC0415

        seen.append(request.remote_addr)
        return ""

    app.add_url_rule("/look", view_func=look)
    app.test_client().get(
        "/look",
        headers={"X-Forwarded-For": "198.51.100.1, 203.0.113.7"},
        environ_base={"REMOTE_ADDR": "10.0.0.9"},
    )
    assert seen == [address]
