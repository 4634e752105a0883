"""For whoever runs the service."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import text

from passes.store.database import Database
from passes.web.application import create_app
from passes.web.parts import Parts
from tests.passes.web.answers import problem
from tests.service import Door, Service


def test_alive_looks_at_nothing_else(service: Service) -> None:
    service.parts.database.dispose()
    answer = service.client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_service_with_database_and_certificate_is_ready(service: Service) -> None:
    answer = service.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json["status"] == "ready"
    assert set(answer.json["checks"].values()) == {"ok"}
    assert service.client.head("/readyz").status_code == 200


def test_a_schema_that_fell_behind_is_not_ready(service: Service) -> None:
    with service.parts.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "not ready")
    assert "`passmint migrate`" in answer.json["checks"]["database"]


def test_a_silent_database_is_not_ready_and_told_without_its_password(parts: Parts) -> None:
    silent = Database("postgresql+psycopg://passmint:hunter2@127.0.0.1:1/passmint")
    answer = create_app(replace(parts, database=silent)).test_client().get("/readyz")
    assert answer.status_code == 503
    assert "does not answer" in answer.json["checks"]["database"]
    assert "hunter2" not in answer.text


def test_figures_do_not_exist_without_a_token(service: Service) -> None:
    assert problem(service.client.get("/metrics")) == (404, "not_found")


def test_figures_are_for_the_bearer_of_the_token(
    make_parts: Callable[..., Parts], service: Service, door: Door
) -> None:
    client = create_app(make_parts(METRICS_TOKEN="figures")).test_client()
    service.member(door, service.program(door))
    for headers in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic figures"}):
        assert problem(client.get("/metrics", headers=headers)) == (401, "unauthorized")
    answer = client.get("/metrics", headers={"Authorization": "Bearer figures"})
    assert answer.status_code == 200
    for name in (
        "passmint_request_seconds_bucket",
        "passmint_apple_build_seconds",
        "passmint_enrolments_total",
        "passmint_certificate_days_left",
        "passmint_artwork_cache_bytes",
    ):
        assert name in answer.text
    assert 'route="/v1/programs/<program_id>/members"' in answer.text


def test_figures_tell_routes_and_never_addresses(
    make_parts: Callable[..., Parts], service: Service, door: Door
) -> None:
    card = service.member(door, service.program(door))["pass"]
    path = card["urls"]["apple"].partition("/p/")[2]
    service.client.get(f"/p/{path}")
    service.client.get("/no/such/place")
    client = create_app(make_parts(METRICS_TOKEN="figures")).test_client()
    text = client.get("/metrics", headers={"Authorization": "Bearer figures"}).text
    assert 'route="/p/<token>.pkpass"' in text
    assert 'route="(none)"' in text
    for secret in (path.removesuffix(".pkpass"), card["id"], "/no/such/place"):
        assert secret not in text


def test_robots_stay_away_from_cards(service: Service) -> None:
    answer = service.client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    assert "Disallow: /p/" in answer.text
