"""The API's description: valid, complete, and true to what is answered."""

import re
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from passes.errors import CODES
from passes.web.api import ENDPOINTS
from tests.service import PUBLIC_URL, Service


def described(service: Service) -> Any:
    return service.client.get("/openapi.json").json


def test_the_document_is_valid(service: Service) -> None:
    document = described(service)
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": PUBLIC_URL}]
    OpenAPIV31SpecValidator(document).validate()


def test_it_lists_exactly_the_routes_that_answer(service: Service) -> None:
    told = {
        (method.upper(), path)
        for path, operations in described(service)["paths"].items()
        for method in operations
    }
    answered = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in service.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/v1/")
    }
    assert told == answered
    assert len(told) == len(ENDPOINTS)


def test_every_operation_says_what_it_does_and_what_it_wants(service: Service) -> None:
    operations = [
        operation
        for operations in described(service)["paths"].values()
        for operation in operations.values()
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert "Scope: `" in operation["description"]
        assert {"401", "403", "404", "422"} <= operation["responses"].keys()


def test_every_code_is_told_with_its_cure(service: Service) -> None:
    text = described(service)["info"]["description"]
    assert all(f"`{code}`" in text for code in CODES)


def test_the_page_works_without_network_and_script(service: Service) -> None:
    page = service.client.get("/docs")
    assert page.status_code == 200, page.text
    assert page.mimetype == "text/html"
    assert "<script" not in page.text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert loaded
    assert not [address for address in loaded if address.startswith(("http:", "https:", "//"))]
    for endpoint in ENDPOINTS:
        assert "/v1" + re.sub(r"<(\w+)>", r"{\1}", endpoint.path) in page.text
    for code in CODES:
        assert f'id="{code}"' in page.text
    for address in loaded:
        if address.startswith("/"):
            with service.client.get(address) as found:
                assert found.status_code == 200, address
