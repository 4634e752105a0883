"""What holds for every page: security headers, colours that can be read, the manual."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from branding.colour import MIN_CONTRAST, Colour, contrast
from passes.errors import CODES
from passes.services.look_pictures import LOGO
from passes.services.looks import read_look
from passes.web.manual import chapters, prose
from passes.web.pages import DARK, LIGHT, PageBrand, _button
from tests.service import Door, Service

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
colours = st.builds(Colour, *(st.integers(0, 255) for _ in range(3)))


@pytest.fixture(scope="module")
def service(standing: Service) -> Service:
    return standing


@pytest.fixture(scope="module")
def door(service: Service) -> Door:
    return service.merchant("pages")


@pytest.fixture(scope="module")
def addresses(service: Service, door: Door) -> list[str]:
    """One address of each kind of page."""
    program = service.program(door, slug="pages")
    card = service.member(door, program)["pass"]["urls"]["landing"].rpartition("/")[2]
    return ["/j/pages", f"/p/{card}", "/j/nothing", "/docs"]


def test_no_page_needs_a_script_or_another_host(service: Service, addresses: list[str]) -> None:
    for address in addresses:
        page = service.client.get(address, headers=BROWSER)
        assert "<script" not in page.text
        assert not re.search(r'<[^>]+\s(?:style|on\w+)="', page.text)
        loaded = re.findall(r'<(?:img|link)\s[^>]*(?:src|href)="([^"]+)"', page.text)
        assert loaded
        assert all(source.startswith(("/i/", "/static/", "data:,")) for source in loaded)
        assert all(
            service.client.get(source, buffered=True).status_code == 200
            for source in loaded
            if source.startswith("/")
        )


def test_styles_inside_a_page_carry_the_nonce_of_its_policy(
    service: Service, addresses: list[str]
) -> None:
    nonces = set()
    for address in addresses[:2]:
        page = service.client.get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        [nonce] = re.findall(r'<style nonce="([^"]+)">', page.text)
        assert f"style-src 'self' 'nonce-{nonce}'" in policy
        nonces.add(nonce)
    assert len(nonces) == 2
    assert "nonce" not in service.client.get("/docs").headers["Content-Security-Policy"]


def test_pages_are_light(service: Service, addresses: list[str]) -> None:
    sheet = len(service.client.get("/static/pages.css", buffered=True).data)
    for address in addresses[:3]:
        assert len(service.client.get(address, headers=BROWSER).data) + sheet < 100_000


def test_a_machine_gets_problem_documents_everywhere(service: Service) -> None:
    for path in ("/nothing", "/p/guess"):
        assert service.client.get(path).content_type == "application/problem+json"
    for path in ("/v1/members", "/apple/nothing"):
        answer = service.client.get(path, headers=BROWSER)
        assert answer.content_type == "application/problem+json"


def test_a_problem_page_speaks_the_browsers_language(service: Service) -> None:
    page = service.client.get("/nothing", headers=BROWSER | {"Accept-Language": "he"})
    assert page.status_code == 404
    assert 'dir="rtl"' in page.text
    assert "אין כאן כלום" in page.text


@given(colours, colours)
@settings(max_examples=60, deadline=None)
def test_a_button_can_be_read_and_seen_on_both_pages(ground: Colour, ink: Colour) -> None:
    if contrast(ground, ink) < MIN_CONTRAST:
        return
    for around in (LIGHT, DARK):
        button, text = (Colour.parse(part) for part in _button(ground, ink, around))
        assert contrast(button, text) >= MIN_CONTRAST
        assert contrast(button, around) >= 1.4


def test_unreadable_brand_colours_are_made_readable(service: Service, door: Door) -> None:
    colours = {"background": "#777777", "foreground": "#888888", "label": "#777777"}
    template = door.post("/templates", {"name": "Grey", "colors": colours}).json
    program = service.program(door, template_id=template["id"])
    with service.parts.database.reading() as session:
        brand = PageBrand.of(read_look(session, program["id"]), {(LOGO, 0): "0"})
    ground = Colour.parse(brand.ground)
    assert contrast(ground, Colour.parse(brand.ink)) >= MIN_CONTRAST
    assert contrast(ground, Colour.parse(brand.label)) >= MIN_CONTRAST


def test_the_sheet_and_the_code_agree_on_the_pages_grounds(service: Service) -> None:
    sheet = service.client.get("/static/pages.css", buffered=True).text
    assert re.findall(r"--page: (#\w+);", sheet) == [LIGHT.hex, DARK.hex]


def test_the_manual_has_every_operation_and_every_problem(service: Service) -> None:
    document = service.client.get("/openapi.json").json
    page = service.client.get("/docs").text
    for path, methods in document["paths"].items():
        for described in methods.values():
            assert f'<article id="{described["operationId"]}"' in page
        assert path in page
    for code in CODES:
        assert f'<div id="{code}">' in page


def test_the_manual_reads_nested_fields_with_their_limits() -> None:
    address = {
        "type": "object",
        "required": ["zip"],
        "properties": {
            "zip": {"type": "string", "minLength": 4, "maxLength": 4},
            "kind": {"enum": ["home", "work"], "default": "home"},
        },
    }
    person = {
        "type": "object",
        "required": ["addresses"],
        "properties": {
            "addresses": {"type": "array", "items": {"$ref": "#/x/Address"}, "maxItems": 3},
            "age": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
        },
    }
    operation = {
        "operationId": "people_create",
        "tags": ["people"],
        "summary": "Add one",
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x/Person"}}}},
        "responses": {"204": {"description": "Done"}, "404": {"description": "Lost"}},
    }
    [chapter] = chapters(
        {
            "servers": [{"url": "https://x.example"}],
            "paths": {"/people/{id}": {"post": operation}},
            "components": {"schemas": {"Person": person, "Address": address}},
        }
    )
    [read] = chapter.operations
    assert [(row.name, row.depth, row.kind, row.required, row.notes) for row in read.body] == [
        ("addresses", 0, "array of object", True, ("at most 3 items",)),
        ("addresses[].zip", 1, "string", True, ("exactly 4 characters",)),
        ("addresses[].kind", 1, "one of “home”, “work”", False, ('default "home"',)),
        ("age", 0, "integer or null", False, ("at least 1",)),
    ]
    assert [answer.status for answer in read.answers] == ["204"]
    assert [problem.status for problem in read.problems] == ["404"]
    assert "curl -X POST https://x.example/people/ID" in read.example
    assert """-d '{"addresses": [{"zip": "…"}]}'""" in read.example


def test_prose_is_escaped_and_its_code_marked() -> None:
    assert prose("Use `a<b` & go.\n\nNow.") == (
        "<p>Use <code>a&lt;b</code> &amp; go.</p><p>Now.</p>"
    )
